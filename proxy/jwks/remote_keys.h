#pragma once

#include <array>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "config/settings.h"
#include "crypto/jwk.h"
#include "jwks/fetch.h"
#include "jwks/key_memory.h"
#include "policy/caller_keys.h"
#include "runtime/loop.h"

namespace epaulet::jwks {

/// How it stands with one issuer's keys by URL: for /issuers and metrics.
struct IssuerStatus {
  std::string issuer;  ///< Its name under `issuers`.
  std::string url;
  std::array<std::uint64_t, static_cast<std::size_t>(FetchResult::count_)> fetches{};
  std::size_t keys = 0;                ///< Usable ones; 0: its tokens are refused.
  std::optional<WallTime> fetched_at;  ///< The last good answer.
  std::optional<WallTime> failed_at;
  std::string last_error;  ///< With the remedy; "" once keys have come.
  WallTime next_at{};
  bool is_first_attempt = false;  ///< Nobody knows yet whether there are keys.
};

/// Keeps the key sets of issuers that have them behind a URL. The last good one stays in force
/// while the issuer is away, for as long as that is; what comes instead of keys changes nothing.
/// After a restart the last good one of the process before is in force until the issuer answers.
/// Without any, the issuer's tokens are refused, and nobody else's.
///
/// The control thread's: nothing here blocks, but the small files of `keys.ca` and of KeyMemory.
class RemoteKeys {
 public:
  struct Listener {
    /// The keys of some issuer have changed: add_to() has them.
    std::function<void()> on_keys;
    /// A key that came and is of no use.
    std::function<void(const std::string& issuer, const std::string& skipped)> on_skipped;
    /// It fails, or does now in another way.
    std::function<void(const IssuerStatus& status)> on_failure;
    /// Keys came for the first time, or after a failure.
    std::function<void(const IssuerStatus& status)> on_recovery;
    /// Keys of an earlier process are in force.
    std::function<void(const IssuerStatus& status)> on_recall;
    /// What is remembered could not be read or written; nothing: it could again.
    std::function<void(const std::optional<Error>& error)> on_storage;
  };

  explicit RemoteKeys(Loop& loop, Listener listener);
  RemoteKeys(const RemoteKeys&) = delete;
  RemoteKeys& operator=(const RemoteKeys&) = delete;
  ~RemoteKeys();

  /// Issuers that are the same as before keep their keys and their times. One with the same URL,
  /// but other roots, algorithms or `refresh`, is asked at once, and keeps until it answers those
  /// of its keys that fit an algorithm. `state_dir`: of the first call with such an issuer; ""
  /// remembers nothing. `now`: the loop's clock may not go yet.
  void apply(const std::map<std::string, IssuerSettings>& issuers, const std::string& state_dir,
             WallTime now);
  /// Begins to fetch. Both outlive this.
  void start(Seams seams);

  /// The keys that are known, and by whom they are asked for.
  void add_to(CallerKeys& keys) const;
  [[nodiscard]] std::vector<IssuerStatus> status() const;
  [[nodiscard]] std::uint64_t storage_failures() const;

 private:
  struct Source;
  struct State;
  std::shared_ptr<State> state_;  // Shared with the coroutines, which end later than this.
};

}  // namespace epaulet::jwks
