#include "k8s/directory/serve.h"

#include <fmt/format.h>

#include <array>

#include "dns/cares_upstream.h"
#include "dns/resolv_conf.h"
#include "dns/resolver.h"
#include "enroll/client.h"
#include "https/service.h"
#include "io/descriptor_limit.h"
#include "io/fd_watch.h"
#include "io/tcp.h"
#include "k8s/directory/metrics_text.h"
#include "k8s/directory/server.h"
#include "k8s/directory/status_writer.h"
#include "k8s/directory/watcher.h"
#include "tls/identity_store.h"

namespace epaulet::kube {
namespace {

constexpr std::size_t kKinds = static_cast<std::size_t>(ObjectKind::count_);

https::ServiceNames names() {
  https::ServiceNames names;
  names.program = "epaulet-directory";
  names.what = "the directory";
  return names;
}

std::unique_ptr<Model> make_model(const DirectoryOptions& options, Random& random) {
  return std::make_unique<Model>(options.trust_domain, fmt::format("{:016x}", random.next()));
}

class DirectoryService final : public https::Service {
 public:
  explicit DirectoryService(const DirectoryOptions& options)
      : Service(names(), options.listen, options.status),
        options_(options),
        hub_(std::make_shared<Hub>(make_model(options, loop().random()))),
        open_files_(raise_descriptor_limit()),
        server_(loop(), hub_, log(), connections_that_fit(open_files_)) {}

 protected:
  Checked<void> prepare(WallTime now) override {
    const auto address = api_address(options_.kubernetes_api);
    if (!address) return address.error();
    dialer_ = make_tcp_dialer(loop());
    ApiAccess access;
    access.address = *address;
    access.ca_file = options_.kubernetes_credentials + "/ca.crt";
    access.token_file = options_.kubernetes_credentials + "/token";
    api_ = std::make_unique<ApiClient>(*dialer_, std::move(access));
    for (std::size_t i = 0; i < kKinds; ++i) {
      Watcher::Seams seams{loop(), *api_, hub_->model()};
      Watcher::Listener listener;
      listener.on_change = [this] { on_change(); };
      listener.on_failure = [this](ObjectKind kind, const std::string& why) {
        log().warning(loop().wall_now(), "not_watched",
                      "the API server is not heard: what is known stays in use",
                      {{"objects", name_of(kind)}, {"reason", std::string_view(why)}});
      };
      listener.on_unreadable = [this](ObjectKind kind, const std::string& name) {
        log().warning(loop().wall_now(), "object_unreadable",
                      "an object is not what it should be, and is not used",
                      {{"objects", name_of(kind)}, {"name", std::string_view(name)}});
      };
      watchers_[i] = std::make_unique<Watcher>(seams, static_cast<ObjectKind>(i), listener);
    }
    statuses_ = std::make_unique<StatusWriter>(
        loop(), *api_, hub_->model(), [this](const std::string& why) {
          log().warning(loop().wall_now(), "status_not_written",
                        "what became of a route is not written back",
                        {{"reason", std::string_view(why)}});
        });
    if (!options_.identity_dir.empty()) return load_files(now);
    if (options_.identity_service.empty())
      return Reason("nothing says where our certificate comes from",
                    "set --identity-service, or --identity-dir");
    if (!enroll::parse_service_url(options_.identity_service))
      return Reason(options_.identity_service + " is no URL of an identity service",
                    "for example https://epaulet-identity.epaulet-system.svc.cluster.local:15014");
    return {};
  }

  https::Server& server() override { return server_.https(); }

  void started(WallTime now) override {
    log().info(now, "started", "the directory is up",
               {{"listen", std::string_view(options_.listen)},
                {"trust_domain", std::string_view(options_.trust_domain)}});
    const auto connections = connections_that_fit(open_files_);
    if (connections < DirectoryServer::kConnectionsMax) {
      log().warning(now, "connections_limited",
                    "the limit of open files lowers how many sidecars are answered",
                    {{"open_files", static_cast<std::int64_t>(open_files_)},
                     {"connections", static_cast<std::int64_t>(connections)}});
    }
    if (options_.identity_dir.empty()) start_enrolling();
    for (auto& watcher : watchers_) watcher->start();
    statuses_->start();
  }

  void add_reasons(std::vector<std::string>& reasons) const override {
    if (!is_complete_) reasons.emplace_back("the API server's lists are not there yet");
    if (!identity_ || identity_->not_after() <= loop().wall_now())
      reasons.emplace_back("there is no valid certificate of ours; the log says why");
  }

  std::string metrics() const override {
    DirectoryFacts facts;
    for (const auto& watcher : watchers_) facts.watchers.push_back(&watcher->status());
    facts.hub = hub_.get();
    facts.counts = server_.counts();
    facts.statuses = statuses_->counts();
    facts.now = loop().now();
    if (identity_)
      facts.own_seconds_left =
          std::chrono::floor<std::chrono::seconds>(identity_->not_after() - loop().wall_now())
              .count();
    return metrics_text(facts);
  }

  void look() override {
    if (options_.identity_dir.empty() || files_->fingerprint_of_files() == seen_) return;
    if (auto loaded = load_files(loop().wall_now()); !loaded) {
      const auto reason = loaded.error().to_string();
      log().error(loop().wall_now(), "files_refused",
                  "the new files are not usable; what was in force stays in force",
                  {{"reason", std::string_view(reason)}});
    }
  }

  void draining() override { hub_->end_all(); }

 private:
  Checked<void> load_files(WallTime now) {
    if (!files_) files_.emplace(options_.identity_dir, options_.trust_domain);
    seen_ = files_->fingerprint_of_files();
    const auto loaded = files_->load(now);
    if (!loaded) return loaded.error().front();
    return take(*loaded);
  }

  Checked<void> take(std::shared_ptr<const Identity> identity) {
    auto taken = server_.set_identity(identity);
    if (taken) identity_ = std::move(identity);
    return taken;
  }

  void start_enrolling() {
    CaresUpstream::Options dns;
    if (const auto conf = read_resolv_conf()) dns.servers = conf->nameservers;
    dns_ = std::make_unique<CaresUpstream>(loop(), make_fd_watch(loop()), dns);
    resolver_ = std::make_unique<UpstreamResolver>(*dns_, has_route);
    IdentitySettings settings;
    settings.trust_domain = options_.trust_domain;
    settings.service = options_.identity_service;
    settings.ca = options_.identity_ca;
    settings.token_file = options_.identity_token;
    enroll_ = std::make_unique<enroll::Client>(
        enroll::Client::Seams{loop(), *resolver_, *dialer_}, settings, nullptr,
        [this](std::shared_ptr<const Identity> identity) { return take(std::move(identity)); },
        [this](const std::string& why) {
          log().warning(loop().wall_now(), "identity_not_renewed",
                        "the identity service gave no certificate",
                        {{"reason", std::string_view(why)}});
        });
    enroll_->start();
  }

  void on_change() {
    hub_->publish();
    if (is_complete_) {
      const auto routes = hub_->model().routes_version();
      if (std::exchange(routes_seen_, routes) != routes) statuses_->look();
      return;
    }
    for (const auto& watcher : watchers_)
      if (!watcher->status().is_listed) return;
    is_complete_ = true;
    server_.set_complete();
    statuses_->look();
    const auto& model = hub_->model();
    log().info(loop().wall_now(), "complete", "all lists are there: sidecars are answered",
               {{"services", static_cast<std::int64_t>(model.count(ObjectKind::service))},
                {"routes", static_cast<std::int64_t>(model.count(ObjectKind::http_route) +
                                                     model.count(ObjectKind::grpc_route))},
                {"endpoints", static_cast<std::int64_t>(model.endpoints())},
                {"pods", static_cast<std::int64_t>(model.count(ObjectKind::pod))}});
  }

  const DirectoryOptions& options_;
  std::shared_ptr<Hub> hub_;
  const std::uint64_t open_files_;
  DirectoryServer server_;
  std::unique_ptr<Dialer> dialer_;
  std::unique_ptr<ApiClient> api_;
  std::array<std::unique_ptr<Watcher>, kKinds> watchers_;
  std::unique_ptr<StatusWriter> statuses_;
  std::optional<IdentityStore> files_;
  IdentityStore::FilesFingerprint seen_;
  std::unique_ptr<CaresUpstream> dns_;
  std::unique_ptr<UpstreamResolver> resolver_;
  std::unique_ptr<enroll::Client> enroll_;
  std::shared_ptr<const Identity> identity_;
  bool is_complete_ = false;
  std::uint64_t routes_seen_ = 0;  ///< The version whose statuses are looked at.
};

}  // namespace

int serve(const DirectoryOptions& options) {
  DirectoryService service(options);
  return service.run();
}

}  // namespace epaulet::kube
