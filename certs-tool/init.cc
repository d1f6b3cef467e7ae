#include "certs-tool/init.h"

#include <fmt/format.h>

#include <filesystem>

#include "crypto/pem_file.h"

namespace epaulet::certs {

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
  const auto ca =
      CertificateAuthority::create(options.trust_domain, options.key_type, now, options.lifetime);
  const std::string certificate_path = options.folder + "/ca.pem";
  const std::string key_path = options.folder + "/ca.key";
  const auto written = write_pem_files(
      {{key_path, ca.key().to_pem(), 0600}, {certificate_path, ca.certificate().to_pem(), 0644}},
      {.overwrite = options.force});
  if (!written) return written.error();

  Report report;
  report.text = fmt::format("Made a certificate authority for {}.\n\n", options.trust_domain);
  report.text += describe(ca.certificate(), now, 2);
  report.text += fmt::format(
      "\n  {}   to share: every sidecar trusts it\n"
      "  {}   to keep: whoever holds it can be anybody in {} (0600)\n\n"
      "Next:\n  epaulet-certs issue --ca {} --identity spiffe://{}/ns/default/sa/NAME --out DIR\n",
      certificate_path, key_path, options.trust_domain, options.folder, options.trust_domain);
  report.json = {{"ok", true},
                 {"trust_domain", options.trust_domain},
                 {"certificate", to_json(ca.certificate(), now)},
                 {"files", {{"ca", certificate_path}, {"key", key_path}}}};
  return report;
}

}  // namespace epaulet::certs
