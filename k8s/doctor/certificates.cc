#include "k8s/doctor/certificates.h"

#include <fmt/format.h>

#include "crypto/ca.h"
#include "crypto/identity.h"
#include "crypto/web_chain.h"

namespace epaulet::kube {
namespace {

constexpr std::size_t kCertificatesMax = 64;
constexpr std::chrono::hours kSoon{14 * 24};

constexpr const char* kNewCa =
    "make it: epaulet-certs init --dir ca --trust-domain DOMAIN --issuer; then kubectl create "
    "secret "
    "generic, as k8s/README.md has it";
constexpr const char* kNewIssuer =
    "epaulet-certs rotate issuer, put the new files into the Secret, restart epaulet-identity";
constexpr const char* kNewServing =
    "helm upgrade with another --set injector.certificate.rotate=WORD, or renew it where it comes "
    "from; caBundle must verify what the Secret holds";

std::optional<std::string> entry_of(const json::object& secret, std::string_view key) {
  const auto* data = object_in(secret, "data");
  return data == nullptr ? std::nullopt : decode_base64(text_in(*data, key));
}

std::vector<Certificate> certificates_in(std::string_view pem, std::string_view name) {
  auto parsed = Certificate::parse_pem(pem, name, kCertificatesMax);
  return parsed ? std::move(*parsed) : std::vector<Certificate>();
}

/// The Secret, or a finding of why not.
const json::object* secret_of(const Facts& facts, const Question& question, std::string_view name,
                              std::string_view about, const char* remedy, DoctorReport& report) {
  const auto path = paths::secret(question, name);
  const auto& fact = facts.at(path);
  if (const auto* secret = facts.object(path)) return secret;
  if (fact.is_absent()) {
    report.fail(about, fmt::format("there is no Secret {}/{}", question.system_namespace, name),
                remedy);
  } else {
    report.warn(about,
                fmt::format("the Secret {}/{} cannot be read: {}", question.system_namespace, name,
                            printable(fact.why)),
                "ask again as somebody who may get it; its certificates are not looked at");
  }
  return nullptr;
}

void judge_time(const Certificate& certificate, std::string_view about, std::string_view which,
                WallTime now, const char* remedy, DoctorReport& report) {
  const auto left = certificate.not_after() - now;
  if (!certificate.is_valid_at(now)) {
    report.fail(about, fmt::format("{} is {}", which, validity_text(certificate, now)), remedy);
  } else if (left < kSoon) {
    report.warn(about, fmt::format("{} ends in {}", which, span_text(left)), remedy);
  } else {
    report.ok(about, fmt::format("{} is valid until {} ({} left)", which,
                                 rfc3339(certificate.not_after()), span_text(left)));
  }
}

}  // namespace

std::optional<std::string> decode_base64(std::string_view text) {
  constexpr std::string_view kAlphabet =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  if (text.empty() || text.size() % 4 != 0) return std::nullopt;
  const auto padding = text.ends_with("==") ? 2u : text.ends_with('=') ? 1u : 0u;
  std::string out;
  out.reserve(text.size() / 4 * 3);
  std::uint32_t bits = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto at = i + padding < text.size() ? kAlphabet.find(text[i]) : 0;
    if (at == kAlphabet.npos) return std::nullopt;
    bits = bits << 6 | static_cast<std::uint32_t>(at);
    if (i % 4 != 3) continue;
    for (const int shift : {16, 8, 0}) out += static_cast<char>(bits >> shift & 0xff);
  }
  for (auto left = padding; left > 0; --left) out.pop_back();
  return out;
}

std::string serving_secret(const Facts& facts, const Question& question) {
  for (const auto& each : facts.items(paths::deployments(question))) {
    const auto* deployment = each.if_object();
    if (deployment == nullptr || text_at(*deployment, {"metadata", "name"}) != "epaulet-injector")
      continue;
    const auto* pod = find_object(*deployment, {"spec", "template", "spec"});
    const auto* volumes = pod == nullptr ? nullptr : array_in(*pod, "volumes");
    if (volumes == nullptr) continue;
    for (const auto& one : *volumes) {
      const auto* volume = one.if_object();
      if (volume != nullptr && text_in(*volume, "name") == "certificate")
        return std::string(text_at(*volume, {"secret", "secretName"}));
    }
  }
  return "epaulet-injector-certificate";
}

std::vector<Certificate> mesh_roots(const Facts& facts, const Question& question) {
  const auto* secret = facts.object(paths::secret(question, question.ca_secret));
  const auto pem = secret == nullptr ? std::nullopt : entry_of(*secret, "ca.pem");
  return pem ? certificates_in(*pem, "ca.pem") : std::vector<Certificate>();
}

void check_ca(const Facts& facts, const Question& question, DoctorReport& report) {
  constexpr std::string_view kAbout = "mesh CA";
  const auto* secret = secret_of(facts, question, question.ca_secret, kAbout, kNewCa, report);
  if (secret == nullptr) return;
  const auto roots_pem = entry_of(*secret, "ca.pem");
  const auto issuer_pem = entry_of(*secret, "issuer.pem");
  const auto key_pem = entry_of(*secret, "issuer.key");
  if (!roots_pem || !issuer_pem || !key_pem) {
    return report.fail(kAbout,
                       fmt::format("the Secret {} lacks one of ca.pem, issuer.pem and issuer.key",
                                   question.ca_secret),
                       kNewCa);
  }
  const auto roots = certificates_in(*roots_pem, "ca.pem");
  const auto issuer = certificates_in(*issuer_pem, "issuer.pem");
  if (roots.empty() || issuer.empty()) {
    return report.fail(
        kAbout, fmt::format("{} holds no certificate", roots.empty() ? "ca.pem" : "issuer.pem"),
        kNewCa);
  }
  const auto key = PrivateKey::from_pem(*key_pem, "issuer.key");
  if (!key || !belongs_to(*key, issuer.front())) {
    report.fail(kAbout, "issuer.key is not the key of issuer.pem: nothing can be signed",
                "put both from the same `epaulet-certs init` or `rotate issuer` into the Secret");
  }
  // The middle of its validity: that it is over is another line.
  const auto& first = issuer.front();
  const auto middle = first.not_before() + (first.not_after() - first.not_before()) / 2;
  const auto at = first.is_valid_at(facts.now()) ? facts.now() : middle;
  if (const auto fault = fault_of_authority(first, roots, at)) {
    report.fail(kAbout, fmt::format("issuer.pem does not lead to ca.pem: {}", *fault),
                "put both from the same CA into the Secret: sidecars trust ca.pem alone");
  }
  judge_time(first, kAbout, "the issuer", facts.now(), kNewIssuer, report);
  for (const auto& root : roots) {
    judge_time(root, kAbout, "the root " + printable(short_name(root), 80), facts.now(),
               "epaulet-certs rotate root, which takes two steps", report);
  }
}

void check_serving_certificate(const Facts& facts, const Question& question,
                               std::string_view ca_bundle, const std::string& host,
                               DoctorReport& report) {
  constexpr std::string_view kAbout = "webhook TLS";
  const auto bundle = decode_base64(ca_bundle);
  const auto roots = bundle ? certificates_in(*bundle, "caBundle") : std::vector<Certificate>();
  if (roots.empty()) {
    return report.fail(kAbout, "the webhook's caBundle holds no certificate: no pod can be created",
                       kNewServing);
  }
  const auto name = serving_secret(facts, question);
  const auto* secret = secret_of(facts, question, name, kAbout, kNewServing, report);
  if (secret == nullptr) return;
  const auto pem = entry_of(*secret, "tls.crt");
  const auto chain = pem ? certificates_in(*pem, "tls.crt") : std::vector<Certificate>();
  const auto key_pem = entry_of(*secret, "tls.key");
  if (chain.empty() || !key_pem) {
    return report.fail(kAbout, fmt::format("the Secret {} lacks tls.crt or tls.key", name),
                       kNewServing);
  }
  const auto key = PrivateKey::from_pem(*key_pem, "tls.key");
  if (!key || !belongs_to(*key, chain.front()))
    report.fail(kAbout, "tls.key is not the key of tls.crt", kNewServing);
  const auto& leaf = chain.front();
  const auto middle = leaf.not_before() + (leaf.not_after() - leaf.not_before()) / 2;
  const auto at = leaf.is_valid_at(facts.now()) ? facts.now() : middle;
  if (const auto fault = fault_of_server(chain, roots, host, at)) {
    report.fail(kAbout,
                fmt::format("the API server does not take the injector's certificate for {}: {}; "
                            "caBundle and the Secret {} do not belong together",
                            host, *fault, name),
                kNewServing);
  } else {
    report.ok(kAbout, fmt::format("caBundle verifies the injector's certificate for {}", host));
  }
  judge_time(leaf, kAbout, "the injector's certificate", facts.now(), kNewServing, report);
}

}  // namespace epaulet::kube
