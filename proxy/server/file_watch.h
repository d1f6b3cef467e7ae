#pragma once

#include <functional>
#include <map>
#include <set>
#include <string>
#include <string_view>

#include "io/fd_watch.h"
#include "io/tcp.h"
#include "runtime/timers.h"
#include "server/look_pace.h"

struct inotify_event;

namespace epaulet::server {

/// Tells that something in one of these folders may have changed: by inotify, and by the clock as
/// well, because some file systems and mounts tell nothing. What changed is for the listener to
/// find out. How often it is told: LookPace. Control thread.
class FileWatch final : private Timer {
 public:
  /// Looks at the files. False: something was half written, it must be called again soon.
  using Look = std::function<bool()>;

  FileWatch(Loop& loop, FdWatch& fd_watch, Look look);
  ~FileWatch();

  /// Watches these folders and no others. Folders that are not there are polled for only.
  void set_folders(const std::set<std::string>& folders);

  /// Somebody wrote to this file of a watched folder less than kWriterPause ago and has not closed
  /// it. Ask after reading it: what was read may be a half. `path`: of in_folder(), or as given to
  /// folder_of().
  [[nodiscard]] bool is_being_written(const std::string& path);

  /// Whether the kernel has told of a change since the last look that found all finished. If not,
  /// it may not tell of writers either.
  [[nodiscard]] bool was_told() const { return told_ != told_and_seen_; }

  static constexpr std::chrono::seconds kWriterPause{2};

 private:
  void take_events();
  void note(const inotify_event& event);
  void arm();
  void on_timer() override;

  Loop& loop_;
  FdWatch& fd_watch_;
  Look look_;
  OwnedFd inotify_;
  LookPace pace_;
  std::uint64_t told_ = 0;
  std::uint64_t told_and_seen_ = 0;
  std::map<std::string, int> watches_;              ///< By folder.
  std::map<std::string, TimePoint> being_written_;  ///< When last; by folder and name.
};

/// "." for a bare name.
[[nodiscard]] std::string folder_of(const std::string& path);
[[nodiscard]] std::string in_folder(const std::string& folder, std::string_view name);

}  // namespace epaulet::server
