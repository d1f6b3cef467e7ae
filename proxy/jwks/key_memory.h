#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "runtime/clock.h"

namespace epaulet::jwks {

/// What survives a restart: the last good answer of each issuer that has its keys behind a URL, so
/// that its tokens are known while it is away. The file is `issuer_keys.json` in the state
/// directory; public keys alone.
class KeyMemory {
 public:
  struct Entry {
    std::string url;              ///< Keys from elsewhere are not this issuer's.
    std::int64_t fetched_at = 0;  ///< Seconds since 1970.
    std::string keys;             ///< As they came.

    friend bool operator==(const Entry&, const Entry&) = default;
  };
  using Entries = std::map<std::string, Entry>;  ///< By the issuer's name.

  /// What nobody has confirmed for so long is not taken up again: keys that are withdrawn must not
  /// come back with an old disk.
  static constexpr std::chrono::hours kKept{24};
  /// That the same keys have come again is worth a write so often.
  static constexpr std::chrono::hours kConfirmed{1};

  /// `state_dir` "": nothing is read or written.
  explicit KeyMemory(std::string state_dir) : state_dir_(std::move(state_dir)) {}

  /// Reads the file; a missing one is an empty memory. Errors: io_failed; config_invalid if it is
  /// not ours, in which case the memory is empty and the next save() replaces it.
  [[nodiscard]] Result<void> load();
  [[nodiscard]] Result<void> save();
  [[nodiscard]] bool is_changed() const { return changed_; }

  [[nodiscard]] const Entry* recall(const std::string& issuer, std::string_view url,
                                    WallTime now) const;
  void remember(const std::string& issuer, std::string_view url, std::string_view keys,
                WallTime now);
  void forget(const std::string& issuer);

  [[nodiscard]] const Entries& entries() const { return entries_; }
  [[nodiscard]] static std::string to_json(const Entries& entries);
  [[nodiscard]] static Result<Entries> from_json(std::string_view text);

 private:
  [[nodiscard]] std::string path() const { return state_dir_ + "/issuer_keys.json"; }

  std::string state_dir_;
  Entries entries_;
  bool changed_ = false;
};

}  // namespace epaulet::jwks
