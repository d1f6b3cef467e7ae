#include "server/key_files.h"

#include <fmt/format.h>

#include <cstdlib>
#include <fstream>

#include "base/limits.h"
#include "crypto/api_key.h"

namespace epaulet::server {

std::optional<std::string> read_file(const std::string& path, std::size_t bytes_max) {
  std::ifstream file(path, std::ios::binary | std::ios::ate);
  if (!file) return std::nullopt;
  const auto size = static_cast<std::streamoff>(file.tellg());
  if (size < 0 || static_cast<std::size_t>(size) > bytes_max) return std::nullopt;
  std::string text(static_cast<std::size_t>(size), '\0');
  file.seekg(0);
  file.read(text.data(), size);
  text.resize(static_cast<std::size_t>(file.gcount()));
  return text;
}

namespace {

Sha256 digest_of(std::string_view text) {
  return sha256({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
}

/// Reads what one origin names, and says what is wrong with it.
class Reader {
 public:
  Reader(KeyFiles& loaded, const Origin& origin, std::string whose)
      : loaded_(loaded), origin_(origin), whose_(std::move(whose)) {}

  std::optional<std::string> file(const std::string& path) {
    auto text = read_file(path, limits::kJwksBytesMax);
    loaded_.digests[path] = text ? std::optional(digest_of(*text)) : std::nullopt;
    if (!text)
      complain(
          fmt::format("cannot read {}, {}\n  look at the path and its permissions; at most 1 "
                      "MiB",
                      path, whose_));
    return text;
  }

  std::optional<std::string> variable(const std::string& name) {
    const char* value = std::getenv(name.c_str());
    if (value != nullptr && *value != '\0') return std::string(value);
    complain(
        fmt::format("the environment variable {}, {}, is not set\n  set it where epaulet is "
                    "started; a change takes effect with the next start",
                    name, whose_));
    return std::nullopt;
  }

  void complain(std::string_view text) {
    loaded_.problems += fmt::format("{}: {}\n", origin_.to_string(), text);
  }
  void warn(std::string_view text) {
    loaded_.warnings.push_back(fmt::format("{}: {}", origin_.to_string(), text));
  }

 private:
  KeyFiles& loaded_;
  const Origin& origin_;
  const std::string whose_;
};

std::string_view without_line_end(std::string_view text) {
  if (text.ends_with('\n')) text.remove_suffix(1);
  if (text.ends_with('\r')) text.remove_suffix(1);
  return text;
}

void load_issuer(const IssuerSettings& issuer, KeyFiles& loaded) {
  if (!issuer.keys_url.empty()) return;  // Fetched by RemoteKeys.
  Reader reader(loaded, issuer.origin, "the keys of issuer " + issuer.name);
  const bool is_set = !issuer.keys_file.empty();
  const bool is_variable = !issuer.secret_env.empty();
  const std::string& name = is_set        ? issuer.keys_file
                            : is_variable ? issuer.secret_env
                                          : issuer.secret_file;
  const auto text = is_variable ? reader.variable(name) : reader.file(name);
  if (!text) return;
  auto keys = is_set ? JwkSet::parse(*text, name, issuer.algorithms)
                     : JwkSet::of_secret(without_line_end(*text), name, issuer.algorithms);
  if (!keys) return reader.complain(keys.error().to_string());
  for (const auto& skipped : keys->skipped()) reader.warn(skipped);
  loaded.keys.issuers.emplace(issuer.name, std::make_shared<const JwkSet>(std::move(*keys)));
}

void load_owner(const ApiKeyOwnerSettings& owner, KeyFiles& loaded) {
  Reader reader(loaded, owner.origin, "API keys of " + owner.name);
  auto& hashes = loaded.keys.api_keys[owner.name];
  const auto take = [&](const std::optional<std::string>& text, const std::string& name) {
    if (!text) return;
    const auto read = read_api_keys(*text, name);
    if (!read) return reader.complain(read.error().to_string());
    hashes.insert(hashes.end(), read->begin(), read->end());
  };
  if (!owner.file.empty()) take(reader.file(owner.file), owner.file);
  if (!owner.env.empty()) take(reader.variable(owner.env), owner.env);
}

void load_sent(const ServiceSettings& service, const std::string& own_service, KeyFiles& loaded) {
  const CredentialSettings& settings = *service.credentials;
  Reader reader(loaded, settings.origin, "what is sent to " + service.name);
  std::optional<std::string> signing_key{""};
  std::optional<std::string> api_key{""};
  if (settings.token) signing_key = reader.file(settings.token->key_file);
  if (settings.key) {
    api_key = settings.key->file.empty() ? reader.variable(settings.key->env)
                                         : reader.file(settings.key->file);
  }
  if (!signing_key || !api_key) return;
  auto made = SentCredentials::make(settings, own_service, *signing_key, *api_key);
  if (!made) return reader.complain(made.error().to_string());
  loaded.keys.sent.emplace(service.name, std::make_shared<const SentCredentials>(std::move(*made)));
}

/// Nobody can say whose a key is that two have.
void check_owners(const Settings& settings, KeyFiles& loaded) {
  std::map<Sha256, std::string_view> owners;
  std::size_t count = 0;
  for (const auto& [name, hashes] : loaded.keys.api_keys) {
    Reader reader(loaded, settings.api_keys.owners.at(name).origin, "");
    count += hashes.size();
    for (const Sha256& hash : hashes) {
      const auto [other, is_new] = owners.try_emplace(hash, name);
      if (is_new || other->second == name) continue;
      reader.complain(
          fmt::format("{} has an API key that {} has as well\n  draw each its own: "
                      "epaulet key new",
                      name, other->second));
    }
  }
  if (count <= limits::kApiKeysMax) return;
  Reader(loaded, settings.api_keys.origin, "")
      .complain(fmt::format("{} API keys are more than {}\n  remove those that were replaced",
                            count, limits::kApiKeysMax));
}

}  // namespace

KeyFiles load_key_files(const Settings& settings) {
  KeyFiles loaded;
  for (const auto& [name, issuer] : settings.issuers) load_issuer(issuer, loaded);
  for (const auto& [name, owner] : settings.api_keys.owners) load_owner(owner, loaded);
  check_owners(settings, loaded);
  for (const auto& [name, service] : settings.services) {
    if (service.credentials) load_sent(service, settings.workload.service, loaded);
  }
  return loaded;
}

std::optional<Sha256> digest_of_key_file(const std::string& path) {
  const auto text = read_file(path, limits::kJwksBytesMax);
  return text ? std::optional(digest_of(*text)) : std::nullopt;
}

}  // namespace epaulet::server
