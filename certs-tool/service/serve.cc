#include "certs-tool/service/serve.h"

#include "certs-tool/service/kubernetes_reviewer.h"
#include "certs-tool/service/metrics_text.h"
#include "certs-tool/service/server.h"
#include "certs-tool/service/token_proof.h"
#include "https/service.h"
#include "io/tcp.h"

namespace epaulet::certs {
namespace {

constexpr std::chrono::minutes kSweepEvery{10};

std::int64_t seconds_until(WallTime end, WallTime now) {
  return std::chrono::floor<std::chrono::seconds>(end - now).count();
}

https::ServiceNames names() {
  https::ServiceNames names;
  names.program = "epaulet-certs";
  names.what = "the identity service";
  return names;
}

class IdentityService final : public https::Service {
 public:
  explicit IdentityService(const ServeOptions& options)
      : Service(names(), options.listen, options.status),
        options_(options),
        signer_(options.ca_folder, options.lifetime),
        tokens_(signer_.folder().file("tokens")),
        requests_(signer_, proofs()),
        server_(loop(), signer_, requests_, log(),
                RateLimit::Rate{static_cast<double>(options.rate), 4.0 * options.rate}) {}

 protected:
  Checked<void> prepare(WallTime now) override {
    if (options_.kubernetes) {
      if (auto added = add_service_accounts(); !added) return added.error();
    }
    return signer_.refresh(now);
  }
  https::Server& server() override { return server_.https(); }

  void started(WallTime now) override {
    sweep_at_ = loop().now();
    log().info(now, "started", "the identity service is up",
               {{"listen", std::string_view(options_.listen)},
                {"trust_domain", std::string_view(signer_.ca()->signer.trust_domain())}});
  }

  void add_reasons(std::vector<std::string>& reasons) const override {
    if (!signer_.refusal().empty() || !signer_.ca())
      reasons.emplace_back("the CA's folder is not usable; the log says why");
  }
  std::string metrics() const override { return metrics_text(facts()); }

  void look() override {
    refresh();
    if (loop().now() < sweep_at_) return;
    tokens_.sweep(loop().wall_now());
    sweep_at_ = loop().now() + kSweepEvery;
  }

 private:
  [[nodiscard]] std::vector<std::unique_ptr<Proof>> proofs() const {
    std::vector<std::unique_ptr<Proof>> list;
    list.push_back(std::make_unique<TokenProof>(tokens_));
    return list;
  }

  /// The CA's folder, read first, says for whom they prove anything.
  Checked<void> add_service_accounts() {
    const auto address = kube::api_address(options_.kubernetes_api);
    if (!address) return address.error();
    if (auto usable = signer_.refresh(AsioLoop::read_wall_clock()); !usable) return usable.error();
    dialer_ = make_tcp_dialer(loop());
    kube::ApiAccess access;
    access.address = *address;
    access.ca_file = options_.kubernetes_credentials + "/ca.crt";
    access.token_file = options_.kubernetes_credentials + "/token";
    reviewer_ = std::make_unique<KubernetesReviewer>(*dialer_, std::move(access));
    requests_.add(std::make_unique<ServiceAccountProof>(
        *reviewer_, std::string(signer_.ca()->signer.trust_domain()), options_.token_audience));
    return {};
  }

  [[nodiscard]] ServiceFacts facts() const {
    ServiceFacts facts;
    facts.counts = server_.counts();
    facts.connections = server_.connections();
    facts.can_sign = signer_.ca() && signer_.refusal().empty();
    const auto now = loop().wall_now();
    if (signer_.ca())
      facts.signer_seconds_left =
          seconds_until(signer_.ca()->signer.certificate().not_after(), now);
    if (signer_.tls())
      facts.own_seconds_left = seconds_until(signer_.tls()->identity().not_after(), now);
    return facts;
  }

  void refresh() {
    const auto root = signer_.ca() ? signer_.ca()->root : "";
    const auto roots = signer_.ca() ? signer_.ca()->bundle.size() : 0;
    const auto usable = signer_.refresh(loop().wall_now());
    if (!usable) {
      const auto reason = usable.error().to_string();
      if (reason == said_) return;
      said_ = reason;
      return log().error(loop().wall_now(), "ca_refused",
                         "the CA's folder is not usable; what was in force stays in force",
                         {{"reason", std::string_view(reason)}});
    }
    said_.clear();
    if (signer_.ca()->root == root && signer_.ca()->bundle.size() == roots) return;
    log().info(loop().wall_now(), "ca_changed", "the CA's folder has changed and is in force",
               {{"roots", static_cast<std::int64_t>(signer_.ca()->bundle.size())},
                {"root", std::string_view(signer_.ca()->root)}});
  }

  const ServeOptions& options_;
  Signer signer_;
  TokenStore tokens_;
  std::unique_ptr<Dialer> dialer_;
  std::unique_ptr<TokenReviewer> reviewer_;
  Requests requests_;
  IdentityServer server_;
  TimePoint sweep_at_{};
  std::string said_;
};

}  // namespace

int serve(const ServeOptions& options) {
  IdentityService service(options);
  return service.run();
}

}  // namespace epaulet::certs
