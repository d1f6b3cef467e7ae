#include "k8s/doctor/command.h"

#include <cstdio>
#include <memory>

#include "k8s/doctor/checks.h"
#include "k8s/doctor/inside.h"
#include "k8s/doctor/sources.h"

namespace epaulet::kube {
namespace {

struct Options {
  Question question;
  InsideQuestion inside;
  std::string kubectl = "kubectl";
  std::string kubeconfig;
  std::string context;
  std::string api;
  std::string credentials = "/var/run/secrets/kubernetes.io/serviceaccount";
  bool json = false;
};

int show(const DoctorReport& report, bool as_json) {
  std::fputs((as_json ? report.json() : report.text()).c_str(), stdout);
  return report.exit_code();
}

std::unique_ptr<FactSource> source_of(const Options& options, std::string& why) {
  const bool asks_kubectl = !options.kubeconfig.empty() || !options.context.empty();
  if (!options.api.empty() || (!asks_kubectl && is_in_cluster(options.credentials))) {
    auto source = cluster_source(options.api, options.credentials);
    if (source) return std::move(*source);
    why = source.error().to_string();
    return nullptr;
  }
  std::vector<std::string> command{options.kubectl};
  if (!options.kubeconfig.empty()) command.push_back("--kubeconfig=" + options.kubeconfig);
  if (!options.context.empty()) command.push_back("--context=" + options.context);
  return kubectl_source(std::move(command));
}

int examine(const Options& options, bool is_before, WallTime now) {
  std::string why;
  const auto source = source_of(options, why);
  if (source != nullptr) {
    const auto facts = is_before ? gather_before(*source, options.question, now)
                                 : gather(*source, options.question, now);
    const auto& version = facts.at(paths::kVersion);
    if (version.status != 0) {
      DoctorReport report;
      is_before ? diagnose_before(facts, options.question, report)
                : diagnose(facts, options.question, report);
      return show(report, options.json);
    }
    why = version.why;
  }
  std::fprintf(stderr,
               "epaulet-doctor: the cluster cannot be asked: %s\n  remedy: does `kubectl version` "
               "work here? --kubeconfig and --context choose the cluster\n",
               printable(why).c_str());
  return 2;
}

void add_cluster_options(CLI::App& command, Options& options) {
  const auto option = [&command](const char* name, std::string& value, const char* help) {
    command.add_option(name, value, help)->capture_default_str();
  };
  option("-n,--namespace", options.question.system_namespace, "Where epaulet is, or will be");
  option("--ca-secret", options.question.ca_secret, "With ca.pem, issuer.pem and issuer.key");
  option("--kubectl", options.kubectl, "The program that asks the API server");
  option("--kubeconfig", options.kubeconfig, "Its configuration");
  option("--context", options.context, "Of that configuration");
  option("--kubernetes-api", options.api,
         "ADDRESS:PORT of the API server, to be asked without kubectl; default in a pod");
  option("--kubernetes-credentials", options.credentials, "Folder with ca.crt and token for that");
  command.add_flag("--json", options.json, "As JSON");
}

}  // namespace

void add_doctor_commands(CLI::App& app, int& exit_code, std::function<WallTime()> clock) {
  const auto options = std::make_shared<Options>();
  auto* before = app.add_subcommand("before", "Is the cluster ready for epaulet to be installed?");
  add_cluster_options(*before, *options);
  before->callback([&exit_code, options, clock] { exit_code = examine(*options, true, clock()); });

  auto* check =
      app.add_subcommand("check", "Is what is installed well, and is in the mesh what should be?");
  add_cluster_options(*check, *options);
  check->add_option("--pods-of", options->question.name_space,
                    "Look at this namespace's pods alone");
  check->callback([&exit_code, options, clock] { exit_code = examine(*options, false, clock()); });

  auto* pod =
      app.add_subcommand("pod", "Inside a pod: redirect, sidecar, certificate, clock, directory");
  pod->add_option("--admin", options->inside.admin, "The sidecar's admin address")
      ->capture_default_str();
  pod->add_option("--metrics", options->inside.metrics, "The sidecar's address of metrics")
      ->capture_default_str();
  pod->add_option("--redirect-result", options->inside.redirect_result, "What epaulet-init left")
      ->capture_default_str();
  pod->add_flag("--json", options->json, "As JSON");
  pod->callback([&exit_code, options, clock] {
    DoctorReport report;
    diagnose_inside(gather_inside(options->inside, clock()), options->inside, report);
    exit_code = show(report, options->json);
  });
}

}  // namespace epaulet::kube
