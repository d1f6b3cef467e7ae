#include "inspection.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error_table.h"
#include "budget_inspection.h"

namespace epaulet::sim {
namespace {

using std::chrono::seconds;
using Nanoseconds = std::chrono::nanoseconds;

bool is_idempotent(const RequestScript& request) {
  return request.method != "POST" && request.method != "PATCH";
}

bool has_event(const telemetry::Trace& trace, telemetry::Event event) {
  for (std::size_t i = 0; i < trace.size(); ++i) {
    if (trace[i].event == event) return true;
  }
  return false;
}

bool was_taken_for_later(const Sidecar& sidecar, int id) {
  const auto records = sidecar.exchanges();
  return std::any_of(records.begin(), records.end(), [id](const auto& record) {
    return record.request_id.view() == id_text(id) &&
           has_event(record.trace, telemetry::Event::taken_for_later);
  });
}

}  // namespace

/// What bare.default and callers from outside ask has no route of ours.
Feature Inspection::feature() const {
  return outside_ || bare_ ? Feature::none : feature_;
}

void Inspection::take_copies_out() {
  if (feature_ != Feature::mirror) return;
  const auto is_copy = [](const Delivery& delivery) {
    return delivery.request.field("x-epaulet-mirrored").has_value();
  };
  for (auto& [id, exchanged] : mesh_.ledger) {
    id_ = id;
    auto& deliveries = exchanged.deliveries;
    const auto copies = std::stable_partition(deliveries.begin(), deliveries.end(),
                                              [&](const auto& one) { return !is_copy(one); });
    // Unless the end of a pooled connection crossed it.
    expect(deliveries.end() - copies <= 1 || is_idempotent(exchanged.request),
           "copied more than once");
    const auto sent = body_text(id, true, exchanged.request.body.bytes);
    for (auto copy = copies; copy != deliveries.end(); ++copy) {
      expect(copy->request.method() == exchanged.request.method, "a copy by another method");
      expect(!copy->whole || copy->request.body == sent, "a copy with another body");
    }
    deliveries.erase(copies, deliveries.end());
  }
  before_ = id_ = 0;
}

std::size_t Inspection::deliveries_most(const Exchanged& exchanged) const {
  const bool all_may = feature_ == Feature::non_idempotent && !outside_;  // bare.default, too.
  const bool call_may =
      feature_ == Feature::grpc_statuses && !outside_ && exchanged.request.grpc;  // And there.
  return all_may || call_may || is_for_later(exchanged) || is_idempotent(exchanged.request)
             ? SIZE_MAX
             : 1;
}

bool Inspection::has_stood_in(const Exchanged& exchanged) const {
  if (feature() != Feature::fixed_fallback) return false;
  const Message& response = exchanged.response;
  const auto text = exchanged.request.method == "HEAD" ? std::string_view() : kStoodIn;
  return response.status() == kStoodInStatus && response.body == text;
}

bool Inspection::may_fall_back(const Exchanged& exchanged) const {
  const bool falls = feature() == Feature::fixed_fallback ||
                     feature() == Feature::backend_fallback || feature() == Feature::last_good;
  return falls && !exchanged.request.grpc && exchanged.answer.status >= 500;
}

int Inspection::asked_by(const Exchanged& exchanged, std::string_view whose) const {
  if (whose == id_text(id_)) return id_;
  const auto& asked = exchanged.request;
  if (asked.method != "GET" && asked.method != "HEAD") return 0;
  if (feature() == Feature::last_good) {
    const auto kept = std::find_if(mesh_.ledger.begin(), mesh_.ledger.end(), [&](const auto& one) {
      const auto& other = one.second;
      return id_text(one.first) == whose && other.request.method == "GET" &&
             other.sent_at <= exchanged.head_at && other.answer.status < 300;
    });
    return kept == mesh_.ledger.end() ? 0 : kept->first;
  }
  if (feature() != Feature::single_flight) return 0;
  const auto found = std::find_if(mesh_.ledger.begin(), mesh_.ledger.end(), [&](const auto& one) {
    const auto& other = one.second;
    // Who has left never ended: what it asked for goes on for the others.
    const bool is_over = other.ended_at != TimePoint() && other.ended_at < exchanged.sent_at;
    return id_text(one.first) == whose && other.request.method == asked.method &&
           other.sent_at <= exchanged.head_at && !is_over;
  });
  return found == mesh_.ledger.end() ? 0 : found->first;
}

void Inspection::inspect(const Conversation& conversation) {
  pipelined_ = conversation.manner.pipelined;
  reads_slowly_ = false;
  outside_ = conversation.outside;
  bare_ = false;
  id_ = 0;
  keeps_silent_ = conversation.manner.silence >= std::chrono::milliseconds(500);
  bool closed = false;  // An answer before has ended the connection.
  aborted_ = std::any_of(conversation.ids.begin(), conversation.ids.end(),
                         [this](int id) { return mesh_[id].aborted; });
  for (std::size_t i = 0; i < conversation.ids.size(); ++i) {
    const int id = conversation.ids[i];
    before_ = id_;
    id_ = id;
    next_is_cut_ = pipelined_ && i + 1 < conversation.ids.size() && is_cut(conversation.ids[i + 1]);
    const Exchanged& exchanged = mesh_[id];
    inspect_deliveries(exchanged);
    inspect_answer(exchanged);
    inspect_reports(exchanged, closed);
    if (is_calm(scenario_) && !closed && !keeps_silent_) inspect_calm(exchanged);
    closed = closed || !exchanged.answered || rest_was_left(exchanged) ||
             exchanged.response.asks_to_close() || exchanged.request.http10 ||
             exchanged.request.half_close;
  }
}

void Inspection::inspect(const std::deque<Talk>& talks) {
  const bool nothing_happens = is_calm(scenario_) && !scenario_.drains;
  const auto told = [this](bool holds, std::string_view otherwise) {
    if (!holds) problems.emplace_back(otherwise);
  };
  for (const Talk& talk : talks) {
    const auto expected = talk.expected();
    told(std::string_view(expected).starts_with(talk.heard), "other bytes in a talk");
    told(!talk.ended || talk.heard == expected, "a talk ended before its end");
    told(talk.ended || !nothing_happens, "a talk was cut, though nothing went wrong");
  }
  std::size_t reports = 0;
  std::uint64_t sent = 0;
  std::size_t heard = 0;
  for (const Talk& talk : talks) heard += talk.heard.size();
  for (const auto& record : mesh_.api.connections()) {
    if (telemetry::text_of(record.service) != "mail.default") continue;
    ++reports;
    sent += record.bytes_sent;
    told(record.error.code == ErrorCode::none || !nothing_happens, "a whole talk was a failure");
  }
  told(reports <= talks.size(), "a talk was reported twice");
  told(reports == talks.size() || !nothing_happens, "a talk was not reported");
  told(sent == heard || !nothing_happens, "other bytes of talks were counted");
}

void Inspection::inspect_all() {
  const auto keeps_rules = [this](std::string_view who, const std::vector<std::string>& broken) {
    for (const auto& rule : broken) problems.push_back(fmt::format("{} {}", who, rule));
  };
  keeps_rules("the caller", mesh_.http2_client.violations());
  keeps_rules("the outsider", mesh_.http2_outsider.violations());
  for (const App* app : {&mesh_.app, &mesh_.second_app, &mesh_.bare_app})
    keeps_rules("the app", app->violations());
  const auto own = budget_of(mesh_.options.seed, is_calm(scenario_));
  const auto calling = [&own](std::string_view service) {
    return service == "api2.default" || service == "bare.default" ? own : Budget();
  };
  // The hop before an app only sends again what a kept connection has lost.
  const auto serving = [](std::string_view) { return Budget{0.003, 3}; };
  for (auto& broken : budget_problems(mesh_.api, calling)) problems.push_back(std::move(broken));
  for (auto& broken : budget_problems(mesh_.api2, serving)) problems.push_back(std::move(broken));
  inspect_background();
  inspect_rates();
  inspect_zones();
  for (const Sidecar* sidecar : {&mesh_.api, &mesh_.api2}) {
    inspect_spans(*sidecar);
    // The app's sidecar cannot know that a check of health is none.
    if (feature_ == Feature::health_check && sidecar == &mesh_.api2) continue;
    for (const auto& record : sidecar->exchanges()) {
      if (record.error.code != ErrorCode::none) continue;
      const auto id = record.request_id.view();
      const bool known = std::any_of(mesh_.ledger.begin(), mesh_.ledger.end(),
                                     [&](const auto& one) { return id_text(one.first) == id; });
      if (!known) problems.push_back(fmt::format("{}: an outcome of no request", id));
    }
  }
}

/// Each exchange whose head was understood is one span where there are any, and has left.
void Inspection::inspect_spans(const Sidecar& sidecar) {
  std::size_t spans = 0;
  for (const auto& worker : sidecar.workers) spans += worker->telemetry.spans.size();
  const auto exchanges = sidecar.exchanges();
  const auto traced = std::count_if(exchanges.begin(), exchanges.end(),
                                    [](const auto& record) { return record.trace_id[0] != '\0'; });
  if (spans != (is_traced(mesh_.options) ? static_cast<std::size_t>(traced) : 0))
    problems.push_back(fmt::format("{} spans of {} exchanges", spans, traced));
  telemetry::InFlight::Seen seen;
  sidecar.shared.in_flight.look(seen, TimePoint());
  if (seen.count != 0) problems.push_back(fmt::format("{} are in flight for ever", seen.count));
}

/// What a reader needs for an answer of ours, which the smallest pipe takes in a few pieces.
Nanoseconds Inspection::tick() const {
  return std::chrono::milliseconds(1) + 3 * scenario_.options.network.delay_max;
}

/// How long an exchange may take: by `timeouts.request`, or `max_duration`, which is as long here.
Nanoseconds Inspection::time_of(const RequestScript& request) const {
  const Nanoseconds longest = scenario_.request_timeout * (outside_ ? 2 : 1);
  return request.grpc && request.grpc_timeout
             ? std::min(Nanoseconds(*request.grpc_timeout), longest)
             : longest;
}

void Inspection::problem(std::string_view what) {
  // What went before on the connection often explains it.
  problems.push_back(fmt::format("{}{}\n{}{}", what, pipelined_ ? " (pipelined)" : "",
                                 before_ == 0 ? "" : mesh_.story(before_), mesh_.story(id_)));
}

void Inspection::inspect_deliveries(const Exchanged& exchanged) {
  const auto sent = body_text(id_, true, exchanged.request.body.bytes);
  for (const Delivery& delivery : exchanged.deliveries) {
    const auto& got = delivery.request;
    expect(got.method() == exchanged.request.method, "another method was delivered");
    if (delivery.whole) {
      expect(got.body == sent, "a complete request with another body was delivered");
      const auto& body = exchanged.request.body;
      const auto trailers = is_for_later(exchanged)   ? FieldList()
                            : exchanged.request.http2 ? http2_trailers(body, id_)
                            : body.trailers           ? trailers_of(id_)
                                                      : FieldList();
      expect(got.trailers == trailers, "other request trailers were delivered");
    } else {
      expect(std::string_view(sent).starts_with(got.body), "other bytes were delivered");
    }
    // Only complete if the caller meant it to be.
    expect(!delivery.whole || exchanged.request_sent || exchanged.answered ||
               exchanged.request.body.bytes == 0,
           "a request was completed that the caller never finished");
  }
  expect(exchanged.deliveries.size() <= deliveries_most(exchanged),
         "a request that is not idempotent was repeated");
}

void Inspection::inspect_answer(const Exchanged& exchanged) {
  if (!exchanged.response.has_head) return;
  const Message& response = exchanged.response;
  const auto whose = response.field("x-answers");
  if (!whose) {
    if (!exchanged.answered) return;
    if (exchanged.request.grpc && response.status() == 200) return inspect_grpc_refusal(exchanged);
    expect(response.status() >= 400 || has_stood_in(exchanged) || is_accepted(exchanged),
           "an answer of nobody");
    expect(response.field("x-request-id") == id_text(id_), "a refusal without its request id");
    return;
  }
  const int asked_by_id = asked_by(exchanged, *whose);
  expect(asked_by_id != 0, "the answer to another request");
  if (asked_by_id == 0) return;
  const bool is_shared = asked_by_id != id_;
  if (is_shared && feature() == Feature::last_good) {
    inspect_kept_answer(exchanged);
  } else if (is_shared) {
    expect(exchanged.deliveries.size() <= 1, "asked again behind a shared answer");
  }
  const AnswerScript& script = mesh_[asked_by_id].answer;
  expect(response.status() == script.status || response.status() == script.failing_status,
         "another status");
  for (const Delivery& delivery : exchanged.deliveries) {
    // What was broken off may have been on its way.
    expect(delivery.at <= exchanged.head_at || was_hedged(),
           "tried again behind a committed response head");
  }
  const bool bodiless =
      exchanged.request.method == "HEAD" || response.status() == 204 || response.status() == 304;
  const auto meant = bodiless ? std::string() : body_text(asked_by_id, false, script.body.bytes);
  const auto& last = response.trailers;
  const bool ended_by_us = exchanged.request.grpc && !last.empty() &&
                           last[0].first == "grpc-status" && last[0].second != "0";
  if (!exchanged.answered || ended_by_us) {
    expect(std::string_view(meant).starts_with(response.body), "other bytes in the answer");
    return;
  }
  expect(response.body == meant, "a complete answer with another body");
  if (is_shared) return;  // Without trailers, nor what came before it.
  FieldList trailers;
  if (exchanged.request.http2 && !bodiless) {
    trailers = http2_trailers(script.body, id_, exchanged.request.grpc);
  } else if (script.body.trailers && !exchanged.request.http10 && !bodiless) {
    trailers = trailers_of(id_);
  }
  expect(response.trailers == trailers, "other trailers in the answer");
  if (!exchanged.request.http10 && !was_hedged()) {
    // Those of an attempt whose final answer was not delivered came too.
    expect(exchanged.informational.size() >= script.informational,
           "informational responses were lost");
    if (exchanged.deliveries.size() == 1) {
      expect(exchanged.informational.size() == script.informational,
             "informational responses were repeated");
    }
  }
}

/// Whether there was a second attempt beside the first. Its informational responses are dropped.
bool Inspection::was_hedged() const {
  const auto records = mesh_.api.exchanges();
  return std::any_of(records.begin(), records.end(), [this](const auto& record) {
    return record.request_id.view() == id_text(id_) && record.hedged != telemetry::Hedged::no;
  });
}

/// Simulated time is exact: whatever has a deadline ends when it comes, or before.
void Inspection::inspect_times(const telemetry::ExchangeRecord& record,
                               const Exchanged& exchanged) {
  const auto limit = time_of(exchanged.request);
  const auto took = record.end - record.start;
  // Our own answer may wait for a slow reader, for a time of its own, and so may our own end of a
  // gRPC call that was answered in part. Whoever reads has either at once.
  const bool ends_call = exchanged.request.grpc && !record.status_is_ours &&
                         record.error.code != ErrorCode::none &&
                         record.grpc_status == describe(record.error.code).grpc_status;
  Nanoseconds telling{0};
  if (record.status_is_ours || ends_call) {
    telling = tick();
    if (reads_slowly_) telling = record.status_is_ours ? seconds(5) : seconds(1);
  }
  expect(took <= limit + telling, "the deadline was exceeded");
  for (std::size_t i = 0; i < record.trace.size(); ++i) {
    const auto& entry = record.trace[i];
    if (entry.event != telemetry::Event::answered_by_us) continue;
    expect(std::chrono::microseconds(entry.at_us) <= limit, "answered behind the deadline");
  }
  inspect_first_bytes(record);
  if (outside_ || scenario_.attempt_timeout.count() == 0) return;
  // That of a call which may stream for as long as it likes begins with the end of what it says.
  if (exchanged.request.grpc && !exchanged.request.grpc_timeout) return;
  if (record.upstream_head >= record.upstream_sent) {
    expect(record.upstream_head - record.upstream_sent <= scenario_.attempt_timeout,
           "an attempt took longer than it may");
  }
  // The second attempt of a hedged one has a time of its own, and a backend that stands in may fail
  // behind what it stands in for, which is what is told.
  if (record.hedged != telemetry::Hedged::no || feature() == Feature::backend_fallback) return;
  if (record.error.code != ErrorCode::attempt_timeout) return;
  // The last one failed like that.
  TimePoint failed{};
  for (std::size_t i = 0; i < record.trace.size(); ++i) {
    if (record.trace[i].event == telemetry::Event::attempt_failed) {
      failed = record.start + std::chrono::microseconds(record.trace[i].at_us);
    }
  }
  expect(failed <= record.upstream_sent + scenario_.attempt_timeout,
         "an attempt ended behind its deadline");
}

/// Of each attempt, from the end of its request to its head or its failure.
void Inspection::inspect_first_bytes(const telemetry::ExchangeRecord& record) {
  const bool has_any = !outside_ && scenario_.first_byte.count() > 0;
  expect(has_any || record.error.code != ErrorCode::first_byte_timeout,
         "ended by timeouts.first_byte, which there is not");
  expect((!outside_ && scenario_.stream_idle.count() > 0) ||
             record.error.code != ErrorCode::stream_idle_timeout,
         "ended by timeouts.stream_idle, which there is not");
  // The second attempt of a hedged one leaves no trace of what it sends.
  if (!has_any || record.hedged != telemetry::Hedged::no || record.trace.dropped() > 0) return;
  std::optional<std::chrono::microseconds> sent;
  for (std::size_t i = 0; i < record.trace.size(); ++i) {
    const auto& entry = record.trace[i];
    const std::chrono::microseconds at(entry.at_us);
    if (entry.event == telemetry::Event::request_sent) sent = at;
    if (entry.event != telemetry::Event::response_head &&
        entry.event != telemetry::Event::attempt_failed)
      continue;
    expect(!sent || at - *sent <= scenario_.first_byte + std::chrono::microseconds(1),
           "the first byte took longer than it may");
    sent.reset();
  }
}

/// What is counted is what passed.
void Inspection::inspect_bytes(const telemetry::ExchangeRecord& record,
                               const Exchanged& exchanged) {
  if (record.status_is_ours || record.error.code != ErrorCode::none || !exchanged.answered) return;
  expect(record.response_bytes == exchanged.response.body.size(),
         "other bytes of the answer were counted");
  const bool whole = !exchanged.deliveries.empty() && exchanged.deliveries.back().whole;
  if (!whole || exchanged.answer.early_after) return;
  expect(record.request_bytes == exchanged.request.body.bytes,
         "other bytes of the request were counted");
}

bool Inspection::rest_was_left(const Exchanged& exchanged) const {
  if (!exchanged.answer.early_after) return false;
  if (!exchanged.answer.reads_rest) return true;
  for (const auto& record : first_sidecar().exchanges()) {
    if (record.request_id.view() == id_text(id_) &&
        record.end - record.start >= scenario_.request_timeout * (outside_ ? 2 : 1))
      return true;
  }
  return false;
}

bool Inspection::was_cut(const Exchanged& exchanged) const {
  const auto drained = first_sidecar().drained_at();
  return drained && *drained >= exchanged.sent_at && !exchanged.answered;
}

bool Inspection::breaker_may_be_open() const {
  const bool from_the_start = scenario_.options.service.find("breaker") != std::string::npos;
  if (!from_the_start && !scenario_.breaker_comes) return false;
  return std::any_of(mesh_.ledger.begin(), mesh_.ledger.end(), [](const auto& one) {
    const AnswerScript& answer = one.second.answer;
    return answer.early_after && !answer.reads_rest;
  });
}

bool Inspection::is_cut(int id) const {
  if (mesh_[id].answered) return false;
  const auto reports = first_sidecar().exchanges();
  return std::any_of(reports.begin(), reports.end(), [id](const auto& record) {
    return record.request_id.view() == id_text(id) && record.error.code != ErrorCode::none;
  });
}

bool Inspection::may_cross_a_close(const Exchanged& exchanged) const {
  return before_ != 0 && exchanged.sent_at - mesh_[before_].ended_at >= kShortKeepAlive;
}

bool Inspection::refused_unheard() {
  if (!keeps_silent_) return false;
  const auto reports = first_sidecar().connections();
  const auto refused = std::count_if(reports.begin(), reports.end(), [](const auto& record) {
    return record.kind == telemetry::ConnectionRecord::Kind::refused &&
           record.error.code != ErrorCode::none;
  });
  return refused_unheard_++ < static_cast<std::size_t>(refused);
}

void Inspection::inspect_reports(const Exchanged& exchanged, bool closed) {
  std::size_t reports = 0;
  std::size_t tries = 0;
  bool ours = false;
  const bool was_taken = is_for_later(exchanged) && was_taken_for_later(first_sidecar(), id_);
  const auto is_try = [&](const telemetry::ExchangeRecord& record) {
    return was_taken && !has_event(record.trace, telemetry::Event::taken_for_later);
  };
  for (const auto& record : first_sidecar().exchanges()) {
    if (record.request_id.view() != id_text(id_)) continue;
    inspect_times(record, exchanged);
    inspect_attempts(record);
    inspect_purpose(record, exchanged);
    if (is_try(record)) {
      ++tries;
      continue;
    }
    ++reports;
    if (record.error.code == ErrorCode::breaker_open && feature() != Feature::backend_fallback)
      expect(exchanged.deliveries.empty(), "an open breaker let a request pass");
    inspect_bytes(record, exchanged);
    if (exchanged.answered) {
      expect(record.status == exchanged.response.status(), "another status was reported");
      ours = ours || record.status_is_ours;
    } else if (exchanged.response.has_head) {
      // A reset may destroy what was written and is still on its way: the network's, or that of a
      // drain's end where the caller has asked for more, or does not read, or that which tells that
      // the answer behind this one is not whole.
      const bool shared = pipelined_ || exchanged.request.http2;
      const bool lost = scenario_.options.network.reset_probability > 0 ||
                        (shared && was_cut(exchanged)) || next_is_cut_;
      expect(record.error.code != ErrorCode::none || aborted_ || lost,
             "a cut response was reported as success");
    }
  }
  expect(reports <= 1, "reported twice");
  expect(tries <= kTries, "tried more often than background.tries allows");
  inspect_repeats(exchanged);
  const bool arrived = exchanged.response.has_head || !exchanged.deliveries.empty();
  // What comes as a drain ends is cut with its connection, perhaps before anybody has read it.
  const bool must_arrive = exchanged.head_sent && !closed && !aborted_ && !was_cut(exchanged) &&
                           !may_cross_a_close(exchanged) &&
                           scenario_.options.network.reset_probability == 0;
  if (arrived || (must_arrive && reports == 0 && !refused_unheard()))
    expect(reports == 1, "not reported");
  std::size_t at_app = 0;
  for (const auto& record : mesh_.api2.exchanges()) {
    if (record.request_id.view() != id_text(id_)) continue;
    ++at_app;
    ours = ours || record.status_is_ours;
  }
  if (exchanged.answered && !exchanged.response.field("x-answers")) {
    expect(ours, "nobody admits to have given this answer");
  }
  expect(exchanged.deliveries.empty() || at_app > 0 || bare_, "the app's sidecar did not report");
}

void Inspection::inspect_calm(const Exchanged& exchanged) {
  // Whoever comes late to a sidecar that ends is refused; what the app has got is answered.
  if (scenario_.drains && exchanged.deliveries.empty()) return;
  // An app that closes with input unread destroys its own answer.
  if (exchanged.answer.early_after && !exchanged.answer.reads_rest) return;
  expect(exchanged.answered, "not answered, though nothing went wrong");
  if (breaker_may_be_open()) return;
  const bool race_possible = scenario_.idle_ends && (outside_ || !is_idempotent(exchanged.request));
  const bool early = exchanged.answer.early_after.has_value();
  if (race_possible || early) return;
  if (may_fall_back(exchanged) || was_refused_on_purpose()) return;
  if (is_accepted(exchanged)) return inspect_calm_delivery(exchanged);
  expect(exchanged.response.field("x-answers").has_value(), "refused, though nothing went wrong");
  if (is_idempotent(exchanged.request)) return;
  expect(exchanged.deliveries.size() == 1 || was_hedged(), "delivered more than once");
}

}  // namespace epaulet::sim
