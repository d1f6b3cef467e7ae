#include "certs-tool/token_store.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <boost/json.hpp>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <optional>

#include "crypto/pem_file.h"
#include "crypto/secret.h"

namespace epaulet::certs {
namespace {

namespace json = boost::json;

constexpr std::size_t kIdBytes = 8;
constexpr std::size_t kSecretBytes = 32;

/// epaulet-token.ID.SECRET, in hexadecimal of a fixed length: nothing else becomes part of a path.
std::optional<std::string_view> id_of(std::string_view token) {
  const auto is_hex = [](std::string_view text) {
    return std::all_of(text.begin(), text.end(),
                       [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
  };
  const auto prefix = TokenStore::kPrefix.size();
  if (token.size() != prefix + 2 * kIdBytes + 1 + 2 * kSecretBytes) return std::nullopt;
  if (!token.starts_with(TokenStore::kPrefix) || token[prefix + 2 * kIdBytes] != '.')
    return std::nullopt;
  const auto id = token.substr(prefix, 2 * kIdBytes);
  if (!is_hex(id) || !is_hex(token.substr(prefix + 2 * kIdBytes + 1))) return std::nullopt;
  return id;
}

std::string hash_of(std::string_view token) {
  return hex(sha256({reinterpret_cast<const std::uint8_t*>(token.data()), token.size()}));
}

/// What stands on disk about a token.
struct Entry {
  std::string identity;
  std::string sha256;
  WallTime expires{};
};

std::optional<Entry> read(const std::string& path) {
  const auto text = read_pem_file(path);
  if (!text) return std::nullopt;
  try {
    const auto value = json::parse(*text);
    const auto& object = value.as_object();
    Entry entry;
    entry.identity = object.at("identity").as_string();
    entry.sha256 = object.at("sha256").as_string();
    entry.expires = WallTime(std::chrono::seconds(object.at("expires").to_number<std::int64_t>()));
    return entry;
  } catch (const std::exception&) {  // A broken file proves nothing.
    return std::nullopt;
  }
}

Reason unknown() {
  return {"the token is not one of this identity service",
          "make one with `epaulet-certs token --ca DIR --identity ID` where this service runs"};
}

}  // namespace

std::string TokenStore::path_of(std::string_view id, std::string_view kind) const {
  return fmt::format("{}/{}.{}", folder_, id, kind);
}

Checked<std::string> TokenStore::create(const SpiffeId& id, WallTime now,
                                        std::chrono::seconds lifetime) const {
  if (::mkdir(folder_.c_str(), 0700) != 0 && errno != EEXIST) {
    return Reason(fmt::format("{} cannot be made: {}", folder_, std::strerror(errno)),
                  "name the folder that `epaulet-certs init` made");
  }
  const auto number = random_secret(kIdBytes);
  const auto token = fmt::format("{}{}.{}", kPrefix, number, random_secret(kSecretBytes));
  const auto expires =
      std::chrono::ceil<std::chrono::seconds>(now + lifetime).time_since_epoch().count();
  const json::object entry{
      {"identity", id.text()}, {"sha256", hash_of(token)}, {"expires", expires}};
  if (auto written =
          write_pem_files({{path_of(number, "json"), json::serialize(entry) + "\n", 0600}}, {});
      !written)
    return written.error();
  return token;
}

/// Remembers the key. Of two at once one wins, also if they are two processes: link(2) makes a name
/// once.
boost::system::result<void, TokenStore::Unspent> TokenStore::claim(std::string_view id,
                                                                   const Sha256& key) const {
  const auto used = path_of(id, "used");
  const auto prepared = path_of(id, random_secret(kIdBytes));
  if (auto written = write_pem_files({{prepared, hex(key), 0600}}, {}); !written)
    return Unspent(written.error(), true);
  const bool is_first = ::link(prepared.c_str(), used.c_str()) == 0;
  const int error = errno;
  ::unlink(prepared.c_str());
  if (is_first) {
    const int folder = ::open(folder_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder >= 0) {
      ::fsync(folder);
      ::close(folder);
    }
    return {};
  }
  if (error != EEXIST) {
    return Unspent(Reason(fmt::format("{} cannot be written: {}", used, std::strerror(error)),
                          "look at the folder and the free space"),
                   true);
  }
  const auto known = read_pem_file(used);
  if (known && equal_secrets(*known, hex(key))) return {};
  return Unspent(Reason("the token has been used already, for another key",
                        "make a new one with `epaulet-certs token`; if nobody you know used it, "
                        "somebody has stolen it"));
}

boost::system::result<SpiffeId, TokenStore::Unspent> TokenStore::spend(std::string_view token,
                                                                       const Sha256& key,
                                                                       WallTime now) const {
  const auto id = id_of(token);
  if (!id) return Unspent(unknown());
  const auto entry = read(path_of(*id, "json"));
  if (!entry || !equal_secrets(entry->sha256, hash_of(token))) return Unspent(unknown());
  if (now >= entry->expires) {
    return Unspent(
        Reason(fmt::format("the token has expired {} ago", span_text(now - entry->expires)),
               "make a new one with `epaulet-certs token`"));
  }
  auto identity = SpiffeId::parse(entry->identity);
  if (!identity) return Unspent(identity.error());
  if (auto claimed = claim(*id, key); !claimed) return claimed.error();
  return std::move(*identity);
}

void TokenStore::sweep(WallTime now) const {
  std::error_code error;
  for (const auto& file : std::filesystem::directory_iterator(folder_, error)) {
    if (file.path().extension() != ".json") continue;
    const auto entry = read(file.path().string());
    if (!entry || now < entry->expires) continue;
    // The proof that it was used goes last.
    ::unlink(file.path().c_str());
    auto used = file.path();
    ::unlink(used.replace_extension(".used").c_str());
  }
}

}  // namespace epaulet::certs
