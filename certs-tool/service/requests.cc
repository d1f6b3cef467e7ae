#include "certs-tool/service/requests.h"

#include <fmt/format.h>

#include <boost/json.hpp>

#include "base/ascii.h"
#include "crypto/csr.h"
#include "crypto/identity_service.h"

namespace epaulet::certs {
namespace {

constexpr std::string_view kJson = "application/json";
constexpr std::string_view kPem = "application/x-pem-file";

Reason no_proof() {
  return {"nothing proves who asks",
          "send `Authorization: Bearer TOKEN` with a token of `epaulet-certs token`, or connect "
          "with the current certificate"};
}

/// RFC 6750 section 2.1. "" if there is none.
std::string_view bearer_of(const http::RequestHead& head) {
  const auto* field = head.find(http::FieldId::authorization);
  if (field == nullptr) return {};
  constexpr std::string_view kScheme = "bearer ";
  const auto value = field->value;
  if (value.size() <= kScheme.size() ||
      !equals_ignore_case(value.substr(0, kScheme.size()), kScheme))
    return {};
  return value.substr(kScheme.size());
}

}  // namespace

std::string_view name_of(Ending ending) {
  switch (ending) {
    case Ending::issued:
      return "issued";
    case Ending::renewed:
      return "renewed";
    case Ending::page:
      return "page";
    case Ending::malformed:
      return "malformed";
    case Ending::unproven:
      return "unproven";
    case Ending::forbidden:
      return "forbidden";
    case Ending::unavailable:
      return "unavailable";
    case Ending::count_:
      break;
  }
  return "";
}

Answer refusal(std::uint16_t status, Ending ending, const Reason& reason) {
  const boost::json::object body{{"error", reason.what}, {"remedy", reason.remedy}};
  Answer answer;
  answer.status = status;
  answer.content_type = kJson;
  answer.body = boost::json::serialize(body) + "\n";
  answer.ending = ending;
  answer.why = reason.what;
  return answer;
}

Task<Answer> Requests::answer(const http::RequestHead& head, std::string_view body,
                              const Caller& caller, Scope& scope) {
  if (head.path == identity_service::kSignPath) {
    if (head.method != http::Method::post) {
      const Reason reason("certificates are signed for POST alone", "POST a certificate request");
      co_return refusal(405, Ending::malformed, reason);
    }
    co_return co_await sign(head, body, caller, scope);
  }
  const bool reads = head.method == http::Method::get || head.method == http::Method::head;
  if (head.path == identity_service::kBundlePath && reads) {
    Answer answer;
    answer.content_type = kPem;
    if (signer_.ca()) answer.body = signer_.ca()->bundle_pem;
    co_return answer;
  }
  const Reason reason(
      "there is no such page here",
      fmt::format("POST {} or GET {}", identity_service::kSignPath, identity_service::kBundlePath));
  co_return refusal(404, Ending::malformed, reason);
}

Task<Proven> Requests::prove(std::string_view credential, const PublicKey& key,
                             const Caller& caller, Scope& scope) {
  if (credential.empty()) {
    if (caller.identity.empty()) co_return Unproven(no_proof());
    co_return proven(SpiffeId::parse(caller.identity));
  }
  for (const auto& proof : proofs_) {
    if (!proof->recognises(credential)) continue;
    auto id = co_await proof->prove(credential, key, scope);
    if (id && !caller.identity.empty() && caller.identity != id->text()) {
      co_return Unproven(Reason(
          fmt::format("the certificate is of {}, but the token of {}", caller.identity, id->text()),
          "send one of them"));
    }
    co_return id;
  }
  co_return Unproven(
      Reason("the credential is of no kind that this service knows", no_proof().remedy));
}

Task<Answer> Requests::sign(const http::RequestHead& head, std::string_view body,
                            const Caller& caller, Scope& scope) {
  const auto key = key_of_csr(body);
  if (!key) co_return refusal(400, Ending::malformed, key.error());
  const auto credential = bearer_of(head);
  const auto id = co_await prove(credential, *key, caller, scope);
  if (!id) {
    const auto& why = id.error();
    // 401 would send a person to look at a token that may be good.
    if (why.is_undecided) co_return refusal(503, Ending::unavailable, why.reason);
    co_return refusal(401, Ending::unproven, why.reason);
  }
  if (!signer_.ca()) {
    const Reason reason("the CA cannot be used: " + signer_.refusal(), "try again later");
    co_return refusal(503, Ending::unavailable, reason);
  }
  if (id->text() == identity_service::id_of(signer_.ca()->signer.trust_domain())) {
    const Reason reason(fmt::format("{} is this service itself", id->text()), "name a workload");
    co_return refusal(403, Ending::forbidden, reason);
  }
  const auto done = signer_.sign(*key, *id, scope.loop().wall_now());
  if (!done) {
    auto answer = refusal(503, Ending::unavailable, done.error());
    answer.identity = id->text();
    co_return answer;
  }
  const boost::json::object result{{"identity", id->text()},
                                   {"certificates", done->certificates},
                                   {"bundle", done->bundle},
                                   {"not_after", rfc3339(done->not_after)}};
  Answer answer;
  answer.content_type = kJson;
  answer.body = boost::json::serialize(result) + "\n";
  answer.ending = credential.empty() ? Ending::renewed : Ending::issued;
  answer.identity = id->text();
  co_return answer;
}

}  // namespace epaulet::certs
