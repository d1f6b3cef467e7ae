#include <CLI/CLI.hpp>

#include "k8s/directory/serve.h"

int main(int argc, char** argv) {
  CLI::App app{"epaulet-directory: tells sidecars where the services of a Kubernetes cluster are"};
  app.set_version_flag("--version", std::string("epaulet-directory ") + EPAULET_VERSION);
  app.require_subcommand(1);
  int exit_code = 0;
  epaulet::kube::DirectoryOptions options;
  auto* command = app.add_subcommand("serve", "Watch the API server, answer sidecars over HTTPS");
  const auto option = [command](const char* name, std::string& value, const char* help) {
    command->add_option(name, value, help)->capture_default_str();
  };
  option("--listen", options.listen, "HTTPS, TLS 1.3, POST /v1/watch");
  option("--status", options.status, "/metrics, /ready and /live, without TLS; \"\": none");
  option("--trust-domain", options.trust_domain, "Of the mesh");
  option("--kubernetes-api", options.kubernetes_api,
         "ADDRESS:PORT of the API server; default: as the kubelet tells pods");
  option("--kubernetes-credentials", options.kubernetes_credentials,
         "Folder with ca.crt and token, read for each request");
  option("--identity-service", options.identity_service,
         "https://HOST:PORT of the identity service, which gives our certificate");
  option("--identity-ca", options.identity_ca, "ca.pem, to which the identity service leads");
  option("--identity-token", options.identity_token,
         "Projected token that proves us to it, read when it is needed");
  option("--identity-dir", options.identity_dir,
         "Folder with cert.pem, key.pem and ca.pem instead; read again when they change");
  command->callback([&] { exit_code = epaulet::kube::serve(options); });
  CLI11_PARSE(app, argc, argv);
  return exit_code;
}
