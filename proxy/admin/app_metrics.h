#pragma once

#include <array>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "admin/app_exchange.h"
#include "config/settings.h"
#include "http/message.h"

namespace epaulet::admin {

/// Metrics of the app, behind ours on the same page: a scraper has no mesh identity, and a pod has
/// one set of `prometheus.io` annotations. Whatever the app does, ours are served: it has a bound
/// of time and bytes, a page that no scraper could read is left out, and `epaulet_app_metrics_up`
/// tells.
class AppMetrics {
 public:
  static constexpr std::string_view kPath = "/metrics";
  static constexpr std::size_t kBytesMax = 8 * 1024 * 1024;
  static constexpr std::size_t kAtOnceMax = 2;  ///< Each holds a page.
  static constexpr std::chrono::seconds kTime{5};
  static constexpr std::chrono::seconds kTimeMax{30};  ///< Where the scraper says that it waits.

  /// `dialer`: of the control thread's loop; outlives this.
  explicit AppMetrics(Dialer& dialer) : app_(dialer) {}

  /// From a new snapshot.
  void set(std::optional<AppMetricsSettings> settings);
  /// Hears once when the app's metrics begin to fail, with why, and once when they are back: "".
  void set_on_change(std::function<void(std::string_view why)> on_change) {
    on_change_ = std::move(on_change);
  }

  /// Whether there is anything behind this page.
  [[nodiscard]] bool serves(const http::RequestHead& request) const {
    return settings_ && request.path == kPath && request.method == http::Method::get;
  }
  /// Asks the app on `pod`, the address that the scraper asked, and adds what it says to `page`.
  Task<void> append_to(std::string& page, IpAddress pod, const http::RequestHead& request,
                       Scope& scope);

 private:
  enum class Ending : std::uint8_t {
    merged,
    unreachable,
    timeout,
    status,  ///< Not 200.
    format,  ///< Neither text nor OpenMetrics, or encoded.
    too_large,
    malformed,  ///< A line is none.
    busy,       ///< Too many ask at once.
    count_
  };
  static std::string_view name_of(Ending ending);
  struct Answer {
    Ending ending = Ending::busy;
    std::uint16_t status = 0;
    std::size_t samples = 0;
    std::size_t left_out = 0;
    std::string text;
  };
  static Task<Answer> ask(AppClient& app, AppMetricsSettings settings, IpAddress pod, Scope& scope);
  void note(const Answer& answer);
  [[nodiscard]] std::string about() const;

  AppClient app_;
  std::optional<AppMetricsSettings> settings_;
  std::function<void(std::string_view)> on_change_;
  std::shared_ptr<std::size_t> under_way_ = std::make_shared<std::size_t>(0);
  std::array<std::uint64_t, static_cast<std::size_t>(Ending::count_)> results_{};
  std::optional<Ending> last_;
  std::size_t samples_ = 0;
  std::size_t left_out_ = 0;
};

}  // namespace epaulet::admin
