#include "certs-tool/issue.h"

#include <fmt/format.h>

#include <filesystem>

#include "certs-tool/ca_folder.h"
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
  const CaFolder folder(options.ca_folder);
  const auto lock = folder.lock();
  if (!lock) return lock.error();
  const auto ca = folder.load(now);
  if (!ca) return ca.error();

  const auto key = PrivateKey::generate(options.key_type);
  const auto chain = ca->signer.issue(key.public_key(), *id, now, options.lifetime);
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
  if (auto noted = folder.note_leaf(ca->root, now + options.lifetime); !noted) return noted.error();
  const auto written = write_pem_files({{key_path, key.to_pem(), 0600},
                                        {certificate_path, chain_pem, 0644},
                                        {bundle_path, ca->bundle_pem, 0644}},
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
