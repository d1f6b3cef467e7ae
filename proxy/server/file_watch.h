#pragma once

#include <functional>
#include <map>
#include <set>
#include <string>

#include "io/fd_watch.h"
#include "io/tcp.h"
#include "runtime/timers.h"

namespace epaulet::server {

/// Tells that something in one of these folders may have changed: by inotify, and by the clock as
/// well, because some file systems and mounts tell nothing. What changed is for the listener to
/// find out. Control thread.
class FileWatch final : private Timer {
 public:
  FileWatch(Loop& loop, FdWatch& fd_watch, std::function<void()> on_change);
  ~FileWatch();

  /// Watches these folders and no others. Folders that are not there are polled for only.
  void set_folders(const std::set<std::string>& folders);

  static constexpr std::chrono::seconds kPollEvery{2};
  /// A writer is given so long to finish its set of files.
  static constexpr std::chrono::milliseconds kSettle{30};

 private:
  void on_event();
  void on_timer() override;

  Loop& loop_;
  FdWatch& fd_watch_;
  std::function<void()> on_change_;
  OwnedFd inotify_;
  std::map<std::string, int> watches_;
};

}  // namespace epaulet::server
