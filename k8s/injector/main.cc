#include <CLI/CLI.hpp>
#include <cstdio>
#include <iostream>
#include <iterator>
#include <map>

#include "k8s/injector/annotations.h"
#include "k8s/injector/inject.h"
#include "k8s/injector/serve.h"

namespace {

using namespace epaulet::injector;

void add_settings(CLI::App& command, InjectorSettings& settings) {
  command.add_option("--image", settings.image, "Of sidecar and init container")
      ->capture_default_str();
  command.add_option("--pull-policy", settings.pull_policy, "Of that image")
      ->check(CLI::IsMember({"Always", "IfNotPresent", "Never"}))
      ->capture_default_str();
  command.add_option("--trust-domain", settings.trust_domain, "Of the mesh")->capture_default_str();
  command.add_option("--cluster-domain", settings.cluster_domain, "Of the cluster's DNS")
      ->capture_default_str();
  command
      .add_option("--identity-service", settings.identity_service,
                  "Where sidecars get their certificates")
      ->capture_default_str();
  auto* directory = command.add_option("--directory", settings.directory,
                                       "URL of epaulet-directory, for sidecars; default: none");
  auto* identity = command.add_option("--directory-identity", settings.directory_identity,
                                      "SPIFFE ID that it proves");
  directory->needs(identity);
  identity->needs(directory);
  command
      .add_option("--token-audience", settings.token_audience,
                  "Of the service account tokens that sidecars prove themselves with")
      ->capture_default_str();
  command.add_option("--log-level", settings.log_level, "Of sidecars whose pods say nothing")
      ->check(CLI::IsMember({"debug", "info", "warning", "error"}));
  const auto quantity = [&command](const char* name, std::string& value) {
    command.add_option(name, value, "Of sidecars; none: it is not set")
        ->check([](const std::string& text) {
          return text == "none" || is_quantity(text) ? std::string()
                                                     : text + " is no quantity, like 250m or 64Mi";
        })
        ->type_name("QUANTITY")
        ->default_str(value.empty() ? "none" : value);
  };
  quantity("--cpu-request", settings.resources.cpu_request);
  quantity("--cpu-limit", settings.resources.cpu_limit);
  quantity("--memory-request", settings.resources.memory_request);
  quantity("--memory-limit", settings.resources.memory_limit);
  const std::map<std::string, SidecarKind> kinds{{"native", SidecarKind::native},
                                                 {"container", SidecarKind::container}};
  command
      .add_option(
          "--sidecar", settings.kind,
          "native: an init container that stays (Kubernetes 1.29 and later); container: the "
          "first of the ordinary ones")
      ->transform(CLI::CheckedTransformer(kinds))
      ->default_str("native");
  const std::map<std::string, RedirectBy> redirects{{"init", RedirectBy::init_container},
                                                    {"cni", RedirectBy::cni}};
  command
      .add_option(
          "--redirect", settings.redirect,
          "init: an init container of each pod installs the rules; cni: epaulet-cni on each "
          "node, and no container has a right")
      ->transform(CLI::CheckedTransformer(redirects))
      ->default_str("init");
  command
      .add_option("--image-pull-secret", settings.image_pull_secrets,
                  "With which sidecars' images are pulled; a Secret of each pod's namespace")
      ->delimiter(',')
      ->allow_extra_args(false);
  command
      .add_option("--own-namespace", settings.own_namespaces,
                  "Never touched; besides kube-system and the like")
      ->delimiter(',')
      ->allow_extra_args(false);
}

/// Tries what the API server would ask, with a recorded review on standard input.
int answer_once(const InjectorSettings& settings) {
  const std::string body(std::istreambuf_iterator<char>(std::cin), {});
  const auto review = read_review(body);
  if (!review) {
    std::fprintf(stderr, "epaulet-injector: %s\n", review.error().to_string().c_str());
    return 1;
  }
  std::printf("%s\n", answer_text(review->uid, inject(*review, settings)).c_str());
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"epaulet-injector: puts a sidecar into the pods of a Kubernetes cluster"};
  app.set_version_flag("--version", std::string("epaulet-injector ") + EPAULET_VERSION);
  app.require_subcommand(1);
  int exit_code = 0;

  ServeOptions options;
  const auto own = options.settings.own_namespaces;
  options.settings.version = EPAULET_VERSION;
  auto* command = app.add_subcommand("serve", "Run the mutating admission webhook, over HTTPS");
  add_settings(*command, options.settings);
  command
      ->add_option("--certificate", options.files.certificate_folder,
                   "Folder with tls.crt and tls.key; read again when they change")
      ->capture_default_str();
  command
      ->add_option("--roots", options.files.roots,
                   "ca.pem of the mesh, for the pods; read again when it changes")
      ->capture_default_str();
  command->add_option("--mesh-config", options.files.mesh_config,
                      "YAML for every sidecar, beside what its ConfigMaps say; new pods get it as "
                      "it is then");
  command->add_option("--listen", options.listen, "HTTPS, TLS 1.3, POST /inject")
      ->capture_default_str();
  command
      ->add_option("--status", options.status,
                   "/metrics, /ready and /live, without TLS; \"\": none")
      ->capture_default_str();
  command
      ->add_option("--linger", options.linger,
                   "Seconds for which reviews are answered after SIGTERM, while API servers are "
                   "still led here")
      ->check(CLI::Range(0, 60))
      ->capture_default_str();
  const auto complete = [&] {
    auto& all = options.settings.own_namespaces;
    all.insert(all.end(), own.begin(), own.end());
    auto& resources = options.settings.resources;
    for (auto* value : {&resources.cpu_request, &resources.cpu_limit, &resources.memory_request,
                        &resources.memory_limit})
      if (*value == "none") value->clear();
  };
  command->callback([&] {
    complete();
    exit_code = serve(options);
  });

  auto* try_command = app.add_subcommand(
      "answer", "Read one AdmissionReview from standard input, print the answer");
  add_settings(*try_command, options.settings);
  try_command->callback([&] {
    complete();
    exit_code = answer_once(options.settings);
  });

  CLI11_PARSE(app, argc, argv);
  return exit_code;
}
