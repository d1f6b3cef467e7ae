#include "io/signals.h"

#include <sys/signalfd.h>
#include <unistd.h>

#include <csignal>

namespace epaulet {

Signals::Signals(FdWatch& fd_watch, std::function<void(int)> on_signal)
    : fd_watch_(fd_watch), on_signal_(std::move(on_signal)) {
  std::signal(SIGPIPE, SIG_IGN);
  sigset_t mask;
  sigemptyset(&mask);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&mask, signal);
  (void)::pthread_sigmask(SIG_BLOCK, &mask, nullptr);
  descriptor_ = OwnedFd(::signalfd(-1, &mask, SFD_NONBLOCK | SFD_CLOEXEC));
  if (descriptor_.valid()) {
    fd_watch_.watch(descriptor_.get(), true, false, [this](bool, bool) { drain(); });
  }
}

Signals::~Signals() {
  if (descriptor_.valid()) fd_watch_.watch(descriptor_.get(), false, false, {});
}

void Signals::drain() {
  signalfd_siginfo info;
  while (::read(descriptor_.get(), &info, sizeof info) == sizeof info) {
    on_signal_(static_cast<int>(info.ssi_signo));
  }
}

}  // namespace epaulet
