#include "certs-tool/command_line.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <boost/json/serialize.hpp>

#include "certs-tool/init.h"
#include "certs-tool/inspect.h"
#include "certs-tool/issue.h"
#include "certs-tool/lifetime.h"
#include "certs-tool/rotate.h"
#include "certs-tool/token.h"
#include "certs-tool/verify.h"

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
                  const std::string& help, const std::string& name = "--valid") {
  command
      .add_option_function<std::string>(
          name,
          [&target, name](const std::string& text) {
            const auto lifetime = parse_lifetime(text);
            if (!lifetime) throw CLI::ValidationError(name, lifetime.error().to_string());
            target = *lifetime;
          },
          help)
      ->type_name("LIFETIME")
      ->default_str(shown);
}

void add_key_type(CLI::App& command, KeyType& target) {
  command.add_option("--key", target, "p256 or ed25519")
      ->transform(CLI::CheckedTransformer(kKeyTypes, CLI::ignore_case).description(""))
      ->type_name("KIND")
      ->default_str("p256");
}

void add_ca(CLI::App& command, std::string& target) {
  command.add_option("--ca", target, "Folder made by init")->required()->type_name("DIR");
}

}  // namespace

int run(const std::vector<std::string>& arguments, WallTime now, std::ostream& out,
        std::ostream& errors, const Serve& serve) {
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
  add_key_type(*init_command, init_options.key_type);
  bool with_issuer = false;
  std::chrono::seconds issuer_lifetime = kIssuerLifetime;
  init_command->add_flag("--issuer", with_issuer,
                         "Also make an issuer, DIR/issuer.pem and DIR/issuer.key, that signs "
                         "instead of the root");
  add_lifetime(*init_command, issuer_lifetime, "365d", "How long the issuer is valid",
               "--issuer-valid");
  init_command->add_flag("--force", init_options.force,
                         "Replace an existing CA: its certificates stop working");

  IssueOptions issue_options;
  auto* issue_command =
      app.add_subcommand("issue", "Issue cert.pem, key.pem and ca.pem for one workload");
  add_ca(*issue_command, issue_options.ca_folder);
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
  add_key_type(*issue_command, issue_options.key_type);
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

  VerifyOptions verify_options;
  auto* verify_command =
      app.add_subcommand("verify", "Judge an identity folder claim by claim, as a peer would");
  verify_command->add_option("path", verify_options.folder, "Folder with cert.pem, key.pem, ca.pem")
      ->required()
      ->type_name("DIR");
  verify_command->add_option("--ca", verify_options.bundle, "Roots to trust instead of its ca.pem")
      ->type_name("FILE");
  verify_command->add_option("--identity", verify_options.identity, "Whose it must be")
      ->type_name("ID");
  verify_command
      ->add_option("--trust-domain", verify_options.trust_domain, "That it must belong to")
      ->type_name("DOMAIN");

  auto* rotate_command = app.add_subcommand("rotate", "Replace the issuer or the root");
  rotate_command->require_subcommand(1);
  RotateIssuerOptions rotate_issuer_options;
  auto* rotate_issuer_command = rotate_command->add_subcommand(
      "issuer", "A new issuer below the same root (the first one, if the root signed)");
  add_ca(*rotate_issuer_command, rotate_issuer_options.ca_folder);
  add_lifetime(*rotate_issuer_command, rotate_issuer_options.lifetime, "365d",
               "How long it is valid");
  add_key_type(*rotate_issuer_command, rotate_issuer_options.key_type);

  RotateRootOptions rotate_root_options;
  auto* rotate_root_command = rotate_command->add_subcommand(
      "root",
      "A new root, in three steps: --begin, --switch, --finish. None of them: say what is "
      "next");
  add_ca(*rotate_root_command, rotate_root_options.ca_folder);
  std::array<CLI::Option*, 3> steps{};
  const auto add_step = [&](std::size_t at, const char* name, RotateRootOptions::Step step,
                            const char* help) {
    const auto take = [&, step](std::int64_t) { rotate_root_options.step = step; };
    steps[at] = rotate_root_command->add_flag_function(name, take, help);
  };
  add_step(0, "--begin", RotateRootOptions::Step::announce,
           "Make the new root: both are trusted, the old one signs");
  add_step(1, "--switch", RotateRootOptions::Step::switch_over,
           "The new root signs. Refused while leaves live that do not know it");
  add_step(2, "--finish", RotateRootOptions::Step::finish,
           "Trust the old root no more. Refused while leaves of it live");
  for (auto* step : steps) {
    for (auto* other : steps) {
      if (step != other) step->excludes(other);
    }
  }
  add_lifetime(*rotate_root_command, rotate_root_options.lifetime, "3650d",
               "--begin: how long the new root is valid");
  add_lifetime(*rotate_root_command, rotate_root_options.issuer_lifetime, "365d",
               "--switch: how long its issuer is valid", "--issuer-valid");
  add_key_type(*rotate_root_command, rotate_root_options.key_type);
  rotate_root_command->add_flag("--force", rotate_root_options.force,
                                "Do not wait: cuts off whoever does not know of the step before");

  TokenOptions token_options;
  auto* token_command = app.add_subcommand(
      "token", "Make a bootstrap token: it proves one identity to the identity service, once");
  add_ca(*token_command, token_options.ca_folder);
  token_command
      ->add_option("--identity", token_options.identity,
                   "spiffe://DOMAIN/ns/NAMESPACE/sa/SERVICE-ACCOUNT")
      ->required()
      ->type_name("ID");
  add_lifetime(*token_command, token_options.lifetime, "1h", "How long it is valid");
  token_command
      ->add_option("--out", token_options.file,
                   "File to write (0600), the sidecar's identity.token_file; else it is printed")
      ->type_name("FILE");
  token_command
      ->add_option_function<uid_t>(
          "--owner", [&](const uid_t& owner) { token_options.owner = owner; },
          "Give the file to this user; a sidecar is usually 1337")
      ->type_name("UID");

  ServeOptions serve_options;
  auto* serve_command = app.add_subcommand(
      "serve", "Run the identity service: it signs what sidecars ask for, over HTTPS");
  add_ca(*serve_command, serve_options.ca_folder);
  serve_command->add_option("--listen", serve_options.listen, "HTTPS, TLS 1.3")
      ->type_name("ADDRESS:PORT")
      ->default_str(serve_options.listen);
  serve_command
      ->add_option("--status", serve_options.status,
                   "/metrics, /ready and /live, without TLS; \"\": none")
      ->type_name("ADDRESS:PORT")
      ->default_str(serve_options.status);
  serve_command
      ->add_option("--rate", serve_options.rate,
                   "Connections a second from one address; four times that at once")
      ->check(CLI::Range(1, 100000))
      ->type_name("N")
      ->default_str("10");
  serve_command->add_flag("--kubernetes", serve_options.kubernetes,
                          "Take tokens of service accounts, bound to pods: the API server judges "
                          "them, and spiffe://DOMAIN/ns/NAMESPACE/sa/NAME is signed");
  serve_command
      ->add_option("--kubernetes-api", serve_options.kubernetes_api,
                   "Where the API server is, if not where pods are told")
      ->type_name("ADDRESS:PORT");
  serve_command
      ->add_option("--kubernetes-credentials", serve_options.kubernetes_credentials,
                   "Folder with ca.crt and token, for the API server")
      ->type_name("DIR")
      ->default_str(serve_options.kubernetes_credentials);
  serve_command
      ->add_option("--token-audience", serve_options.token_audience, "What such tokens are for")
      ->type_name("AUDIENCE")
      ->default_str(serve_options.token_audience);
  add_lifetime(*serve_command, serve_options.lifetime, "24h", "How long what it signs is valid");

  for (auto* command : {init_command, issue_command, inspect_command, verify_command,
                        rotate_issuer_command, rotate_root_command, token_command}) {
    command->add_flag("--json", json, "Print one JSON object");
  }

  try {
    auto reversed = arguments;  // As CLI11 wants them.
    std::reverse(reversed.begin(), reversed.end());
    app.parse(reversed);
  } catch (const CLI::ParseError& error) {
    return app.exit(error, out, errors) == 0 ? kDone : kUsage;
  }
  if (with_issuer) init_options.issuer_lifetime = issuer_lifetime;
  if (*init_command) return show(init(init_options, now), json, out, errors);
  if (*issue_command) return show(issue(issue_options, now), json, out, errors);
  if (*serve_command) return serve(serve_options);
  if (*token_command) return show(make_token(token_options, now), json, out, errors);
  if (*verify_command) return show(verify(verify_options, now), json, out, errors);
  if (*rotate_issuer_command)
    return show(rotate_issuer(rotate_issuer_options, now), json, out, errors);
  if (*rotate_root_command) return show(rotate_root(rotate_root_options, now), json, out, errors);
  return show(inspect(inspect_options, now), json, out, errors);
}

}  // namespace epaulet::certs
