#include "certs-tool/command_line.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <boost/json/serialize.hpp>

#include "certs-tool/init.h"
#include "certs-tool/inspect.h"
#include "certs-tool/issue.h"
#include "certs-tool/lifetime.h"

namespace epaulet::certs {
namespace {

const std::map<std::string, KeyType> kKeyTypes{{"p256", KeyType::p256},
                                               {"ed25519", KeyType::ed25519}};

int refuse(const Reason& reason, bool json, std::ostream& out, std::ostream& errors) {
  if (json) {
    const boost::json::object error{{"what", reason.what}, {"remedy", reason.remedy}};
    out << boost::json::serialize(boost::json::object{{"ok", false}, {"error", error}}) << "\n";
  } else {
    errors << "epaulet-certs: " << reason.what << "\n";
    if (!reason.remedy.empty()) errors << "  remedy: " << reason.remedy << "\n";
  }
  return kRefused;
}

int show(const Checked<Report>& report, bool json, std::ostream& out, std::ostream& errors) {
  if (!report) return refuse(report.error(), json, out, errors);
  if (json) {
    out << boost::json::serialize(report->json) << "\n";
  } else {
    out << report->text;
  }
  return report->ok ? kDone : kRefused;
}

/// A CLI11 option that holds a lifetime.
void add_lifetime(CLI::App& command, std::chrono::seconds& target, const std::string& shown,
                  const std::string& help) {
  command
      .add_option_function<std::string>(
          "--valid",
          [&target](const std::string& text) {
            const auto lifetime = parse_lifetime(text);
            if (!lifetime) throw CLI::ValidationError("--valid", lifetime.error().to_string());
            target = *lifetime;
          },
          help)
      ->type_name("LIFETIME")
      ->default_str(shown);
}

}  // namespace

int run(const std::vector<std::string>& arguments, WallTime now, std::ostream& out,
        std::ostream& errors) {
  CLI::App app(
      "Certificates for the mesh: a CA for one trust domain, and an identity for each workload.",
      "epaulet-certs");
  app.require_subcommand(1);
  app.footer(
      "A mesh in two commands:\n"
      "  epaulet-certs init  --dir ca --trust-domain cluster.local\n"
      "  epaulet-certs issue --ca ca --identity spiffe://cluster.local/ns/default/sa/api --out "
      "api");
  bool json = false;

  InitOptions init_options;
  auto* init_command =
      app.add_subcommand("init", "Make a CA: DIR/ca.pem (to share) and DIR/ca.key (to keep)");
  init_command->add_option("--dir", init_options.folder, "Folder of the CA; made if absent")
      ->required()
      ->type_name("DIR");
  init_command
      ->add_option("--trust-domain", init_options.trust_domain,
                   "What the CA speaks for, and nothing else")
      ->required()
      ->type_name("DOMAIN");
  add_lifetime(*init_command, init_options.lifetime, "3650d", "How long the root is valid");
  init_command->add_option("--key", init_options.key_type, "p256 or ed25519")
      ->transform(CLI::CheckedTransformer(kKeyTypes, CLI::ignore_case).description(""))
      ->type_name("KIND")
      ->default_str("p256");
  init_command->add_flag("--force", init_options.force,
                         "Replace an existing CA: its certificates stop working");

  IssueOptions issue_options;
  auto* issue_command =
      app.add_subcommand("issue", "Issue cert.pem, key.pem and ca.pem for one workload");
  issue_command->add_option("--ca", issue_options.ca_folder, "Folder made by init")
      ->required()
      ->type_name("DIR");
  issue_command
      ->add_option("--identity", issue_options.identity,
                   "spiffe://DOMAIN/ns/NAMESPACE/sa/SERVICE-ACCOUNT")
      ->required()
      ->type_name("ID");
  issue_command
      ->add_option("--out", issue_options.folder, "Folder to write, the sidecar's identity.dir")
      ->required()
      ->type_name("DIR");
  add_lifetime(*issue_command, issue_options.lifetime, "24h", "How long it is valid");
  issue_command->add_option("--key", issue_options.key_type, "p256 or ed25519")
      ->transform(CLI::CheckedTransformer(kKeyTypes, CLI::ignore_case).description(""))
      ->type_name("KIND")
      ->default_str("p256");
  issue_command
      ->add_option_function<uid_t>(
          "--owner", [&](const uid_t& owner) { issue_options.owner = owner; },
          "Give the files to this user; a sidecar is usually 1337")
      ->type_name("UID");
  issue_command->add_flag("--force", issue_options.force,
                          "Replace what is there, as a renewal does");

  InspectOptions inspect_options;
  auto* inspect_command = app.add_subcommand(
      "inspect", "Show a PEM file, an identity folder or a CA folder, and what is wrong with it");
  inspect_command->add_option("path", inspect_options.path, "File or folder")
      ->required()
      ->type_name("FILE|DIR");

  for (auto* command : {init_command, issue_command, inspect_command}) {
    command->add_flag("--json", json, "Print one JSON object");
  }

  try {
    auto reversed = arguments;  // As CLI11 wants them.
    std::reverse(reversed.begin(), reversed.end());
    app.parse(reversed);
  } catch (const CLI::ParseError& error) {
    return app.exit(error, out, errors) == 0 ? kDone : kUsage;
  }
  if (*init_command) return show(init(init_options, now), json, out, errors);
  if (*issue_command) return show(issue(issue_options, now), json, out, errors);
  return show(inspect(inspect_options, now), json, out, errors);
}

}  // namespace epaulet::certs
