#include "k8s/directory/metrics_text.h"

#include <fmt/format.h>

#include <algorithm>

#include "https/service.h"

namespace epaulet::kube {

std::string metrics_text(const DirectoryFacts& facts) {
  struct Row {
    const char* name;
    const char* type;
    const char* help;
    std::uint64_t WatcherStatus::*value;
  };
  using Status = WatcherStatus;
  static const Row kRows[] = {
      {"lists_total", "counter", "Lists begun at the API server", &Status::lists},
      {"streamed_lists_total", "counter",
       "Lists that the API server sent as the beginning of a watch (WatchList)", &Status::streams},
      {"watches_total", "counter", "Watches begun at the API server", &Status::watches},
      {"events_total", "counter", "Events of watches, bookmarks included", &Status::events},
      {"expired_total", "counter", "Versions that the API server had forgotten (410)",
       &Status::expired},
      {"api_failures_total", "counter", "Lists and watches that failed; the log says why",
       &Status::failures},
      {"unreadable_objects_total", "counter", "Objects that are not what they should be",
       &Status::unreadable},
  };
  std::string text;
  for (const auto& row : kRows) {
    text += fmt::format("# HELP epaulet_directory_{0} {2}\n# TYPE epaulet_directory_{0} {1}\n",
                        row.name, row.type, row.help);
    for (std::size_t i = 0; i < facts.watchers.size(); ++i) {
      text += fmt::format("epaulet_directory_{}{{objects=\"{}\"}} {}\n", row.name,
                          name_of(static_cast<ObjectKind>(i)), facts.watchers[i]->*row.value);
    }
  }
  text +=
      "# HELP epaulet_directory_silence_seconds Since the API server was heard last\n"
      "# TYPE epaulet_directory_silence_seconds gauge\n";
  for (std::size_t i = 0; i < facts.watchers.size(); ++i) {
    const auto silence =
        std::chrono::floor<std::chrono::seconds>(facts.now - facts.watchers[i]->heard_at);
    if (facts.watchers[i]->is_listed)
      text += fmt::format("epaulet_directory_silence_seconds{{objects=\"{}\"}} {}\n",
                          name_of(static_cast<ObjectKind>(i)), silence.count());
  }
  auto& model = facts.hub->model();
  text +=
      "# HELP epaulet_directory_objects Objects that are known\n"
      "# TYPE epaulet_directory_objects gauge\n";
  for (std::size_t i = 0; i < facts.watchers.size(); ++i) {
    text +=
        fmt::format("epaulet_directory_objects{{objects=\"{}\"}} {}\n",
                    name_of(static_cast<ObjectKind>(i)), model.count(static_cast<ObjectKind>(i)));
  }
  const auto& counts = facts.counts;
  const auto single = [&text](const char* name, const char* type, const char* help, auto value) {
    text += https::metric(name, type, help, static_cast<std::int64_t>(value));
  };
  single("epaulet_directory_endpoints", "gauge", "Endpoints that are known", model.endpoints());
  single("epaulet_directory_streams", "gauge", "Sidecars that listen", facts.hub->subscriptions());
  single("epaulet_directory_services_asked_for", "gauge", "Services that somebody dials",
         facts.hub->services_asked_for());
  single("epaulet_directory_streams_total", "counter", "Streams begun", counts.streams);
  single("epaulet_directory_views_sent_total", "counter", "Views of services sent", counts.lines);
  single("epaulet_directory_slow_readers_total", "counter",
         "Streams cut because their reader took nothing", counts.slow);
  single("epaulet_directory_refused_total", "counter", "Requests refused", counts.refused);
  single("epaulet_directory_handshakes_failed_total", "counter",
         "TLS handshakes that failed; the log has each", counts.handshakes_failed);
  single("epaulet_directory_connections_refused_total", "counter",
         "Connections reset because there were too many", counts.connections_full);
  single("epaulet_directory_connections_replaced_total", "counter",
         "Connections ended because their peer came again while it had as many as one may",
         counts.replaced);
  const auto refused = std::count_if(model.routes().all().begin(), model.routes().all().end(),
                                     [](const auto& item) { return !item.second.refused.empty(); });
  single("epaulet_directory_routes_refused", "gauge",
         "Routes whose newest version is refused; their status and an Event say why", refused);
  single("epaulet_directory_statuses_written_total", "counter", "Statuses of routes written back",
         facts.statuses.written);
  single("epaulet_directory_status_conflicts_total", "counter",
         "Statuses that somebody else had changed; looked at again", facts.statuses.conflicts);
  single("epaulet_directory_status_failures_total", "counter",
         "Statuses and Events that could not be written; the log says why",
         facts.statuses.failures);
  single("epaulet_directory_events_written_total", "counter", "Events of refused routes",
         facts.statuses.events);
  if (facts.own_seconds_left)
    single("epaulet_directory_own_seconds_left", "gauge", "Until our own certificate ends",
           *facts.own_seconds_left);
  return text;
}

}  // namespace epaulet::kube
