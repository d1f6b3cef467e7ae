#pragma once

#include <memory>
#include <string>
#include <vector>

#include "admin/surfaces.h"
#include "crypto/reason.h"
#include "https/server.h"
#include "io/signals.h"
#include "io/tcp.h"
#include "runtime/asio_loop.h"
#include "telemetry/log_writer.h"
#include "telemetry/process_log.h"

namespace epaulet::admin {
class AdminServer;
}

namespace epaulet::https {

/// What people call a program.
struct ServiceNames {
  std::string program;  ///< "epaulet-injector": before messages on standard error.
  std::string what;     ///< "the injector": in the log.
};

/// A program around one HTTPS server: its ports, its log on standard output (JSON lines), /metrics
/// and health without TLS, a look at what may have changed each second and at SIGHUP, and an
/// orderly end at SIGTERM or SIGINT.
class Service {
 public:
  /// `status` "": none.
  Service(ServiceNames names, std::string listen, std::string status);
  Service(const Service&) = delete;
  Service& operator=(const Service&) = delete;
  virtual ~Service();

  /// Until a signal ends it. The exit status.
  int run();

 protected:
  /// Before anything is listened on. A reason: the program cannot run.
  [[nodiscard]] virtual Checked<void> prepare(WallTime now) = 0;
  [[nodiscard]] virtual Server& server() = 0;
  /// The line with the event "started"; then begin what runs beside the server.
  virtual void started(WallTime now) = 0;
  /// Why it is not ready, beside that it drains.
  virtual void add_reasons(std::vector<std::string>& reasons) const = 0;
  /// The page of /metrics.
  [[nodiscard]] virtual std::string metrics() const = 0;
  /// Each second.
  virtual void look() = 0;
  /// How long it goes on as ever after it was told to end, and says that it is not ready: whoever
  /// leads callers here hears of it a moment later.
  [[nodiscard]] virtual std::chrono::seconds lingers() const { return {}; }
  /// Nobody is accepted any more; what would never end by itself is to end now.
  virtual void draining() {}

  [[nodiscard]] AsioLoop& loop() { return loop_; }
  [[nodiscard]] const AsioLoop& loop() const { return loop_; }
  [[nodiscard]] Scope& scope() { return scope_; }
  [[nodiscard]] telemetry::ProcessLog& log() { return log_; }
  [[nodiscard]] const std::string& listen_text() const { return listen_; }

 private:
  struct Port {
    OwnedFd socket;
    std::unique_ptr<Listener> listener;
  };
  int refuse(const Reason& reason) const;
  bool open(const std::string& text, Port& port);
  void start_status();
  Task<void> look_each_second();
  void on_signal(int signal);
  Task<void> drain();

  const ServiceNames names_;
  const std::string listen_;
  const std::string status_text_;
  AsioLoop loop_;
  Scope scope_;
  telemetry::LogWriter log_writer_;
  telemetry::Cell dropped_;
  telemetry::ProcessLog log_;
  std::unique_ptr<FdWatch> fd_watch_;
  std::unique_ptr<Signals> signals_;
  Port https_;
  Port plain_;
  std::unique_ptr<admin::AdminServer> status_;
  bool draining_ = false;
};

/// One series without labels.
[[nodiscard]] std::string metric(std::string_view name, std::string_view type,
                                 std::string_view help, std::int64_t value);

}  // namespace epaulet::https
