#include "certs-tool/verify.h"

#include <fmt/format.h>

#include <boost/json/array.hpp>

#include "base/limits.h"
#include "crypto/identity.h"
#include "crypto/pem_file.h"

namespace epaulet::certs {
namespace {

/// The claims, in the order in which they were looked at.
class Claims {
 public:
  void holds(std::string_view claim, const std::string& evidence) {
    text_ += fmt::format("  ok    {:<12} {}\n", claim, evidence);
    list_.push_back(boost::json::object{{"claim", claim}, {"ok", true}, {"evidence", evidence}});
  }
  void fails(std::string_view claim, const Reason& reason) {
    ok_ = false;
    text_ += fmt::format("  FAIL  {:<12} {}\n", claim, reason.what);
    if (!reason.remedy.empty())
      text_ += fmt::format("        {:<12} remedy: {}\n", "", reason.remedy);
    list_.push_back(boost::json::object{
        {"claim", claim}, {"ok", false}, {"what", reason.what}, {"remedy", reason.remedy}});
  }
  void judge(std::string_view claim, bool holds_, const std::string& evidence,
             const Reason& reason) {
    if (holds_) {
      holds(claim, evidence);
    } else {
      fails(claim, reason);
    }
  }

  [[nodiscard]] Report report(const std::string& path) {
    Report report;
    report.ok = ok_;
    report.text = fmt::format(
        "{}\n{}\n{}\n", path, text_,
        ok_ ? "A peer that trusts these roots takes it." : "No peer takes it as it is.");
    report.json = {{"ok", ok_}, {"path", path}, {"claims", std::move(list_)}};
    return report;
  }

 private:
  bool ok_ = true;
  std::string text_;
  boost::json::array list_;
};

class Verification {
 public:
  Verification(const VerifyOptions& options, WallTime now)
      : options_(options),
        now_(now),
        certificates_path_(options.folder + "/cert.pem"),
        key_path_(options.folder + "/key.pem"),
        bundle_path_(options.bundle.empty() ? options.folder + "/ca.pem" : options.bundle) {}

  Report run() {
    const auto chain = certificates(certificates_path_, limits::kChainCertificatesMax);
    const auto roots = certificates(bundle_path_, limits::kBundleCertificatesMax);
    judge_key(chain);
    if (chain) {
      judge_strength(*chain);
      judge_identity(chain->front());
      judge_time(*chain);
    }
    if (chain && roots) judge_chain(*chain, *roots);
    return claims_.report(options_.folder);
  }

 private:
  using Chain = std::optional<std::vector<Certificate>>;

  Chain certificates(const std::string& path, std::size_t max) {
    const auto text = read_pem_file(path);
    if (!text) {
      claims_.fails("readable", text.error());
      return std::nullopt;
    }
    auto parsed = Certificate::parse_pem(*text, path, max);
    if (!parsed) {
      claims_.fails("readable", parsed.error());
      return std::nullopt;
    }
    claims_.holds("readable", fmt::format("{}, {} certificate{}", path, parsed->size(),
                                          parsed->size() == 1 ? "" : "s"));
    return std::move(*parsed);
  }

  void judge_key(const Chain& chain) {
    const auto text = read_pem_file(key_path_);
    if (!text) return claims_.fails("key", text.error());
    const auto key = PrivateKey::from_pem(*text, key_path_);
    if (!key) return claims_.fails("key", key.error());
    if (!chain) return;
    const auto wanted = chain->front().public_key();
    claims_.judge("key", wanted && wanted->matches(key->get()),
                  fmt::format("{}, belongs to the certificate", key->public_key().kind()),
                  {fmt::format("{} is not the key of {}", key_path_, certificates_path_),
                   "copy all files from one `epaulet-certs issue`"});
  }

  void judge_strength(const std::vector<Certificate>& chain) {
    for (const auto& certificate : chain) {
      const auto key = certificate.public_key();
      if (!key) {
        return claims_.fails(
            "strength",
            {fmt::format("{}: {}", short_name(certificate), key.error().what), key.error().remedy});
      }
      if (const auto weakness = certificate.signature_weakness()) {
        return claims_.fails("strength", {fmt::format("{}: {}", short_name(certificate), *weakness),
                                          "issue it anew: SHA-256 or better"});
      }
    }
    claims_.holds("strength", "keys and signatures");
  }

  void judge_identity(const Certificate& leaf) {
    const auto id = leaf.identity();
    if (!id) return claims_.fails("identity", id.error());
    if (!options_.identity.empty() && options_.identity != id->text()) {
      return claims_.fails("identity",
                           {fmt::format("it is {}, not {}", id->text(), options_.identity),
                            "issue one with `--identity " + options_.identity + "`"});
    }
    if (!options_.trust_domain.empty() && options_.trust_domain != id->trust_domain()) {
      return claims_.fails("identity", {fmt::format("{} lies outside the trust domain {}",
                                                    id->text(), options_.trust_domain),
                                        "issue it from that domain's CA"});
    }
    claims_.holds("identity", id->text());
  }

  void judge_time(const std::vector<Certificate>& chain) {
    for (const auto& certificate : chain) {
      if (certificate.is_valid_at(now_)) continue;
      return claims_.fails(
          "time",
          {fmt::format("{} is {}", short_name(certificate), validity_text(certificate, now_)),
           now_ < certificate.not_before()
               ? "compare the clocks of this machine and of the issuer's"
               : "issue a new one; if it should be valid, correct the clock"});
    }
    auto until = chain.front().not_after();
    for (const auto& certificate : chain) until = std::min(until, certificate.not_after());
    claims_.holds("time",
                  fmt::format("until {} ({} left)", rfc3339(until), span_text(until - now_)));
  }

  void judge_chain(const std::vector<Certificate>& chain, const std::vector<Certificate>& roots) {
    std::string names;
    for (const auto& root : roots) {
      if (!root.is_ca()) {
        return claims_.fails(
            "chain", {fmt::format("{}: {} is no CA certificate", bundle_path_, short_name(root)),
                      "the bundle holds the roots to trust"});
      }
      names += (names.empty() ? "" : "; ") + short_name(root);
    }
    // Of time and strength the lines above say more: here the middle of its validity counts, so
    // that only the chain itself is judged.
    const auto& leaf = chain.front();
    const auto at = leaf.is_valid_at(now_)
                        ? now_
                        : leaf.not_before() + (leaf.not_after() - leaf.not_before()) / 2;
    const auto fault = fault_of_chain(chain, roots, at);
    if (!fault) {
      return claims_.holds("chain",
                           fmt::format("{} certificate{} to {}, within its name "
                                       "constraints, for both roles",
                                       chain.size(), chain.size() == 1 ? "" : "s", bundle_path_));
    }
    claims_.fails("chain",
                  {fmt::format("{}; issued by {} (key id {}); {} holds {}", *fault, leaf.issuer(),
                               leaf.authority_key_id(), bundle_path_, names),
                   "issue it anew from a CA of these roots, or correct the roots"});
  }

  const VerifyOptions& options_;
  WallTime now_;
  std::string certificates_path_;
  std::string key_path_;
  std::string bundle_path_;
  Claims claims_;
};

}  // namespace

Checked<Report> verify(const VerifyOptions& options, WallTime now) {
  return Verification(options, now).run();
}

}  // namespace epaulet::certs
