#include "server/file_watch.h"

#include <sys/inotify.h>
#include <unistd.h>

#include <array>

namespace epaulet::server {

FileWatch::FileWatch(Loop& loop, FdWatch& fd_watch, std::function<void()> on_change)
    : loop_(loop),
      fd_watch_(fd_watch),
      on_change_(std::move(on_change)),
      inotify_(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC)) {
  if (inotify_.valid()) {
    fd_watch_.watch(inotify_.get(), true, false, [this](bool, bool) { on_event(); });
  }
  loop_.timers().arm(*this, loop_.now() + kPollEvery);
}

FileWatch::~FileWatch() {
  if (inotify_.valid()) fd_watch_.watch(inotify_.get(), false, false, {});
}

void FileWatch::set_folders(const std::set<std::string>& folders) {
  if (!inotify_.valid()) return;
  std::erase_if(watches_, [&](const auto& entry) {
    if (folders.contains(entry.first)) return false;
    (void)::inotify_rm_watch(inotify_.get(), entry.second);
    return true;
  });
  for (const auto& folder : folders) {
    if (watches_.contains(folder)) continue;
    const int watch =
        ::inotify_add_watch(inotify_.get(), folder.empty() ? "." : folder.c_str(),
                            IN_CLOSE_WRITE | IN_MOVED_TO | IN_CREATE | IN_DELETE | IN_ATTRIB);
    if (watch >= 0) watches_[folder] = watch;
  }
}

void FileWatch::on_event() {
  std::array<char, 4096> ignored;
  while (::read(inotify_.get(), ignored.data(), ignored.size()) > 0) {
  }
  loop_.timers().arm(*this, loop_.now() + kSettle);
}

void FileWatch::on_timer() {
  loop_.timers().arm(*this, loop_.now() + kPollEvery);
  on_change_();
}

}  // namespace epaulet::server
