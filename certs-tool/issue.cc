#include "certs-tool/issue.h"

#include <fmt/format.h>

#include <filesystem>

#include "certs-tool/init.h"
#include "crypto/pem_file.h"

namespace epaulet::certs {
namespace {

bool same_folder(const std::string& a, const std::string& b) {
  std::error_code error;
  return std::filesystem::equivalent(a, b, error);
}

}  // namespace

Checked<Report> issue(const IssueOptions& options, WallTime now) {
  const auto id = SpiffeId::parse(options.identity);
  if (!id) return id.error();
  const std::string ca_path = options.ca_folder + "/ca.pem";
  const std::string ca_key_path = options.ca_folder + "/ca.key";
  const auto bundle = read_pem_file(ca_path);
  if (!bundle) {
    return Reason(bundle.error().what,
                  fmt::format("make a CA with `epaulet-certs init --dir {} --trust-domain {}`",
                              options.ca_folder, id->trust_domain()));
  }
  const auto ca_key = read_pem_file(ca_key_path);
  if (!ca_key) return Reason(ca_key.error().what, "issue where the CA's key is kept");
  const auto ca = CertificateAuthority::load(*bundle, ca_path, *ca_key, ca_key_path, now);
  if (!ca) return ca.error();

  const auto key = PrivateKey::generate(options.key_type);
  const auto chain = ca->issue(key.public_key(), *id, now, options.lifetime);
  if (!chain) return chain.error();

  if (auto made = make_folder(options.folder); !made) return made.error();
  if (same_folder(options.ca_folder, options.folder)) {
    return Reason(fmt::format("{} is the CA's own folder", options.folder),
                  "name another one with --out: a workload must never hold the CA's key");
  }
  std::string chain_pem;
  for (const auto& certificate : *chain) chain_pem += certificate.to_pem();
  const std::string key_path = options.folder + "/key.pem";
  const std::string certificate_path = options.folder + "/cert.pem";
  const std::string bundle_path = options.folder + "/ca.pem";
  const auto written = write_pem_files({{key_path, key.to_pem(), 0600},
                                        {certificate_path, chain_pem, 0644},
                                        {bundle_path, *bundle, 0644}},
                                       {.overwrite = options.force, .owner = options.owner});
  if (!written) return written.error();

  Report report;
  report.text = fmt::format("Issued {}.\n\n", id->text());
  report.text += describe(chain->front(), now, 2);
  report.text += fmt::format(
      "\n  {}   leaf first\n  {}   its key (0600{})\n  {}   the roots it trusts\n\n"
      "The sidecar reads them as `identity: {{ dir: {} }}` and takes renewed ones without a "
      "restart.\n",
      certificate_path, key_path, options.owner ? fmt::format(", of uid {}", *options.owner) : "",
      bundle_path, options.folder);
  report.json = {
      {"ok", true},
      {"identity", id->text()},
      {"certificate", to_json(chain->front(), now)},
      {"files", {{"certificates", certificate_path}, {"key", key_path}, {"ca", bundle_path}}}};
  return report;
}

}  // namespace epaulet::certs
