#pragma once

#include <array>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "config/settings.h"
#include "otlp/send.h"
#include "otlp/span_queue.h"
#include "runtime/loop.h"
#include "telemetry/log_ring.h"
#include "telemetry/otlp_json.h"

namespace epaulet::otlp {

/// For metrics.
struct ExportStatus {
  bool configured = false;
  std::uint64_t sent = 0;
  std::array<std::uint64_t, static_cast<std::size_t>(Drop::count_)> dropped{};
  std::array<std::uint64_t, static_cast<std::size_t>(SendResult::count_)> requests{};
  std::size_t waiting = 0;
  std::string last_error;  ///< With the remedy; "" once spans are taken again.
};

/// Takes the spans of all workers to a collector. The control thread's: nothing here blocks, but
/// the small files of `ca` and `headers_file`, which are read at each request.
class Exporter {
 public:
  struct Failure {
    std::string_view collector;  ///< Its host and port.
    std::string_view why;
    bool may_send_again = false;  ///< Its spans wait; else they are dropped.
  };
  struct Listener {
    /// It fails, or does now in another way, or takes a part alone.
    std::function<void(const Failure& failure)> on_failure;
    /// Spans are taken for the first time, or after a failure.
    std::function<void(std::string_view collector)> on_recovery;
  };

  Exporter(Loop& loop, Listener listener);
  Exporter(const Exporter&) = delete;
  Exporter& operator=(const Exporter&) = delete;
  ~Exporter();

  /// A ring for one worker, which outlives the worker's use of it. Before that one runs.
  [[nodiscard]] telemetry::LogRing& add_ring();
  /// Begins to send. Both outlive this.
  void start(web::Seams seams);
  /// Nothing: what waits is dropped. What is sent from now on is sent so.
  void apply(const std::optional<OtlpSettings>& settings, telemetry::OtlpResource resource);
  /// Sends what there is, until it is gone, the collector fails or `scope` ends; what is left is
  /// dropped. The last that is asked of this: what is applied after it began changes nothing.
  Task<void> flush(Scope& scope);

  [[nodiscard]] ExportStatus status() const;

 private:
  struct State;
  std::shared_ptr<State> state_;  // Shared with the coroutine, which ends later than this.
};

}  // namespace epaulet::otlp
