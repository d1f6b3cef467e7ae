#include "certs-tool/token.h"

#include <fmt/format.h>

#include "certs-tool/ca_folder.h"
#include "crypto/identity_service.h"
#include "crypto/pem_file.h"

namespace epaulet::certs {

Checked<Report> make_token(const TokenOptions& options, WallTime now) {
  const auto id = SpiffeId::parse(options.identity);
  if (!id) return id.error();
  const CaFolder folder(options.ca_folder);
  const auto ca = folder.load(now);
  if (!ca) return ca.error();
  const auto& domain = ca->signer.trust_domain();
  if (id->trust_domain() != domain || !id->service_account()) {
    return Reason(fmt::format("the CA issues nothing for {}", id->text()),
                  fmt::format("write it as spiffe://{}/ns/NAMESPACE/sa/SERVICE-ACCOUNT", domain));
  }
  if (id->text() == identity_service::id_of(domain)) {
    return Reason(fmt::format("{} is the identity service itself", id->text()), "name a workload");
  }
  const TokenStore store(folder.file("tokens"));
  store.sweep(now);
  const auto token = store.create(*id, now, options.lifetime);
  if (!token) return token.error();
  Report report;
  report.json = {
      {"ok", true}, {"identity", id->text()}, {"expires", rfc3339(now + options.lifetime)}};
  if (options.file.empty()) {
    report.text = *token + "\n";
    report.json["token"] = *token;
    return report;
  }
  const auto written = write_pem_files({{options.file, *token + "\n", 0600}},
                                       {.overwrite = true, .owner = options.owner});
  if (!written) return written.error();
  report.text = fmt::format(
      "Made a token for {}.\n\n  {}   works once, until {} (0600{})\n\n"
      "The sidecar reads it as `identity: {{ service: ..., ca: ca.pem, token_file: {} }}`.\n",
      id->text(), options.file, rfc3339(now + options.lifetime),
      options.owner ? fmt::format(", of uid {}", *options.owner) : "", options.file);
  report.json["file"] = options.file;
  return report;
}

}  // namespace epaulet::certs
