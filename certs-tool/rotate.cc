#include "certs-tool/rotate.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>

#include "base/limits.h"
#include "certs-tool/ca_folder.h"
#include "crypto/pem_file.h"

namespace epaulet::certs {
namespace {

using Step = Ledger::Rotation::Step;

std::string pem_of(const std::vector<Certificate>& certificates) {
  std::string text;
  for (const auto& certificate : certificates) text += certificate.to_pem();
  return text;
}

/// No longer than whoever signs it.
std::chrono::seconds lifetime_below(const CertificateAuthority& root, std::chrono::seconds wanted,
                                    WallTime now) {
  const auto left = std::chrono::floor<std::chrono::seconds>(root.certificate().not_after() - now);
  return std::min(wanted, left);
}

std::string next_step(const Ledger& ledger, const std::string& folder) {
  if (!ledger.rotation) return fmt::format("epaulet-certs rotate root --ca {} --begin", folder);
  return fmt::format("epaulet-certs rotate root --ca {} --{}", folder,
                     ledger.rotation->step == Step::announced ? "switch" : "finish");
}

boost::json::object to_json(const Ledger& ledger) {
  if (!ledger.rotation) return {{"step", "none"}};
  const auto& rotation = *ledger.rotation;
  return {{"step", rotation.step == Step::announced ? "announced" : "switched"},
          {"old_root", rotation.old_root},
          {"new_root", rotation.new_root},
          {"wait_until", rfc3339(rotation.wait_until)}};
}

Report report_on(const Ledger& ledger, const CaFolder& folder, std::string text, WallTime now) {
  Report report;
  report.text = std::move(text);
  if (ledger.rotation && ledger.rotation->wait_until > now) {
    report.text += fmt::format(
        "\n  Until {} (in {}) leaves are alive whose sidecars may not know it.\n",
        rfc3339(ledger.rotation->wait_until), span_text(ledger.rotation->wait_until - now));
  }
  report.text += fmt::format("\nNext{}:\n  {}\n",
                             ledger.rotation && ledger.rotation->wait_until > now ? ", then" : "",
                             next_step(ledger, folder.path()));
  report.json = {{"ok", true}, {"rotation", to_json(ledger)}};
  return report;
}

/// `--force` does not wait.
Checked<void> may_go_on(const Ledger::Rotation& rotation, const char* cut_off, bool force,
                        WallTime now) {
  if (force || now >= rotation.wait_until) return {};
  return Reason(
      fmt::format("leaves are alive until {} (another {}) that {}", rfc3339(rotation.wait_until),
                  span_text(rotation.wait_until - now), cut_off),
      "wait until then, or add --force and cut them off");
}

Reason out_of_order(const Ledger& ledger, const std::string& folder) {
  return {ledger.rotation
              ? fmt::format("a rotation is under way already: {}",
                            ledger.rotation->step == Step::announced ? "the new root is announced"
                                                                     : "the new root signs")
              : "no rotation is under way",
          "next is `" + next_step(ledger, folder) + "`"};
}

/// Leaves of before the ledger, and those that other tools made, live a day.
WallTime leaves_end(const Ledger& ledger, const std::string& root, WallTime now) {
  const auto known = ledger.until(root);
  return known == WallTime::min() ? now + kLeafLifetime : known;
}

class RootRotation {
 public:
  RootRotation(const RotateRootOptions& options, Ledger ledger, WallTime now)
      : options_(options), folder_(options.ca_folder), ledger_(std::move(ledger)), now_(now) {}

  Checked<Report> announce() {
    if (ledger_.rotation) return out_of_order(ledger_, folder_.path());
    const auto ca = folder_.load(now_);
    if (!ca) return ca.error();
    const auto next = CertificateAuthority::create(ca->signer.trust_domain(), options_.key_type,
                                                   now_, options_.lifetime);
    auto bundle = ca->bundle;
    if (bundle.size() + 1 > limits::kBundleCertificatesMax) {
      return Reason(fmt::format("{} holds {} roots already", folder_.file("ca.pem"), bundle.size()),
                    "remove those that nobody needs");
    }
    bundle.push_back(next.certificate());
    ledger_.rotation =
        Ledger::Rotation{Step::announced, ca->root, hex(next.certificate().fingerprint()),
                         leaves_end(ledger_, ca->root, now_)};
    const auto written = write({{folder_.file("next.key"), next.key().to_pem(), 0600},
                                {folder_.file("next.pem"), next.certificate().to_pem(), 0644},
                                {folder_.file("ca.pem"), pem_of(bundle), 0644}});
    if (!written) return written.error();
    return report_on(
        ledger_, folder_,
        "A new root is trusted beside the old one, which still signs.\n\n" +
            describe(next.certificate(), now_, 2) +
            fmt::format("\n  {}   both roots: give it to whoever pins the file; sidecars of the\n"
                        "  identity service get it with their next certificate\n",
                        folder_.file("ca.pem")),
        now_);
  }

  Checked<Report> switch_over() {
    if (!ledger_.rotation || ledger_.rotation->step != Step::announced)
      return out_of_order(ledger_, folder_.path());
    if (auto may = may_go_on(*ledger_.rotation, "do not know the new root", options_.force, now_);
        !may)
      return may.error();
    const auto next = load_next();
    if (!next) return next.error();
    auto bundle = roots();
    if (!bundle) return bundle.error();
    // The one that signs stands first.
    std::stable_partition(bundle->begin(), bundle->end(), [&](const Certificate& root) {
      return root.fingerprint() == next->certificate().fingerprint();
    });
    auto& rotation = *ledger_.rotation;
    rotation.step = Step::switched;
    rotation.wait_until = leaves_end(ledger_, rotation.old_root, now_);
    std::vector<PemFile> files{{folder_.file("ca.pem"), pem_of(*bundle), 0644},
                               {folder_.file("ca.key"), next->key().to_pem(), 0600}};
    if (folder_.has_issuer()) {
      const auto issuer = next->create_issuer(
          options_.key_type, now_, lifetime_below(*next, options_.issuer_lifetime, now_));
      if (!issuer) return issuer.error();
      files.push_back({folder_.file("issuer.key"), issuer->key().to_pem(), 0600});
      files.push_back({folder_.file("issuer.pem"), issuer->certificate().to_pem(), 0644});
    }
    if (auto written = write(std::move(files)); !written) return written.error();
    ::unlink(folder_.file("next.key").c_str());
    ::unlink(folder_.file("next.pem").c_str());
    return report_on(ledger_, folder_,
                     "The new root signs from now on; the old one is still trusted, and its key is "
                     "gone.\n",
                     now_);
  }

  Checked<Report> finish() {
    if (!ledger_.rotation || ledger_.rotation->step != Step::switched)
      return out_of_order(ledger_, folder_.path());
    if (auto may = may_go_on(*ledger_.rotation, "the old root vouches for", options_.force, now_);
        !may)
      return may.error();
    auto bundle = roots();
    if (!bundle) return bundle.error();
    const auto old_root = ledger_.rotation->old_root;
    std::erase_if(*bundle,
                  [&](const Certificate& root) { return hex(root.fingerprint()) == old_root; });
    ledger_.rotation.reset();
    ledger_.leaves_until.erase(old_root);
    if (auto written = write({{folder_.file("ca.pem"), pem_of(*bundle), 0644}}); !written)
      return written.error();
    Report report;
    report.text = fmt::format(
        "The rotation is complete: {} holds the new root alone.\n  Give it to whoever "
        "pins the file.\n",
        folder_.file("ca.pem"));
    report.json = {{"ok", true}, {"rotation", to_json(ledger_)}};
    return report;
  }

  Checked<Report> status() {
    const char* text = "No rotation is under way.\n";
    if (ledger_.rotation) {
      text = ledger_.rotation->step == Step::announced
                 ? "The new root is trusted beside the old one, which still signs.\n"
                 : "The new root signs; the old one is still trusted.\n";
    }
    return report_on(ledger_, folder_, text, now_);
  }

 private:
  Checked<CertificateAuthority> load_next() {
    const auto certificate = read_pem_file(folder_.file("next.pem"));
    if (!certificate) return certificate.error();
    const auto key = read_pem_file(folder_.file("next.key"));
    if (!key) return key.error();
    return CertificateAuthority::load(*certificate, folder_.file("next.pem"), *key,
                                      folder_.file("next.key"), now_);
  }

  Checked<std::vector<Certificate>> roots() {
    const auto text = read_pem_file(folder_.file("ca.pem"));
    if (!text) return text.error();
    return Certificate::parse_pem(*text, folder_.file("ca.pem"), limits::kBundleCertificatesMax);
  }

  /// The ledger last: until it stands there, the step can be done again.
  Checked<void> write(std::vector<PemFile> files) {
    files.push_back({folder_.file("ledger.json"), ledger_.to_json(), 0644});
    return write_pem_files(files, {.overwrite = true});
  }

  const RotateRootOptions& options_;
  CaFolder folder_;
  Ledger ledger_;
  WallTime now_;
};

}  // namespace

Checked<Report> rotate_issuer(const RotateIssuerOptions& options, WallTime now) {
  const CaFolder folder(options.ca_folder);
  const auto lock = folder.lock();
  if (!lock) return lock.error();
  const auto root = folder.root(now);
  if (!root) return root.error();
  const bool is_first = !folder.has_issuer();
  const auto issuer =
      root->create_issuer(options.key_type, now, lifetime_below(*root, options.lifetime, now));
  if (!issuer) return issuer.error();
  const auto written =
      write_pem_files({{folder.file("issuer.key"), issuer->key().to_pem(), 0600},
                       {folder.file("issuer.pem"), issuer->certificate().to_pem(), 0644}},
                      {.overwrite = true});
  if (!written) return written.error();
  Report report;
  report.text = fmt::format("{}\n\n", is_first ? "Made the first issuer: the root signs no leaf "
                                                 "any more."
                                               : "A new issuer signs from now on.");
  report.text += describe(issuer->certificate(), now, 2);
  report.text += fmt::format(
      "\nLeaves {} stay good until their own end: the root that everybody trusts is the same.\n",
      is_first ? "of the root" : "of the old one");
  if (is_first) {
    report.text += fmt::format("Only `rotate` needs {} from now on: keep it elsewhere.\n",
                               folder.file("ca.key"));
  }
  report.json = {{"ok", true}, {"issuer", certs::to_json(issuer->certificate(), now)}};
  return report;
}

Checked<Report> rotate_root(const RotateRootOptions& options, WallTime now) {
  const CaFolder folder(options.ca_folder);
  const auto lock = folder.lock();
  if (!lock) return lock.error();
  auto ledger = folder.ledger();
  if (!ledger) return ledger.error();
  RootRotation rotation(options, std::move(*ledger), now);
  switch (options.step) {
    case RotateRootOptions::Step::announce:
      return rotation.announce();
    case RotateRootOptions::Step::switch_over:
      return rotation.switch_over();
    case RotateRootOptions::Step::finish:
      return rotation.finish();
    case RotateRootOptions::Step::status:
      break;
  }
  return rotation.status();
}

}  // namespace epaulet::certs
