#include "admin/app_metrics.h"

#include <fmt/format.h>

#include <charconv>

#include "admin/metrics_text.h"
#include "base/error_table.h"

namespace epaulet::admin {
namespace {

using std::chrono::milliseconds;

/// The older format first: both are read, and an app that has both spares us the difference.
constexpr std::string_view kAccept =
    "Accept: text/plain;version=0.0.4, application/openmetrics-text;version=1.0.0;q=0.5, "
    "*/*;q=0.1\r\n"
    "Accept-Encoding: identity\r\nUser-Agent: epaulet\r\n";

/// How long the app may take, so that the scraper still gets ours.
Duration time_for(const http::RequestHead& request) {
  constexpr double kShare = 0.8;
  const auto* field = request.find("X-Prometheus-Scrape-Timeout-Seconds");
  if (field == nullptr) return AppMetrics::kTime;
  double seconds = 0;
  const auto text = field->value;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), seconds);
  const bool is_time = parsed.ec == std::errc() && parsed.ptr == text.data() + text.size() &&
                       seconds >= 0.1 && seconds < 1e6;
  if (!is_time) return AppMetrics::kTime;
  const milliseconds share(static_cast<std::int64_t>(seconds * kShare * 1000));
  return std::min<Duration>(share, AppMetrics::kTimeMax);
}

}  // namespace

std::string_view AppMetrics::name_of(Ending ending) {
  constexpr std::string_view kNames[] = {"merged", "unreachable", "timeout",   "status",
                                         "format", "too_large",   "malformed", "busy"};
  return kNames[static_cast<std::size_t>(ending)];
}

void AppMetrics::set(std::optional<AppMetricsSettings> settings) {
  settings_ = std::move(settings);
  if (!settings_) last_.reset();
}

Task<void> AppMetrics::append_to(std::string& page, IpAddress pod, const http::RequestHead& request,
                                 Scope& scope) {
  Answer answer;
  const auto under_way = under_way_;  // A cancelled scrape may end later than this.
  if (*under_way < kAtOnceMax) {
    ++*under_way;
    Scope asking(scope);
    const Error too_slow(ErrorCode::attempt_timeout, Side::upstream, Stage::receive);
    asking.set_deadline(scope.loop().now() + time_for(request), too_slow);
    answer = co_await ask(app_, *settings_, pod, asking);
    --*under_way;
    if (scope.cancelled()) co_return;
  }
  note(answer);
  page += about();
  page += answer.text;
}

Task<AppMetrics::Answer> AppMetrics::ask(AppClient& app, AppMetricsSettings settings, IpAddress pod,
                                         Scope& scope) {
  Answer answer;
  const SocketAddress to{pod, settings.port};
  AppRequest request;
  request.path = std::move(settings.path);
  request.tls = settings.tls;
  request.lines = kAccept;
  http::ResponseHead response;
  const auto failed = [&scope] {
    return scope.cancelled() ? Ending::timeout : Ending::unreachable;
  };
  const auto stream = co_await app.get(to, std::move(request), response, scope);
  answer.ending = failed();
  if (!stream) co_return std::move(answer);
  answer.status = response.status;
  answer.ending = Ending::status;
  if (response.status != 200) co_return std::move(answer);
  const auto* type = response.find("Content-Type");
  const auto* encoding = response.find("Content-Encoding");
  const auto format = metrics_format(type == nullptr ? std::string_view() : type->value);
  answer.ending = Ending::format;
  if (!format || (encoding != nullptr && encoding->value != "identity"))
    co_return std::move(answer);
  std::string page;
  auto& body = (*stream)->body();
  while (!body.complete()) {
    const auto chunk = co_await body.pull(scope);
    answer.ending = chunk ? Ending::too_large : failed();
    if (!chunk || page.size() + chunk->bytes.size() > kBytesMax) co_return std::move(answer);
    page.append(reinterpret_cast<const char*>(chunk->bytes.data()), chunk->bytes.size());
  }
  auto clean = clean_metrics(page, *format);
  answer.ending = Ending::malformed;
  if (!clean) co_return std::move(answer);
  answer.ending = Ending::merged;
  answer.samples = clean->samples;
  answer.left_out = clean->left_out;
  answer.text = std::move(clean->text);
  co_return std::move(answer);
}

void AppMetrics::note(const Answer& answer) {
  const auto ending = answer.ending;
  ++results_[static_cast<std::size_t>(ending)];
  if (ending == Ending::busy) return;  // That tells of scrapers.
  const bool was_well = !last_ || *last_ == Ending::merged;
  const bool is_well = ending == Ending::merged;
  last_ = ending;
  samples_ = answer.samples;
  left_out_ = answer.left_out;
  if (was_well == is_well || !on_change_) return;
  if (is_well) return on_change_("");
  on_change_(ending == Ending::status ? fmt::format("it answered {}", answer.status)
                                      : std::string(name_of(ending)));
}

std::string AppMetrics::about() const {
  const bool is_up = last_ && *last_ == Ending::merged;
  std::string text = fmt::format(
      "# HELP epaulet_app_metrics_up 1 if the app's own metrics stand behind these\n"
      "# TYPE epaulet_app_metrics_up gauge\nepaulet_app_metrics_up {}\n"
      "# HELP epaulet_app_metrics_samples Samples of the app, when they were served last\n"
      "# TYPE epaulet_app_metrics_samples gauge\nepaulet_app_metrics_samples {}\n"
      "# HELP epaulet_app_metrics_left_out Lines of the app then that had names of the sidecar's\n"
      "# TYPE epaulet_app_metrics_left_out gauge\nepaulet_app_metrics_left_out {}\n"
      "# HELP epaulet_app_metrics_scrapes_total How often the app was asked for its metrics\n"
      "# TYPE epaulet_app_metrics_scrapes_total counter\n",
      is_up ? 1 : 0, samples_, left_out_);
  for (std::size_t i = 0; i < results_.size(); ++i) {
    if (results_[i] == 0 && i != 0) continue;
    text += fmt::format("epaulet_app_metrics_scrapes_total{{result=\"{}\"}} {}\n",
                        name_of(static_cast<Ending>(i)), results_[i]);
  }
  return text;
}

}  // namespace epaulet::admin
