#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "config/settings.h"
#include "crypto/digest.h"
#include "http/message.h"

namespace epaulet {

/// Which check an API key failed, for explain; says nothing of what was sent.
enum class KeyFailure : std::uint8_t {
  none,
  several,        ///< More than one field of its name, or of the owner's.
  unknown,        ///< Nobody's key.
  owner_missing,  ///< `api_keys.owner_header` is not there.
  owner_wrong,    ///< It names somebody else than the key's owner.
};
[[nodiscard]] std::string_view name_of(KeyFailure failure);

/// The hashes of each owner's keys, by the owner's name.
using ApiKeyHashes = std::map<std::string, std::vector<Sha256>>;

/// Whose API key a request shows. One per snapshot; immutable. Keeps hashes alone.
///
/// The key is hashed and its hash compared with each of all keys, every byte of it, so that the
/// time tells nothing of how near it was: 2 us for limits::kApiKeysMax of them, 0.3 us to hash it.
class ApiKeys {
 public:
  ApiKeys() = default;  ///< None: nothing is looked at.
  ApiKeys(ApiKeySettings settings, const ApiKeyHashes& hashes);

  [[nodiscard]] bool empty() const { return keys_.empty() && settings_.owners.empty(); }

  struct Shown {
    std::string_view owner;  ///< Empty: no key, or a wrong one. Borrowed from this object.
    KeyFailure failure = KeyFailure::none;
  };
  /// Fields count by their exact name (any case), and not if they are removed. An empty field is
  /// none. Allocates nothing.
  [[nodiscard]] Shown find(const http::RequestHead& head) const;

  /// Before the request is passed on: the key, unless `forward`, in every spelling that an app may
  /// read it by; the owner's header, unless the key has proven it.
  void strip(http::RequestHead& head, bool is_proven) const;
  /// Whether a field in a trailer must not pass for the same reason.
  [[nodiscard]] bool claims(std::string_view field_name) const;

 private:
  struct Key {
    Sha256 hash{};
    std::uint32_t owner = 0;
  };
  ApiKeySettings settings_;
  std::vector<std::string> owners_;
  std::vector<Key> keys_;
};

}  // namespace epaulet
