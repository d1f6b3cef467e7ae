#include "certs-tool/inspect.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <boost/json/array.hpp>
#include <filesystem>

#include "base/limits.h"
#include "certs-tool/ca_folder.h"
#include "crypto/identity.h"
#include "crypto/pem_file.h"

namespace epaulet::certs {
namespace {

class Inspection {
 public:
  explicit Inspection(WallTime now) : now_(now) {}

  /// The text of the file, or "" with the reason noted.
  std::string file(const std::string& path) {
    const auto text = read_pem_file(path);
    if (!text) {
      problem(text.error());
      return "";
    }
    text_ += path + "\n";
    boost::json::object entry{{"path", path}};
    const bool has_key = text->find("PRIVATE KEY-----") != std::string::npos;
    const bool has_certificates = text->find("-----BEGIN CERTIFICATE-----") != std::string::npos;
    if (has_key) show_key(path, *text, entry);
    if (has_certificates || !has_key) show_certificates(path, *text, entry);
    text_ += "\n";
    files_.push_back(std::move(entry));
    return *text;
  }

  /// Each once: a broken file is found by itself and again in the set.
  void problem(const Reason& reason) {
    for (const auto& known : problems_) {
      if (known.what == reason.what) return;
    }
    problems_.push_back(reason);
  }

  void note(const std::string& sentence) { text_ += sentence + "\n"; }

  Report finish(const std::string& verdict) {
    Report report;
    boost::json::array problems;
    for (const auto& reason : problems_) {
      problems.push_back(boost::json::object{{"what", reason.what}, {"remedy", reason.remedy}});
      text_ += fmt::format("PROBLEM: {}\n", reason.what);
      if (!reason.remedy.empty()) text_ += fmt::format("  remedy: {}\n", reason.remedy);
    }
    report.ok = problems_.empty();
    if (report.ok) text_ += verdict + "\n";
    report.text = std::move(text_);
    report.json = {
        {"ok", report.ok}, {"files", std::move(files_)}, {"problems", std::move(problems)}};
    return report;
  }

 private:
  void show_key(const std::string& path, const std::string& text, boost::json::object& entry) {
    const auto key = PrivateKey::from_pem(text, path);
    if (!key) return problem(key.error());
    struct stat facts {};
    ::stat(path.c_str(), &facts);
    const auto mode = facts.st_mode & 0777u;
    auto shown =
        fmt::format("{}, mode {:04o}, of uid {}", key->public_key().kind(), mode, facts.st_uid);
    if ((mode & 0077u) != 0) shown += ": READABLE BY OTHERS, chmod 600 it";
    text_ += line(2, "key", shown);
    entry["key"] = {{"kind", key->public_key().kind()},
                    {"mode", fmt::format("{:04o}", mode)},
                    {"uid", facts.st_uid},
                    {"readable_by_others", (mode & 0077u) != 0}};
  }

  void show_certificates(const std::string& path, const std::string& text,
                         boost::json::object& entry) {
    const auto certificates = Certificate::parse_pem(text, path, limits::kBundleCertificatesMax);
    if (!certificates) return problem(certificates.error());
    boost::json::array shown;
    for (std::size_t i = 0; i < certificates->size(); ++i) {
      const auto& certificate = (*certificates)[i];
      if (i > 0) text_ += "\n";
      text_ += describe(certificate, now_, 2);
      shown.push_back(to_json(certificate, now_));
      if (!certificate.is_valid_at(now_)) {
        problem({fmt::format("{}: {} is {}", path, short_name(certificate),
                             validity_text(certificate, now_)),
                 "issue a new one, or correct the clock"});
      }
    }
    entry["certificates"] = std::move(shown);
  }

  WallTime now_;
  std::string text_;
  boost::json::array files_;
  Identity::Reasons problems_;
};

Report inspect_identity(const std::string& folder, WallTime now) {
  Inspection inspection(now);
  IdentityText text;
  text.certificates_name = folder + "/cert.pem";
  text.key_name = folder + "/key.pem";
  text.bundle_name = folder + "/ca.pem";
  text.certificates = inspection.file(text.certificates_name);
  text.key = inspection.file(text.key_name);
  text.bundle = inspection.file(text.bundle_name);
  const auto leaf = Certificate::parse_pem(text.certificates, "", limits::kChainCertificatesMax);
  const auto id = leaf ? leaf->front().identity() : Checked<SpiffeId>(Reason("", ""));
  if (!text.certificates.empty() && !text.key.empty() && !text.bundle.empty()) {
    const auto identity = Identity::from(text, id ? id->trust_domain() : std::string_view(), now);
    if (!identity) {
      for (const auto& reason : identity.error()) inspection.problem(reason);
    }
  }
  return inspection.finish(fmt::format("The set is consistent: a sidecar of {} takes it.",
                                       id ? id->trust_domain() : std::string_view()));
}

Report inspect_ca(const std::string& path, WallTime now) {
  Inspection inspection(now);
  const CaFolder folder(path);
  std::error_code error;
  for (const char* name :
       {"ca.pem", "ca.key", "issuer.pem", "issuer.key", "next.pem", "next.key"}) {
    // ca.pem must be there, and ca.key unless an issuer signs.
    const bool is_needed = name == std::string_view("ca.pem") ||
                           (name == std::string_view("ca.key") && !folder.has_issuer());
    if (is_needed || std::filesystem::exists(folder.file(name), error))
      inspection.file(folder.file(name));
  }
  std::string domain;
  if (const auto ca = folder.load(now)) {
    domain = ca->signer.trust_domain();
  } else {
    inspection.problem(ca.error());
  }
  if (const auto ledger = folder.ledger(); !ledger) {
    inspection.problem(ledger.error());
  } else if (ledger->rotation) {
    inspection.note("A rotation of the root is under way: `epaulet-certs rotate root` says more.");
  }
  return inspection.finish(fmt::format("The CA can issue for {}.", domain));
}

}  // namespace

Checked<Report> inspect(const InspectOptions& options, WallTime now) {
  std::error_code error;
  const auto status = std::filesystem::status(options.path, error);
  if (!std::filesystem::exists(status)) {
    return Reason(options.path + " does not exist",
                  "name a PEM file, an identity folder or a CA folder");
  }
  if (!std::filesystem::is_directory(status)) {
    Inspection inspection(now);
    inspection.file(options.path);
    return inspection.finish("Nothing is wrong with it by itself.");
  }
  if (std::filesystem::exists(options.path + "/ca.key", error) ||
      std::filesystem::exists(options.path + "/issuer.key", error))
    return inspect_ca(options.path, now);
  if (std::filesystem::exists(options.path + "/cert.pem", error))
    return inspect_identity(options.path, now);
  return Reason(
      fmt::format("{} holds neither cert.pem nor ca.key", options.path),
      "name an identity folder (cert.pem, key.pem, ca.pem) or a CA folder (ca.pem, ca.key)");
}

}  // namespace epaulet::certs
