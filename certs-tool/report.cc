#include "certs-tool/report.h"

#include <fmt/format.h>

#include <boost/json/array.hpp>

namespace epaulet::certs {
namespace {

std::string validity(const Certificate& certificate, WallTime now) {
  auto text = fmt::format("{} until {}", rfc3339(certificate.not_before()),
                          rfc3339(certificate.not_after()));
  if (now < certificate.not_before()) {
    return text +
           fmt::format("  NOT YET VALID, begins in {}", span_text(certificate.not_before() - now));
  }
  if (now >= certificate.not_after()) {
    return text + fmt::format("  EXPIRED {} ago", span_text(now - certificate.not_after()));
  }
  return text + fmt::format("  ({} left)", span_text(certificate.not_after() - now));
}

std::string key_text(const Certificate& certificate) {
  const auto key = certificate.public_key();
  return key ? key->kind() : "unusable: " + key.error().what;
}

}  // namespace

std::string line(std::size_t indent, std::string_view name, std::string_view value) {
  return fmt::format("{:{}}{:<10}{}\n", "", indent, name, value);
}

std::string describe(const Certificate& certificate, WallTime now, std::size_t indent) {
  std::string text;
  const auto uris = certificate.uri_sans();
  if (!uris) text += line(indent, "identity", uris.error().what);
  if (uris && uris->empty()) text += line(indent, "identity", "none");
  if (uris) {
    for (const auto& uri : *uris) {
      text += line(indent, certificate.is_ca() ? "domain" : "identity", uri);
    }
  }
  text += line(indent, "subject", certificate.subject());
  text += line(indent, "issuer", certificate.is_self_issued() ? "itself" : certificate.issuer());
  text += line(indent, "key", key_text(certificate));
  text += line(indent, "valid", validity(certificate, now));
  text += line(indent, "serial", certificate.serial());
  text += line(indent, "sha256", hex(certificate.fingerprint()));
  return text;
}

boost::json::object to_json(const Certificate& certificate, WallTime now) {
  boost::json::array uris;
  if (const auto found = certificate.uri_sans()) {
    for (const auto& uri : *found) uris.emplace_back(uri);
  }
  const auto left = std::chrono::floor<std::chrono::seconds>(certificate.not_after() - now).count();
  return {{"uris", uris},
          {"subject", certificate.subject()},
          {"issuer", certificate.issuer()},
          {"is_ca", certificate.is_ca()},
          {"key", key_text(certificate)},
          {"not_before", rfc3339(certificate.not_before())},
          {"not_after", rfc3339(certificate.not_after())},
          {"seconds_left", left},
          {"serial", certificate.serial()},
          {"sha256", hex(certificate.fingerprint())}};
}

}  // namespace epaulet::certs
