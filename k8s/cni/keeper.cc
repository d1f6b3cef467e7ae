#include "k8s/cni/keeper.h"

#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/inotify.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <boost/json.hpp>
#include <cerrno>
#include <cstdio>

#include "base/owned_fd.h"

namespace epaulet::cni {
namespace {

/// Should the folder itself have been replaced, or a word of the kernel have been lost.
constexpr int kLookEveryMilliseconds = 30'000;

int end_signals() {
  sigset_t ends;
  ::sigemptyset(&ends);
  ::sigaddset(&ends, SIGTERM);
  ::sigaddset(&ends, SIGINT);
  ::sigprocmask(SIG_BLOCK, &ends, nullptr);
  return ::signalfd(-1, &ends, SFD_CLOEXEC);
}

/// Says what has changed, not what stays wrong.
class Entry {
 public:
  explicit Entry(const NodePlaces& places) : places_(places) {}

  void look() {
    std::string named;
    const auto put = put_entry(places_, named);
    const auto trouble = put ? "" : put.error().what;
    if (put && *put) log_line("info", "entry_written", (places_.lists / named).string());
    if (!put && trouble != trouble_)
      log_line("error", "entry_missing", trouble, put.error().remedy);
    trouble_ = trouble;
  }

 private:
  const NodePlaces& places_;
  std::string trouble_;
};

/// Until the end.
void watch(const NodePlaces& places, int signals) {
  Entry entry(places);
  const OwnedFd changes(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
  for (;;) {
    // Again each time: the folder may be another one by now. The same one is watched once.
    ::inotify_add_watch(changes.get(), places.lists.c_str(),
                        IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_ONLYDIR);
    entry.look();
    pollfd both[] = {{signals, POLLIN, 0}, {changes.get(), POLLIN, 0}};
    const int count = ::poll(both, 2, kLookEveryMilliseconds);
    if (count < 0 && errno != EINTR) return;
    if ((both[0].revents & POLLIN) != 0) return;
    char words[4096];
    while (::read(changes.get(), words, sizeof words) > 0) {
    }
  }
}

}  // namespace

void log_line(std::string_view level, std::string_view event, std::string_view detail,
              std::string_view remedy) {
  boost::json::object line;
  line["level"] = level;
  line["event"] = event;
  line["detail"] = detail;
  if (!remedy.empty()) line["remedy"] = remedy;
  std::fprintf(stderr, "%s\n", boost::json::serialize(line).c_str());
}

int keep(const NodePlaces& places, const std::function<void()>& begin,
         const std::function<bool()>& is_for_good) {
  const OwnedFd signals(end_signals());
  begin();
  if (const auto put = put_files(places); !put) {
    log_line("error", "files_missing", put.error().what, put.error().remedy);
    return 1;
  }
  log_line("info", "files_written", places.plugins.string());
  watch(places, signals.get());
  if (!is_for_good()) {
    log_line("info", "stays", "another pod of the DaemonSet takes over");
    return 0;
  }
  const auto taken = take_entry(places);
  if (!taken) {
    log_line("error", "entry_stays", taken.error().what, taken.error().remedy);
    return 1;
  }
  take_files(places);
  log_line("info", "entry_removed", places.lists.string());
  return 0;
}

}  // namespace epaulet::cni
