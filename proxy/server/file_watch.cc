#include "server/file_watch.h"

#include <sys/inotify.h>
#include <unistd.h>

#include <array>
#include <filesystem>

#include "runtime/asio_loop.h"

namespace epaulet::server {
namespace {

constexpr std::uint32_t kWriteEnded = IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE;
constexpr std::uint32_t kEvents = kWriteEnded | IN_MODIFY | IN_CREATE | IN_ATTRIB;
/// Of one look; a file more is taken for finished.
constexpr std::size_t kBeingWrittenMax = 256;

}  // namespace

std::string folder_of(const std::string& path) {
  const auto folder = std::filesystem::path(path).parent_path().string();
  return folder.empty() ? "." : folder;
}

std::string in_folder(const std::string& folder, std::string_view name) {
  return (std::filesystem::path(folder) / name).string();
}

FileWatch::FileWatch(Loop& loop, FdWatch& fd_watch, Look look)
    : loop_(loop),
      fd_watch_(fd_watch),
      look_(std::move(look)),
      inotify_(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC)),
      pace_(loop.now()) {
  if (inotify_.valid()) {
    fd_watch_.watch(inotify_.get(), true, false, [this](bool, bool) {
      take_events();
      arm();
    });
  }
  arm();
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
    const int watch = ::inotify_add_watch(inotify_.get(), folder.c_str(), kEvents);
    if (watch >= 0) watches_[folder] = watch;
  }
}

bool FileWatch::is_being_written(const std::string& path) {
  take_events();
  const auto found = being_written_.find(path);
  return found != being_written_.end() && loop_.now() - found->second < kWriterPause;
}

void FileWatch::take_events() {
  alignas(inotify_event) std::array<char, 4096> buffer;
  for (;;) {
    const auto size = ::read(inotify_.get(), buffer.data(), buffer.size());
    if (size <= 0) return;
    for (std::size_t at = 0; at < static_cast<std::size_t>(size);) {
      const auto& event = *reinterpret_cast<const inotify_event*>(buffer.data() + at);
      note(event);
      at += sizeof event + event.len;
    }
  }
}

void FileWatch::note(const inotify_event& event) {
  pace_.changed(loop_.now());
  ++told_;
  if ((event.mask & IN_Q_OVERFLOW) != 0) return being_written_.clear();
  if (event.len == 0) return;
  for (const auto& [folder, watch] : watches_) {
    if (watch != event.wd) continue;
    // A bare name is in ".".
    const std::string name(static_cast<const char*>(event.name));
    const auto path = folder == "." ? name : in_folder(folder, name);
    if ((event.mask & kWriteEnded) != 0) {
      being_written_.erase(path);
    } else if ((event.mask & IN_MODIFY) != 0 && being_written_.size() < kBeingWrittenMax) {
      being_written_[path] = loop_.now();
    }
  }
}

void FileWatch::arm() {
  loop_.timers().arm(*this, pace_.due());
}

void FileWatch::on_timer() {
  std::erase_if(being_written_,
                [this](const auto& entry) { return loop_.now() - entry.second >= kWriterPause; });
  const auto begin = AsioLoop::read_clock();
  const auto told = told_;
  pace_.look_begins();  // What changes from now on needs another look.
  const bool is_finished = look_();
  pace_.look_ended(begin, AsioLoop::read_clock(), is_finished);
  if (is_finished) told_and_seen_ = told;
  arm();
}

}  // namespace epaulet::server
