// The command line of `epaulet redirect`: the only file here that knows CLI11, which throws.
#include <CLI/CLI.hpp>
#include <fstream>
#include <iterator>
#include <map>
#include <memory>
#include <utility>

#include "redirect/command.h"
#include "redirect/pod.h"
#include "redirect/report.h"

namespace epaulet::redirect {
namespace {

constexpr const char* kResolvConf = "/etc/resolv.conf";

IpNetwork network_of(const std::string& option, const std::string& text) {
  const auto network = IpNetwork::parse(text);
  if (!network) throw CLI::ValidationError(option, text + " is no network; write 10.0.0.0/8");
  return masked(*network);
}

template <class List>
void add_list(CLI::App& app, const char* name, List& list, const char* text) {
  app.add_option(name, list, text)->delimiter(',')->allow_extra_args(false);
}

void add_networks(CLI::App& app, const std::string& name, std::vector<IpNetwork>& list,
                  const char* text) {
  app.add_option_function<std::vector<std::string>>(
         name,
         [name, &list](const std::vector<std::string>& given) {
           list.clear();
           for (const auto& one : given) list.push_back(network_of(name, one));
         },
         text)
      ->delimiter(',')
      ->allow_extra_args(false);
}

void add_network(CLI::App& app, const std::string& name, IpNetwork& network, const char* text) {
  app.add_option_function<std::string>(
         name, [name, &network](const std::string& given) { network = network_of(name, given); },
         text)
      ->default_str(network.to_string());
}

/// What changes the rules. `options` must outlive `app`.
void add_rule_options(CLI::App& app, RedirectOptions& options) {
  app.add_option("--uid", options.uid, "The proxy's user, never redirected")->capture_default_str();
  add_list(app, "--exclude-uid", options.exclude_uids, "Another user that is never redirected");
  add_list(app, "--include-uid", options.include_uids, "Only users given so are redirected");
  app.add_option("--outbound-port", options.outbound_port, "Where outgoing TCP goes")
      ->capture_default_str();
  app.add_option("--inbound-port", options.inbound_port, "Where incoming TCP goes")
      ->capture_default_str();
  app.add_option("--dns-port", options.dns_port, "Where DNS goes, UDP and TCP")
      ->capture_default_str();
  add_list(app, "--exclude-inbound-port", options.exclude_inbound_ports,
           "A TCP port of the app that neighbours reach past the proxy");
  add_list(app, "--exclude-outbound-port", options.exclude_outbound_ports,
           "A TCP port that the app dials past the proxy");
  add_networks(app, "--exclude-outbound-network", options.exclude_outbound_networks,
               "A network that the app dials past the proxy");
  add_list(app, "--include-inbound-port", options.include_inbound_ports,
           "Only TCP to ports given so is led to the proxy; all other reaches the app past it");
  add_list(app, "--include-outbound-port", options.include_outbound_ports,
           "Only TCP to ports and networks given so is led to the proxy, besides services and DNS");
  add_networks(app, "--include-outbound-network", options.include_outbound_networks,
               "The same by destination");
  add_list(app, "--allow-udp", options.allow_udp_ports,
           "A UDP port that the app serves; other incoming UDP is dropped unless it is an answer");
  add_network(app, "--virtual-v4", options.virtual_v4, "The network of virtual IPv4 addresses");
  add_network(app, "--virtual-v6", options.virtual_v6, "The network of virtual IPv6 addresses");
  const std::map<std::string, BackendChoice> backends{
      {"auto", BackendChoice::automatic},
      {"nft", BackendChoice::nft},
      {"iptables", BackendChoice::iptables},
      {"iptables-nft", BackendChoice::iptables_nft},
      {"iptables-legacy", BackendChoice::iptables_legacy}};
  app.add_option("--backend", options.backend,
                 "What puts the rules in place. auto: nft where it works, else iptables; iptables: "
                 "the one that the system prefers, else the other")
      ->transform(CLI::CheckedTransformer(backends))
      ->default_str("auto");
  const std::map<std::string, Ipv6Mode> modes{
      {"auto", Ipv6Mode::automatic}, {"on", Ipv6Mode::on}, {"off", Ipv6Mode::off}};
  app.add_option("--ipv6", options.ipv6,
                 "auto: redirected where the pod has it; on: it must; off: closed")
      ->transform(CLI::CheckedTransformer(modes))
      ->default_str("auto");
}

/// The options given to `app`, so that parsing them again gives the same rules.
std::vector<std::string> given_options(const CLI::App& app, const CLI::App& rules) {
  std::vector<std::string> given;
  for (const CLI::Option* option : rules.get_options()) {
    if (option->get_lnames().empty()) continue;
    const auto name = "--" + option->get_lnames().front();
    if (name == "--help") continue;
    const CLI::Option* const mine = app.get_option_no_throw(name);
    if (mine == nullptr) continue;
    for (const auto& value : mine->results()) given.push_back(name + "=" + value);
  }
  return given;
}

void parse_options(std::vector<std::string> arguments, RedirectOptions& options) {
  CLI::App app;
  add_rule_options(app, options);
  std::reverse(arguments.begin(), arguments.end());  // as CLI11 wants it
  app.parse(std::move(arguments));
}

std::vector<IpAddress> resolvers_on_loopback() {
  std::ifstream file(kResolvConf);
  const std::string text(std::istreambuf_iterator<char>(file), {});
  return loopback_nameservers(text);
}

/// `verify` without options asks about the rules that `install` was asked for.
void take_installed_options(RedirectCommand& command) {
  if (!command.arguments.empty()) return;
  const auto report = read_report(command.result_file);
  if (report) parse_options(report->arguments, command.options);
}

CLI::App* add_step(CLI::App& parent, RedirectCommand& command, const char* name, const char* text) {
  auto* const step = parent.add_subcommand(name, text);
  step->add_option("--result", command.result_file, "The file that readiness reads")
      ->capture_default_str();
  return step;
}

void take_surroundings(RedirectCommand& command, const CLI::App& step) {
  CLI::App rules;
  RedirectOptions unused;
  add_rule_options(rules, unused);
  command.arguments = given_options(step, rules);
  command.options.loopback_nameservers = resolvers_on_loopback();
}

}  // namespace

OrFailure<RedirectOptions> parse_rules(const std::vector<std::string>& arguments) {
  RedirectOptions options;
  try {
    parse_options(arguments, options);
  } catch (const CLI::ParseError& error) {
    return Failure{error.what(), "epaulet redirect install --help lists what there is"};
  }
  return options;
}

void add_redirect_command(CLI::App& app, int& exit_code, WallClock now) {
  // Shared by the callbacks, which CLI11 copies and which outlive this call.
  const auto command = std::make_shared<RedirectCommand>();
  command->result_file = kDefaultReportFile;
  auto* const redirect =
      app.add_subcommand("redirect", "the rules that lead the pod's traffic through the proxy");
  redirect->require_subcommand(1);

  auto* const installing = add_step(*redirect, *command, "install", "Installs and tries the rules");
  add_rule_options(*installing, command->options);
  installing->add_flag("--dry-run", command->dry_run, "Print the rules and do nothing");
  installing->callback([command, installing, &exit_code, clock = now] {
    take_surroundings(*command, *installing);
    exit_code = install(*command, clock());
  });

  auto* const confirming =
      add_step(*redirect, *command, "confirm",
               "Sees, without any right, that a CNI plugin has installed the rules");
  add_rule_options(*confirming, command->options);
  confirming->callback([command, confirming, &exit_code, clock = std::move(now)] {
    take_surroundings(*command, *confirming);
    exit_code = confirm(*command, clock());
  });

  auto* const removing = add_step(*redirect, *command, "remove", "Removes them, nothing else");
  removing->callback([command, &exit_code] { exit_code = remove(*command); });

  auto* const verifying =
      add_step(*redirect, *command, "verify",
               "Tries the rules again (as root); without options, those that were installed");
  add_rule_options(*verifying, command->options);
  verifying->callback([command, verifying, &exit_code] {
    take_surroundings(*command, *verifying);
    take_installed_options(*command);
    exit_code = verify(*command);
  });
}

}  // namespace epaulet::redirect
