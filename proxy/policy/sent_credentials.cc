#include "policy/sent_credentials.h"

#include <fmt/format.h>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include "base/ascii.h"
#include "crypto/api_key.h"
#include "crypto/jose_base64.h"
#include "crypto/jws.h"
#include "http/cgi_name.h"

namespace epaulet {
namespace {

namespace json = boost::json;

std::string_view without_line_end(std::string_view text) {
  if (text.ends_with('\n')) text.remove_suffix(1);
  if (text.ends_with('\r')) text.remove_suffix(1);
  return text;
}

std::int64_t seconds_of(WallTime time) {
  return std::chrono::duration_cast<std::chrono::seconds>(time.time_since_epoch()).count();
}

json::array list_of(const std::vector<std::string>& texts) {
  json::array list;
  for (const auto& text : texts) list.emplace_back(text);
  return list;
}

}  // namespace

Checked<SentCredentials> SentCredentials::make(const CredentialSettings& settings,
                                               const std::string& own_service,
                                               std::string_view signing_key,
                                               std::string_view api_key) {
  SentCredentials made(settings);
  if (const auto& token = settings.token) {
    made.subject_ = token->subject.empty() ? own_service : token->subject;
    if (made.subject_.empty())
      return Reason("the token has no subject", "add subject, or workload.service");
    if (is_symmetric(token->algorithm)) {
      made.secret_ = without_line_end(signing_key);
      const auto needed = secret_bytes_min(token->algorithm);
      if (made.secret_.size() < needed)
        return Reason(fmt::format("the secret in {} is shorter than the {} bytes that {} needs",
                                  token->key_file, needed, name_of(token->algorithm)),
                      "draw a longer one: openssl rand -hex 64");
    } else {
      auto key = PrivateKey::from_pem(signing_key, token->key_file);
      if (!key) return key.error();
      if (jwk_kind_of(key->public_key()) != jwk_kind_for(token->algorithm))
        return Reason(fmt::format("{} holds a key of {}, which does not sign {}", token->key_file,
                                  key->public_key().kind(), name_of(token->algorithm)),
                      "write the algorithm of the key, or give it another key");
      made.key_ = std::move(*key);
    }
  }
  if (settings.key) {
    made.api_key_ = trim(without_line_end(api_key));
    if (const auto flaw = flaw_of_api_key(made.api_key_); !flaw.empty())
      return Reason(
          fmt::format("{} holds no API key: {}",
                      settings.key->file.empty() ? settings.key->env : settings.key->file, flaw),
          "one key and nothing else, as epaulet key new prints it");
  }
  return made;
}

bool SentCredentials::may_add(http::RequestHead& head, std::string_view name) const {
  for (http::Field& field : head.fields) {
    if (field.removed || !http::equals_as_cgi(field.name, name)) continue;
    if (!settings_.overwrite) return false;
    field.removed = true;
  }
  return true;
}

bool SentCredentials::attach(http::RequestHead& head, MintedToken& cached, WallTime now) const {
  bool has_minted = false;
  if (settings_.token && may_add(head, settings_.token->header)) {
    // A clock that was set back must not let a token live on that others take to be of tomorrow.
    has_minted = cached.value.empty() || now >= cached.renew_at || now < cached.issued_at;
    if (has_minted) mint(cached, now);
    head.added.add(settings_.token->header, cached.value);
  }
  if (settings_.key && may_add(head, settings_.key->header)) {
    head.added.add(settings_.key->header, api_key_);
    if (!settings_.key->owner_header.empty()) {
      for (http::Field& field : head.fields) {
        if (http::equals_as_cgi(field.name, settings_.key->owner_header)) field.removed = true;
      }
      head.added.add(settings_.key->owner_header, settings_.key->owner);
    }
  }
  return has_minted;
}

void SentCredentials::mint(MintedToken& out, WallTime now) const {
  const MintSettings& token = *settings_.token;
  json::object header{{"alg", name_of(token.algorithm)}, {"typ", "JWT"}};
  if (!token.key_id.empty()) header["kid"] = token.key_id;
  json::object claims{{"iss", token.issuer},
                      {"sub", subject_},
                      {"aud", list_of(token.audiences)},
                      {"iat", seconds_of(now)},
                      {"exp", seconds_of(now + token.lifetime)},
                      {"service", true}};
  if (!token.permissions.empty()) claims["permissions"] = list_of(token.permissions);
  const std::string input =
      encode_base64url(json::serialize(header)) + "." + encode_base64url(json::serialize(claims));
  const std::string signature =
      key_ ? sign_jws(token.algorithm, *key_, input) : sign_jws(token.algorithm, secret_, input);
  const bool is_bearer = equals_ignore_case(token.header, "authorization");
  out.value = (is_bearer ? "Bearer " : "") + input + "." + encode_base64url(signature);
  out.issued_at = now;
  out.renew_at = now + token.lifetime * 4 / 5;
}

}  // namespace epaulet
