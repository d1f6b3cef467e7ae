#pragma once

#include "path/exchange.h"
#include "path/fallback.h"
#include "runtime/fork.h"

namespace epaulet::path {

class Witness;

/// One try of a request on one upstream connection: two half-pumps. The upload runs as a fork
/// beside the response, so that early responses, aborts of either side and long uploads are the
/// ordinary case. The first terminal event wins and cancels the other half with its reason.
class Attempt final {
 public:
  Attempt(Exchange& exchange, const Plan& plan, upstream::Lease& upstream, Witness& witness);
  /// A second one beside the first. Until it is adopted it leaves the exchange, its record and its
  /// caller alone: its head goes into `response`.
  Attempt(Exchange& exchange, const Plan& plan, upstream::Lease& upstream, Witness& witness,
          Scope& parent, http::ResponseHead& response);

  /// Sends, and reads up to the head of the final response (informational ones are passed on). code
  /// none: the head is in exchange.response and nothing of it was sent downstream.
  Task<Error> until_head();
  /// Commits the response and copies its body. code none: all of it was delivered.
  Task<Error> deliver();
  /// Instead of deliver(), for an answer of the next sidecar that we give in our own words: reads
  /// it to its end.
  Task<void> discard();
  /// After deliver() or discard(): lets both connections settle, so that they can serve the next
  /// exchange where that is possible.
  Task<void> finish();
  /// Sends no more of the request. What has come of an answer may still be delivered; the
  /// connection is of no more use behind it.
  Task<void> end_upload();
  [[nodiscard]] bool is_uploading() const { return upload_.running(); }
  /// The request did not go out whole, since end_upload() came before.
  [[nodiscard]] bool was_cut() const { return was_cut_; }
  /// Gives the attempt up: the upstream connection is of no more use. Again is nothing.
  Task<void> stop(Error why);
  /// until_head() is to end.
  void cancel(const Error& why) { scope_.cancel(why); }
  /// The second attempt is the one that counts: its head is now the exchange's, which is
  /// `response`. The first was stopped.
  void adopt(http::ResponseHead& response);
  [[nodiscard]] const upstream::Lease& upstream() const { return upstream_; }
  /// The request went out whole, and can be sent once more.
  [[nodiscard]] bool can_be_doubled() const { return has_sent_all_ && exchange_.body.replayable(); }

  /// How long nothing but the upstream was waited for: since it took the last of the request, or
  /// since it last said something. Zero once the head has come, and while it is the caller's turn.
  [[nodiscard]] Duration waited() const;
  [[nodiscard]] bool request_was_written() const {
    return upstream_.stream().writer().wrote_anything();
  }
  /// The head came from the next sidecar itself, which could not reach or would not serve: what it
  /// says.
  [[nodiscard]] std::optional<Error> told_failure() const;
  /// The next hop has said that it spent its retries on this request.
  [[nodiscard]] bool retries_exhausted_upstream() const;
  /// Some Envoy on the way dropped it because of load.
  [[nodiscard]] bool overloaded_upstream() const;

 private:
  Task<Error> send();
  void pass_deadline();
  void note_upstream();
  void note_head();
  void start_attempts_time();
  void start_calls_time();
  void start_first_bytes_time();
  void start_streams_time();
  Task<Error> read_final_head();
  [[nodiscard]] bool only_seems_to_agree() const;
  Task<Result<void>> pass_informational();
  Task<Error> copy_body();
  Task<void> break_off(Error why);
  void prepare_response();
  void strip_reasons();
  [[nodiscard]] Error reason(const Error& error) const;
  [[nodiscard]] Error blamed(const Error& error) const;

  Exchange& exchange_;
  const Plan& plan_;
  upstream::Lease& upstream_;
  Witness& witness_;
  upstream::TrustWatch::Use trust_;
  Scope scope_;  ///< Of this attempt: its deadline until the head.
  Scope upload_scope_;
  bool awaits_caller_ = false;  ///< The upload waits for more of the request's body.
  bool may_continue_ = true;    ///< The caller does not wait for a 100.
  bool has_head_ = false;       ///< Of the final response.
  bool is_second_ = false;      ///< And not adopted yet.
  bool has_sent_all_ = false;
  bool was_cut_ = false;
  http::ResponseHead* response_;
  TimePoint sent_at_{};
  TimePoint head_at_{};
  resilience::IdleTimer idle_;
  KeptCopy copy_;         ///< Of a response that may stand in for a later one.
  std::string trailers_;  ///< Of the request, as they go out.
  Fork<Error> upload_;
};

}  // namespace epaulet::path
