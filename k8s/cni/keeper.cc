#include "k8s/cni/keeper.h"

#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/inotify.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <boost/json.hpp>
#include <cerrno>
#include <cstdio>
#include <system_error>

#include "base/owned_fd.h"

namespace epaulet::cni {
namespace {

/// Should the folder itself have been replaced, or a word of the kernel have been lost.
constexpr int kLookEveryMilliseconds = 30'000;
/// Twice as long each time, until the above.
constexpr int kAskAgainMilliseconds = 1'000;
constexpr int kOthersWriteMilliseconds = 2'000;

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

OwnedFd changes_of_folders() {
  OwnedFd changes(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
  if (changes.get() < 0) {
    log_line("warning", "looks_rarely",
             fmt::format("the kernel tells no changes of files: {}",
                         std::generic_category().message(errno)),
             "raise fs.inotify.max_user_instances on the node; until then a list that somebody "
             "rewrites gets the entry back within 30 seconds, not at once");
  }
  return changes;
}

/// Until the end.
void watch(const NodePlaces& places, int signals, const std::function<bool()>& try_to_ask) {
  Entry entry(places);
  const OwnedFd changes = changes_of_folders();
  bool could_ask = false;
  bool is_time_to_ask = true;
  int ask_after = kAskAgainMilliseconds;
  for (;;) {
    // Again each time: the folder may be another one by now. The same one is watched once.
    ::inotify_add_watch(changes.get(), places.lists.c_str(),
                        IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_ONLYDIR);
    entry.look();
    if (!could_ask && is_time_to_ask) {
      could_ask = try_to_ask();
      ask_after = std::min(2 * ask_after, kLookEveryMilliseconds);
    }
    pollfd both[] = {{signals, POLLIN, 0}, {changes.get(), POLLIN, 0}};
    const int count = ::poll(both, 2, could_ask ? kLookEveryMilliseconds : ask_after);
    if (count < 0 && errno != EINTR) return;
    if ((both[0].revents & POLLIN) != 0) return;
    is_time_to_ask = count == 0;
    char words[4096];
    while (::read(changes.get(), words, sizeof words) > 0) {
    }
  }
}

/// Who rewrites a list at this moment writes what he has read before, with us in it.
Checked<void> take_entries(const NodePlaces& places) {
  const auto taken = take_entry(places);
  ::poll(nullptr, 0, kOthersWriteMilliseconds);
  return taken ? take_entry(places) : taken;
}

int clean(const NodePlaces& places) {
  const auto taken = take_entries(places);
  if (!taken) {
    log_line("error", "entry_stays", taken.error().what, taken.error().remedy);
    return 1;
  }
  // Without its files each pod that starts by way of such a list would fail.
  if (const auto list = list_that_may_name_us(places); !list.empty()) {
    log_line("warning", "files_stay", list + " may still name the plugin",
             "take it out of there, then remove epaulet-cni.d from the folder of plugins");
    return 0;
  }
  take_files(places);
  log_line("info", "entry_removed", places.lists.string());
  return 0;
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

int keep(const NodePlaces& places, const std::function<bool()>& try_to_ask,
         const std::function<bool()>& is_for_good) {
  // As the first process of a container, nobody but us ends us by them.
  const OwnedFd signals(end_signals());
  if (const auto put = put_files(places); !put) {
    log_line("error", "files_missing", put.error().what, put.error().remedy);
    return 1;
  }
  log_line("info", "files_written", places.plugins.string());
  watch(places, signals.get(), try_to_ask);
  if (!is_for_good()) {
    log_line("info", "stays", "another pod of the DaemonSet takes over");
    return 0;
  }
  return clean(places);
}

}  // namespace epaulet::cni
