#include "k8s/injector/serve.h"

#include <fmt/format.h>

#include "https/service.h"
#include "k8s/injector/inject.h"
#include "k8s/injector/server.h"

namespace epaulet::injector {
namespace {

https::ServiceNames names() {
  https::ServiceNames names;
  names.program = "epaulet-injector";
  names.what = "the injector";
  return names;
}

class InjectorService final : public https::Service {
 public:
  explicit InjectorService(const ServeOptions& options)
      : Service(names(), options.listen, options.status),
        options_(options),
        files_(options.files),
        server_(loop(), log()) {}

 protected:
  Checked<void> prepare(WallTime now) override {
    if (auto usable = files_.refresh(now); !usable) return usable.error();
    // Without it sidecars would be others than the mesh's operator wants.
    if (auto usable = refresh_mesh_config(); !usable) return usable.error();
    put_in_force();
    return {};
  }
  https::Server& server() override { return server_.https(); }
  std::chrono::seconds lingers() const override { return std::chrono::seconds(options_.linger); }

  void started(WallTime now) override {
    log().info(now, "started", "the injector is up",
               {{"listen", std::string_view(options_.listen)},
                {"image", std::string_view(options_.settings.image)},
                {"trust_domain", std::string_view(options_.settings.trust_domain)}});
  }

  void add_reasons(std::vector<std::string>& reasons) const override {
    if (files_.not_after() <= loop().wall_now())
      reasons.emplace_back(
          "the serving certificate has ended; the log says why there is no new one");
  }

  std::string metrics() const override {
    const auto& counts = server_.counts();
    std::string text =
        "# HELP epaulet_injector_reviews_total Pods that were asked about, by the answer\n"
        "# TYPE epaulet_injector_reviews_total counter\n";
    const std::pair<const char*, std::uint64_t> results[] = {{"injected", counts.injected},
                                                             {"untouched", counts.untouched},
                                                             {"refused", counts.refused},
                                                             {"malformed", counts.malformed}};
    for (const auto& [name, value] : results)
      text += fmt::format("epaulet_injector_reviews_total{{result=\"{}\"}} {}\n", name, value);
    text += https::metric("epaulet_injector_handshakes_failed_total", "counter",
                          "TLS handshakes that failed; the log has each",
                          static_cast<std::int64_t>(counts.handshakes_failed));
    text += https::metric("epaulet_injector_connections_refused_total", "counter",
                          "Connections reset because there were too many",
                          static_cast<std::int64_t>(counts.connections_full));
    text += https::metric("epaulet_injector_connections", "gauge", "Open connections",
                          static_cast<std::int64_t>(server_.connections()));
    text += https::metric(
        "epaulet_injector_certificate_seconds_left", "gauge", "Until the serving certificate ends",
        std::chrono::floor<std::chrono::seconds>(files_.not_after() - loop().wall_now()).count());
    return text;
  }

  void look() override {
    look_at_mesh_config();
    const auto changed = files_.refresh(loop().wall_now());
    if (!changed) {
      const auto reason = changed.error().to_string();
      if (reason == said_) return;
      said_ = reason;
      return log().error(loop().wall_now(), "files_refused",
                         "the new files are not usable; what was in force stays in force",
                         {{"reason", std::string_view(reason)}});
    }
    said_.clear();
    if (!*changed) return;
    put_in_force();
    log().info(loop().wall_now(), "files_changed", "new certificates are in force");
  }

 private:
  Checked<bool> refresh_mesh_config() {
    return files_.refresh_mesh_config([this](const std::string& text) {
      auto settings = options_.settings;
      settings.mesh_config = text;
      return wrong_in_mesh_config(settings);
    });
  }

  void look_at_mesh_config() {
    const auto changed = refresh_mesh_config();
    const auto reason = changed ? "" : changed.error().to_string();
    if (!changed && reason != said_of_mesh_) {
      log().error(loop().wall_now(), "mesh_config_refused",
                  "new pods get the mesh's configuration that was good last",
                  {{"reason", std::string_view(reason)}});
    }
    said_of_mesh_ = reason;
    if (!changed || !*changed) return;
    put_in_force();
    log().info(loop().wall_now(), "mesh_config_changed",
               "new pods get another configuration of the mesh");
  }

  void put_in_force() {
    auto settings = options_.settings;
    settings.roots = files_.roots();
    settings.mesh_config = files_.mesh_config();
    server_.set_settings(std::make_shared<const InjectorSettings>(std::move(settings)));
    server_.set_tls(files_.tls());
  }

  const ServeOptions& options_;
  InjectorFiles files_;
  InjectorServer server_;
  std::string said_;
  std::string said_of_mesh_;
};

}  // namespace

int serve(const ServeOptions& options) {
  InjectorService service(options);
  return service.run();
}

}  // namespace epaulet::injector
