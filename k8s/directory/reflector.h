#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "runtime/clock.h"

namespace epaulet::kube {

/// Decides when to list and when to watch one kind of object: what happened goes in, the next step
/// comes out. No socket, no clock.
///
/// listing: begins it, and begins it again when the version to watch from has expired (410): with a
/// watch that tells all objects first (WatchList), where the server has that, else in pages.
/// watching: goes on from the newest version seen. A step that brought nothing backs off, and so
/// does a watch that ended at once and brought no object: bookmarks alone are no sign that it is
/// one.
class Reflector {
 public:
  enum class Step : std::uint8_t { stream, list, watch };
  static constexpr std::chrono::milliseconds kBackoff{500};
  static constexpr std::chrono::milliseconds kBackoffMax{30'000};
  /// A list for what was missed costs the API server as much as any: rarely, whoever makes us miss.
  static constexpr std::chrono::minutes kMissedTime{10};

  [[nodiscard]] Step next() const {
    if (!version_.empty()) return Step::watch;
    return has_streams_ && !lists_next_ ? Step::stream : Step::list;
  }
  /// Before it. `share`: random, from 0 to 1.
  [[nodiscard]] std::chrono::milliseconds wait(double share) const {
    if (fruitless_ == 0) return std::chrono::milliseconds(0);
    auto wait = kBackoff;
    for (std::uint32_t i = 1; i < fruitless_ && wait < kBackoffMax; ++i) wait *= 2;
    if (wait > kBackoffMax) wait = kBackoffMax;
    // Replicas, and whoever else lost the same API server, do not come back at once.
    return std::chrono::duration_cast<std::chrono::milliseconds>(wait * (0.5 + 0.5 * share));
  }
  /// From which to watch; "" before there is a list.
  [[nodiscard]] const std::string& version() const { return version_; }
  [[nodiscard]] bool is_listed() const { return is_listed_; }

  /// The server has no WatchList, and is not asked for it again.
  void has_no_streams() { has_streams_ = false; }
  /// A stream that was to begin with all objects did not come to their end: they are listed in
  /// pages, which needs less of a server.
  void stream_failed() { lists_next_ = true; }
  /// All pages, or all objects of a stream, are there.
  void listed(std::string version) {
    version_ = std::move(version);
    is_listed_ = true;
    lists_next_ = false;
    missed_at_.reset();
    // A watch from here that expires at once is no progress: `fruitless_` stays until news came.
  }
  /// An object came.
  void news(const std::string& version) {
    const bool is_new = !version.empty() && version != version_;
    bookmark(version);
    if (is_new) lasted();
  }
  /// Nothing has changed up to this version.
  void bookmark(const std::string& version) {
    if (!version.empty()) version_ = version;
  }
  /// A watch was there for a while, whatever it said.
  void lasted() {
    fruitless_ = 0;
    brought_news_ = true;
  }
  /// The server answers to a watch from our version otherwise than by one. One that refuses us, or
  /// has too much to do, has nothing against the version; others may, whatever they call it ("too
  /// large resource version" after etcd came back from a backup is 400, 500 or 504).
  void refused(std::uint16_t status) {
    if (status == 401 || status == 403 || status == 429 || status == 503) {
      ended();
    } else {
      expired();
    }
  }
  /// The server does not know our version any more.
  void expired() {
    version_.clear();
    ended();
  }
  /// An event could not be kept. Others can, so the watch goes on; but it may have been the end of
  /// an object, which the next list says. True: it is the first one since the last.
  bool missed(TimePoint now) {
    if (missed_at_) return false;
    missed_at_ = now;
    return true;
  }
  /// It is time for that list.
  [[nodiscard]] bool has_to_catch_up(TimePoint now) const {
    return missed_at_ && now - *missed_at_ >= kMissedTime;
  }
  /// A list or a watch ended, whyever. One that brought news is gone on with at once.
  void ended() {
    if (!brought_news_ && fruitless_ < 1000) ++fruitless_;
    brought_news_ = false;
  }

 private:
  std::string version_;
  bool is_listed_ = false;
  bool brought_news_ = false;
  bool has_streams_ = true;  ///< As far as we know.
  bool lists_next_ = false;
  std::uint32_t fruitless_ = 0;
  std::optional<TimePoint> missed_at_;
};

}  // namespace epaulet::kube
