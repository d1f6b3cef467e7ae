#include "certs-tool/service/service_account_proof.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/ascii.h"

namespace epaulet::certs {
namespace {

constexpr std::string_view kUserPrefix = "system:serviceaccount:";

bool is_base64url(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '_';
}

/// RFC 1123, which is what the platform itself allows: nothing that would be another path.
bool is_platform_name(std::string_view text) {
  const auto fits = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.';
  };
  return !text.empty() && text.size() <= 253 && text.front() != '.' &&
         std::all_of(text.begin(), text.end(), fits);
}

/// For a reason: what the platform says is not ours to vouch for.
std::string printable(std::string_view text) {
  constexpr std::size_t kMax = 200;
  std::string out;
  for (const char c : text.substr(0, kMax)) out += c >= ' ' && c <= '~' ? c : '?';
  return out;
}

}  // namespace

Checked<SpiffeId> identity_of(const TokenReview& review, std::string_view trust_domain,
                              std::string_view audience) {
  const std::string remedy = fmt::format(
      "project a service account token for audience \"{}\" "
      "into the sidecar",
      audience);
  if (!review.authenticated) {
    const auto why = review.error.empty() ? std::string() : ": " + printable(review.error);
    return Reason("the platform does not take this token" + why, remedy);
  }
  // An API server that knows no audiences answers none: then its own tokens would do.
  if (review.audiences.size() != 1 || review.audiences.front() != audience)
    return Reason(fmt::format("the token is not for \"{}\" alone", audience), remedy);
  const std::string_view user = review.username;
  const auto account = user.starts_with(kUserPrefix) ? user.substr(kUserPrefix.size()) : "";
  const auto colon = account.find(':');
  const auto name_space = account.substr(0, colon);
  const auto name = colon == account.npos ? std::string_view() : account.substr(colon + 1);
  if (!is_platform_name(name_space) || !is_platform_name(name)) {
    return Reason(
        fmt::format("the token is of {}, which is no service account", printable(review.username)),
        remedy);
  }
  return SpiffeId::parse(fmt::format("spiffe://{}/ns/{}/sa/{}", trust_domain, name_space, name));
}

bool ServiceAccountProof::recognises(std::string_view credential) const {
  if (credential.size() > kTokenBytesMax) return false;
  unsigned dots = 0;
  char before = '.';
  for (const char c : credential) {
    if (c == '.' ? before == '.' || ++dots > 2 : !is_base64url(c)) return false;
    before = c;
  }
  return dots == 2 && before != '.';
}

Task<Proven> ServiceAccountProof::prove(std::string_view credential, const PublicKey&,
                                        Scope& scope) {
  // So much that there is time left to say that it took too long.
  Scope asking(scope);
  asking.set_deadline(scope.loop().now() + kReviewTime,
                      {ErrorCode::attempt_timeout, Side::upstream, Stage::authenticate});
  const auto review = co_await reviewer_.review(credential, audience_, asking);
  if (!review) co_return Unproven(review.error(), true);
  co_return proven(identity_of(*review, trust_domain_, audience_));
}

}  // namespace epaulet::certs
