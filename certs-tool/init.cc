#include "certs-tool/init.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "certs-tool/ca_folder.h"
#include "crypto/pem_file.h"

namespace epaulet::certs {
namespace {

/// What would still speak of the CA that was here before.
void forget_predecessor(const CaFolder& folder, bool has_issuer) {
  std::error_code ignored;
  for (const char* name : {"ledger.json", "next.key", "next.pem", "tokens"}) {
    std::filesystem::remove_all(folder.file(name), ignored);
  }
  if (has_issuer) return;
  std::filesystem::remove(folder.file("issuer.key"), ignored);
  std::filesystem::remove(folder.file("issuer.pem"), ignored);
}

}  // namespace

Checked<void> make_folder(const std::string& folder) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error || !std::filesystem::is_directory(folder, error)) {
    return Reason(fmt::format("{} cannot be made: {}", folder,
                              error ? error.message() : "it is not a folder"),
                  "name a folder that you may write");
  }
  return {};
}

Checked<Report> init(const InitOptions& options, WallTime now) {
  if (!SpiffeId::is_trust_domain(options.trust_domain)) {
    return Reason(fmt::format("`{}` is no trust domain", options.trust_domain.substr(0, 64)),
                  "use 1 to 255 of a-z, 0-9, `.`, `-` and `_`, for example cluster.local");
  }
  if (auto made = make_folder(options.folder); !made) return made.error();
  const CaFolder folder(options.folder);
  const auto lock = folder.lock();
  if (!lock) return lock.error();
  const auto ca =
      CertificateAuthority::create(options.trust_domain, options.key_type, now, options.lifetime);
  const std::string certificate_path = folder.file("ca.pem");
  const std::string key_path = folder.file("ca.key");
  std::vector<PemFile> files{{key_path, ca.key().to_pem(), 0600},
                             {certificate_path, ca.certificate().to_pem(), 0644}};
  if (options.issuer_lifetime) {
    const auto issuer = ca.create_issuer(options.key_type, now,
                                         std::min(*options.issuer_lifetime, options.lifetime));
    if (!issuer) return issuer.error();
    files.push_back({folder.file("issuer.key"), issuer->key().to_pem(), 0600});
    files.push_back({folder.file("issuer.pem"), issuer->certificate().to_pem(), 0644});
  }
  const auto written = write_pem_files(files, {.overwrite = options.force});
  if (!written) return written.error();
  if (options.force) forget_predecessor(folder, options.issuer_lifetime.has_value());

  Report report;
  report.text = fmt::format("Made a certificate authority for {}.\n\n", options.trust_domain);
  report.text += describe(ca.certificate(), now, 2);
  report.text += fmt::format(
      "\n  {}   to share: every sidecar trusts it\n"
      "  {}   to keep{}: whoever holds it can be anybody in {} (0600)\n{}\n"
      "Next:\n  epaulet-certs issue --ca {} --identity spiffe://{}/ns/default/sa/NAME --out DIR\n",
      certificate_path, key_path,
      options.issuer_lifetime ? ", away from here: only `rotate` needs it" : "",
      options.trust_domain,
      options.issuer_lifetime
          ? fmt::format("  {}   signs; its key beside it (0600)\n", folder.file("issuer.pem"))
          : "",
      options.folder, options.trust_domain);
  report.json = {{"ok", true},
                 {"trust_domain", options.trust_domain},
                 {"certificate", to_json(ca.certificate(), now)},
                 {"files", {{"ca", certificate_path}, {"key", key_path}}}};
  return report;
}

}  // namespace epaulet::certs
