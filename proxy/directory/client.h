#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "config/settings.h"
#include "crypto/identity.h"
#include "discovery/directory_feed.h"
#include "discovery/resolver.h"
#include "io/dialer.h"
#include "runtime/loop.h"

namespace epaulet::directory {

/// How we stand with the directory: for metrics and the log.
struct DirectoryStatus {
  bool connected = false;            ///< It answers now.
  std::uint64_t streams = 0;         ///< Answers begun.
  std::uint64_t views = 0;           ///< Of services.
  std::uint64_t failures = 0;        ///< Attempts and answers that ended with an error.
  std::string last_error;            ///< With the remedy; "" once it has answered.
  std::optional<WallTime> heard_at;  ///< It last said that we know what it does.
};

/// Asks epaulet-directory for what the feed wants, with our certificate, and hears its answer for
/// as long as it goes: every change at once. Begins again, with the version that is known, after a
/// pause that grows. The control thread's.
class Client {
 public:
  struct Seams {
    Loop& loop;
    Resolver& resolver;
    Dialer& dialer;
    DirectoryFeed& feed;
  };
  /// Our certificate and its roots; null: none yet.
  using OwnIdentity = std::function<std::shared_ptr<const Identity>()>;
  struct Listener {
    std::function<void(const std::string& why)> on_failure;  ///< The first, or another one.
    std::function<void()> on_recovery;
  };

  static constexpr std::chrono::seconds kAttemptTime{15};
  /// Three of its heartbeats.
  static constexpr std::chrono::seconds kSilenceMax{45};
  static constexpr std::chrono::milliseconds kBackoff{250};
  static constexpr std::chrono::milliseconds kBackoffMax{15'000};
  static constexpr std::size_t kLineBytesMax = 4 * 1024 * 1024;

  Client(Seams seams, DirectorySettings settings, OwnIdentity identity, Listener listener);
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;
  ~Client();

  void start();
  [[nodiscard]] const DirectoryStatus& status() const;
  [[nodiscard]] const DirectorySettings& settings() const;

 private:
  struct State;
  std::shared_ptr<State> state_;  // Shared with the coroutine, which ends later than this.
};

}  // namespace epaulet::directory
