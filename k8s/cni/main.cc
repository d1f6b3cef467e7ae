#include <poll.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>

#include "k8s/cni/fate.h"
#include "k8s/cni/keeper.h"
#include "k8s/cni/plugin.h"
#include "k8s/doctor/sources.h"

namespace {

using namespace epaulet::cni;

std::string environment(const char* name) {
  const char* const value = std::getenv(name);
  return value == nullptr ? "" : value;
}

std::string standard_input() {
  std::string text;
  char piece[65536];
  while (text.size() <= kInputBytesMax) {
    const auto got = ::read(STDIN_FILENO, piece, sizeof piece);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    text.append(piece, static_cast<std::size_t>(got));
  }
  return text;
}

int run_plugin() {
  Call call{environment("CNI_COMMAND"), environment("CNI_ARGS"), ""};
  call.input = standard_input();
  const auto said = answer(call, real_hands());
  std::fwrite(said.text.data(), 1, said.text.size(), stdout);
  // Runtimes show what stands on standard output; their own log has the other.
  if (said.exit_code != 0) std::fwrite(said.text.data(), 1, said.text.size(), stderr);
  return said.exit_code;
}

struct NodeOptions {
  NodePlaces places;
  std::string daemon_set;  ///< NAMESPACE/NAME.
  std::string api;
  std::string credentials = "/var/run/secrets/epaulet";
};

/// One that begins when SIGTERM comes, and all asks behind it, fit into the 45 s of a pod that
/// ends.
constexpr std::chrono::seconds kAnswerTime{5};
constexpr int kPauseMilliseconds = 3'000;

class Daemon {
 public:
  explicit Daemon(const NodeOptions& options) : options_(options) {}

  /// Whether we are allowed to ask at all.
  bool try_to_ask() {
    const auto fact = ask();
    could_ask_ = fact.is_there();
    if (could_ask_ && !why_not_.empty()) log_line("info", "can_ask", options_.daemon_set);
    if (!could_ask_ && fact.why != why_not_)
      log_line("warning", "cannot_ask", "of DaemonSet " + options_.daemon_set + ": " + fact.why,
               "unless that changes, the entry stays on the node when epaulet is uninstalled");
    why_not_ = could_ask_ ? "" : fact.why;
    return could_ask_;
  }
  bool is_gone() {
    const auto ask_once = [this] {
      const auto fact = ask();
      return Said{fact.status, fact.document};
    };
    return is_for_good(ask_once, could_ask_, [] { ::poll(nullptr, 0, kPauseMilliseconds); });
  }

 private:
  epaulet::kube::Fact ask() const {
    const auto slash = options_.daemon_set.find('/');
    const auto source =
        epaulet::kube::cluster_source(options_.api, options_.credentials, kAnswerTime);
    if (!source) {
      epaulet::kube::Fact none;
      none.why = source.error().to_string();
      return none;
    }
    return (*source)->get("/apis/apps/v1/namespaces/" + options_.daemon_set.substr(0, slash) +
                          "/daemonsets/" + options_.daemon_set.substr(slash + 1));
  }

  const NodeOptions& options_;
  bool could_ask_ = false;
  std::string why_not_;
};

int run_node(const NodeOptions& options) {
  Daemon daemon(options);
  return keep(
      options.places, [&] { return daemon.try_to_ask(); }, [&] { return daemon.is_gone(); });
}

int look(const NodeOptions& options) {
  const auto seen = look_at_node(options.places);
  if (seen) return 0;
  std::fprintf(stderr, "epaulet-cni: %s\n", seen.error().to_string().c_str());
  return 1;
}

void add_places(CLI::App& command, NodeOptions& options) {
  command.add_option("--plugins", options.places.plugins, "The node's folder of plugins")
      ->capture_default_str();
  command.add_option("--lists", options.places.lists, "The node's folder of lists of plugins")
      ->capture_default_str();
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"epaulet-cni: the mesh's rules, installed from outside of pods"};
  app.set_version_flag("--version", std::string("epaulet-cni ") + EPAULET_VERSION);
  app.require_subcommand(1);
  int exit_code = 0;
  NodeOptions options;

  app.add_subcommand("plugin", "What the launcher starts, inside the network of a pod")
      ->callback([&] { exit_code = run_plugin(); });

  auto* node = app.add_subcommand("node", "Installs the plugin on this node, and keeps it there");
  add_places(*node, options);
  node->add_option("--image", options.places.image, "The files that the plugin needs")
      ->capture_default_str();
  node->add_option(
          "--daemon-set", options.daemon_set,
          "NAMESPACE/NAME of who runs this on every node; the node is cleaned when it goes")
      ->required();
  node->add_option("--kubernetes-api", options.api, "ADDRESS:PORT; default: as pods are told");
  node->add_option("--kubernetes-credentials", options.credentials, "Folder with ca.crt and token")
      ->capture_default_str();
  node->callback([&] { exit_code = run_node(options); });

  auto* status = app.add_subcommand("status", "Do pods that start on this node get their rules?");
  add_places(*status, options);
  status->callback([&] { exit_code = look(options); });

  CLI11_PARSE(app, argc, argv);
  return exit_code;
}
