#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "drawn_features.h"
#include "http2_scenario.h"
#include "scenario.h"

namespace epaulet::sim {

/// Compares what happened with what must hold.
class Inspection {
 public:
  Inspection(Mesh& mesh, const Scenario& scenario)
      : mesh_(mesh), scenario_(scenario), feature_(feature_of(scenario.options.seed)) {}

  /// First: what was delivered to nobody's ears is compared, and then looks as if it never was.
  void take_copies_out();
  void inspect(const Conversation& conversation);
  void inspect(const Http2Conversation& conversation);
  void inspect(const std::deque<Talk>& talks);
  /// What is not about one exchange: nothing was reported that nobody asked for.
  void inspect_all();

  std::vector<std::string> problems;

 private:
  void problem(std::string_view what);
  void expect(bool holds, std::string_view otherwise) {
    if (!holds) problem(otherwise);
  }
  void inspect_spans(const Sidecar& sidecar);
  [[nodiscard]] bool was_hedged() const;
  [[nodiscard]] Feature feature() const;
  /// How often what is not idempotent may be delivered.
  [[nodiscard]] std::size_t deliveries_most(const Exchanged& exchanged) const;
  /// The fixed answer of the route, instead of a failure.
  [[nodiscard]] bool has_stood_in(const Exchanged& exchanged) const;
  /// By a fault of the route's, or its limit.
  [[nodiscard]] bool was_refused_on_purpose() const;
  /// It is to be delivered in the background, once it was accepted.
  [[nodiscard]] bool is_for_later(const Exchanged& exchanged) const;
  /// By an answer that says so.
  [[nodiscard]] bool is_accepted(const Exchanged& exchanged) const;
  void inspect_calm_delivery(const Exchanged& exchanged);
  void inspect_kept_answer(const Exchanged& exchanged);
  void inspect_purpose(const telemetry::ExchangeRecord& record, const Exchanged& exchanged);
  void inspect_background();
  void inspect_rates();
  void inspect_zones();
  /// Its app fails, and means it: something may stand in for that.
  [[nodiscard]] bool may_fall_back(const Exchanged& exchanged) const;
  /// Whose answer this is, by who asked the same at the same time; 0: nobody's who could be.
  [[nodiscard]] int asked_by(const Exchanged& exchanged, std::string_view whose) const;
  void inspect_deliveries(const Exchanged& exchanged);
  void inspect_answer(const Exchanged& exchanged);
  void inspect_reports(const Exchanged& exchanged, bool closed);
  void inspect_times(const telemetry::ExchangeRecord& record, const Exchanged& exchanged);
  void inspect_first_bytes(const telemetry::ExchangeRecord& record);
  [[nodiscard]] std::chrono::nanoseconds time_of(const RequestScript& request) const;
  [[nodiscard]] std::chrono::nanoseconds tick() const;
  /// By what its retries allow.
  void inspect_attempts(const telemetry::ExchangeRecord& record);
  /// No more was delivered than was sent.
  void inspect_repeats(const Exchanged& exchanged);
  void inspect_bytes(const telemetry::ExchangeRecord& record, const Exchanged& exchanged);
  /// Nothing went wrong, so nothing may have failed.
  void inspect_calm(const Exchanged& exchanged);
  void inspect_stream(const Exchanged& exchanged);
  void inspect_calm_stream(const Http2Conversation& conversation, const Exchanged& exchanged);
  void inspect_grpc_refusal(const Exchanged& exchanged);
  /// After an early answer that promised to read the rest: the app did not, or the caller took
  /// longer than the exchange had. Either costs the connection.
  [[nodiscard]] bool rest_was_left(const Exchanged& exchanged) const;

  /// A breaker may be open though nobody meant to fail: an app that answered early and closed with
  /// input unread has destroyed its own answer.
  [[nodiscard]] bool breaker_may_be_open() const;
  /// Its answer was ended before its end, and that was reported.
  [[nodiscard]] bool is_cut(int id) const;
  /// A drain has ended while it was under way.
  [[nodiscard]] bool was_cut(const Exchanged& exchanged) const;
  /// It came when its connection had been idle for as long as may be, and whoever waits so long may
  /// find it closed just then.
  [[nodiscard]] bool may_cross_a_close(const Exchanged& exchanged) const;
  /// Its connection was refused before anybody had read a request, and was reported as that.
  [[nodiscard]] bool refused_unheard();

  /// The one that the caller's connection came to.
  [[nodiscard]] const Sidecar& first_sidecar() const { return outside_ ? mesh_.api2 : mesh_.api; }

  Mesh& mesh_;
  const Scenario& scenario_;
  const Feature feature_;
  std::size_t refused_unheard_ = 0;
  int id_ = 0;
  int before_ = 0;
  bool pipelined_ = false;
  bool reads_slowly_ = false;  ///< The caller takes its time with answers.
  bool outside_ = false;
  bool bare_ = false;  ///< The app has no sidecar.
  /// It says nothing for so long that it may be refused first: whoever keeps silent while its
  /// server gives up has a second left.
  bool keeps_silent_ = false;
  bool aborted_ = false;      ///< The caller has reset the connection, at some exchange of it.
  bool next_is_cut_ = false;  ///< Of pipelined ones: by a reset, under our own report.
};

}  // namespace epaulet::sim
