#include "k8s/cni/keeper.h"

#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <boost/json.hpp>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <iterator>
#include <optional>
#include <system_error>
#include <thread>

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

/// Asks in a thread of its own, one question at a time.
class Asking {
 public:
  explicit Asking(const std::function<bool()>& try_to_ask)
      : try_to_ask_(try_to_ask),
        answered_(::eventfd(0, EFD_CLOEXEC)),
        again_(::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC)) {
    ask();
  }
  Asking(const Asking&) = delete;
  Asking& operator=(const Asking&) = delete;
  ~Asking() {
    if (thread_.joinable()) thread_.join();
  }

  [[nodiscard]] int answered() const { return answered_.get(); }
  [[nodiscard]] int again() const { return again_.get(); }

  void ask() {
    thread_ = std::thread([this] {
      could_ask_ = try_to_ask_();
      const std::uint64_t one = 1;
      (void)!::write(answered_.get(), &one, sizeof one);
    });
  }

  /// The answer is there; if we could not ask, again() tells when it is time.
  void take() {
    std::uint64_t count = 0;
    (void)!::read(answered_.get(), &count, sizeof count);
    thread_.join();
    if (could_ask_) return;
    itimerspec in{};
    in.it_value.tv_sec = ask_after_ / 1000;
    in.it_value.tv_nsec = ask_after_ % 1000 * 1'000'000L;
    ::timerfd_settime(again_.get(), 0, &in, nullptr);
    ask_after_ = std::min(2 * ask_after_, kLookEveryMilliseconds);
  }

  void ask_again() {
    std::uint64_t count = 0;
    (void)!::read(again_.get(), &count, sizeof count);
    ask();
  }

 private:
  const std::function<bool()>& try_to_ask_;
  const OwnedFd answered_;
  const OwnedFd again_;
  std::thread thread_;
  bool could_ask_ = false;  ///< The thread's, until it has ended.
  int ask_after_ = kAskAgainMilliseconds;
};

/// Until the end.
void watch(const NodePlaces& places, int signals, const std::function<bool()>& try_to_ask) {
  Entry entry(places);
  const OwnedFd changes = changes_of_folders();
  std::optional<Asking> asking;
  for (;;) {
    // Again each time: the folder may be another one by now. The same one is watched once.
    ::inotify_add_watch(changes.get(), places.lists.c_str(),
                        IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_ONLYDIR);
    entry.look();
    if (!asking) asking.emplace(try_to_ask);
    pollfd all[] = {{signals, POLLIN, 0},
                    {changes.get(), POLLIN, 0},
                    {asking->answered(), POLLIN, 0},
                    {asking->again(), POLLIN, 0}};
    const int count = ::poll(all, std::size(all), kLookEveryMilliseconds);
    if (count < 0 && errno != EINTR) return;
    if (count < 0) continue;
    if ((all[0].revents & POLLIN) != 0) return;
    if ((all[2].revents & POLLIN) != 0) asking->take();
    if ((all[3].revents & POLLIN) != 0) asking->ask_again();
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
