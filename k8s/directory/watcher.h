#pragma once

#include <functional>
#include <memory>
#include <string>

#include "k8s/api/client.h"
#include "k8s/directory/model.h"
#include "k8s/directory/reflector.h"
#include "runtime/loop.h"

namespace epaulet::kube {

/// Of one kind of object: for metrics and log.
struct WatcherStatus {
  std::uint64_t lists = 0;
  std::uint64_t streams = 0;  ///< Lists that came as the beginning of a watch.
  std::uint64_t watches = 0;
  std::uint64_t events = 0;
  std::uint64_t expired = 0;     ///< 410 Gone.
  std::uint64_t failures = 0;    ///< Lists and watches that ended with an error.
  std::uint64_t unreadable = 0;  ///< Objects that are not what they should be.
  std::string last_error;        ///< "" once something has come.
  TimePoint heard_at{};          ///< Object, bookmark or list.
  bool is_listed = false;        ///< Once, wholly; or nobody has to wait for it.
};

/// Keeps the model as the API server has it: lists and watches one kind of object.
class Watcher {
 public:
  /// Of one event: an object has at most 1.5 MiB in etcd.
  static constexpr std::size_t kLineBytesMax = 4 * 1024 * 1024;
  static constexpr std::chrono::seconds kPageTime{30};
  /// So long everything else waits for kinds that a cluster need not have.
  static constexpr std::chrono::seconds kOptionalTime{3};
  /// A watch that ends sooner is none.
  static constexpr std::chrono::seconds kShortWatch{1};
  /// A watch that says nothing, bookmarks included, is asked for again: its peer may be gone
  /// without a word.
  static constexpr std::chrono::seconds kSilenceMax{120};
  static constexpr std::chrono::seconds kWatchTime{300};

  struct Seams {
    Loop& loop;
    ApiClient& api;
    Model& model;
  };
  /// After each change of the model; when it failed, and does for another reason.
  struct Listener {
    std::function<void()> on_change;
    std::function<void(ObjectKind kind, const std::string& why)> on_failure;
    /// An object is not what it should be, and is not used. Of a page the first ones are told.
    std::function<void(ObjectKind kind, const std::string& name)> on_unreadable;
  };

  Watcher(Seams seams, ObjectKind kind, Listener listener);
  Watcher(const Watcher&) = delete;
  Watcher& operator=(const Watcher&) = delete;
  ~Watcher();
  void start();
  [[nodiscard]] const WatcherStatus& status() const;

 private:
  struct State;
  std::shared_ptr<State> state_;  // Shared with the coroutine, which ends later than this.
};

[[nodiscard]] std::string_view name_of(ObjectKind kind);

}  // namespace epaulet::kube
