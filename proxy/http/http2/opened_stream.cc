#include "http/http2/opened_stream.h"

#include "base/stream_error.h"

namespace epaulet::http::http2 {

void OpenedStream::begin_request(const RequestHead& head) {
  method_ = head.method;
  upgrade_ = head.upgrade;
  writer_.begin(head, scheme_);
  if (!upgrade_.empty()) writer_.leave_open();
}

Result<void> OpenedStream::send_head(std::span<const NameValue> fields, bool end) {
  const auto id = connection_.session().request(fields, end, *this);
  if (!id) {
    // It said GOAWAY, or has as many streams as it takes: nothing was sent.
    failed_ = Error(ErrorCode::closed_before_response, Side::upstream, Stage::send, Retry::safe);
    news_.set();
    return *failed_;
  }
  opened(*id);
  opened_at_ = connection_.loop().now();
  opened_among_ = connection_.session().streams_max();
  connection_.kick();
  return {};
}

void OpenedStream::on_head(HeadText& text, bool end) {
  if (text.kind() == HeadText::Kind::trailers || final_head_) {
    body_.add_trailers(text.to_trailers());
    return;
  }
  if (heads_.size() > limits::kInformationalResponsesMax) {
    reset(ErrorNumber::enhance_your_calm);
    return;
  }
  auto& arrived = heads_.emplace_back();
  arrived.result = text.to_response(arrived.head, method_, end, upgrade_);
  final_head_ = !arrived.result || !arrived.head.informational();
  news_.set();
}

Task<Result<void>> OpenedStream::read_head(Method, ResponseHead& head, Scope& scope) {
  if (!news_.is_set()) {
    const auto waited = co_await news_.wait(scope);
    if (!waited) co_return waited.error();
  }
  if (heads_.empty()) co_return *failed_;
  std::swap(head, heads_.front().head);
  const auto result = heads_.front().result;
  heads_.pop_front();
  if (heads_.empty() && !failed_) news_.reset();
  co_return result;
}

void OpenedStream::abandon(const Error& why) {
  const bool timed_out =
      why.code == ErrorCode::attempt_timeout || why.code == ErrorCode::first_byte_timeout ||
      why.code == ErrorCode::request_timeout || why.code == ErrorCode::deadline_exceeded ||
      why.code == ErrorCode::idle_timeout || why.code == ErrorCode::stream_idle_timeout;
  // Not a frame of anybody's since we asked: it may be the connection that is dead.
  if (timed_out && is_open() && connection_.last_input() < opened_at_) connection_.suspect();
  // What the caller gave up with is passed on.
  const auto given = why.side == Side::downstream ? stream_error_in(why.detail) : std::nullopt;
  const bool says_more = given && *given != 0;
  reset(says_more ? static_cast<ErrorNumber>(*given) : ErrorNumber::cancel);
}

void OpenedStream::on_closed(std::uint32_t number, bool, bool unprocessed) {
  const auto retry = final_head_ ? Retry::never : unprocessed ? Retry::safe : Retry::if_idempotent;
  // Refused, and the peer takes fewer than when we asked: this one and its settings have crossed.
  const bool crossed = unprocessed && connection_.session().streams_max() < opened_among_;
  const bool lost = number == kConnectionLost || crossed;
  const auto code = final_head_ ? ErrorCode::upstream_reset
                    : lost      ? ErrorCode::closed_before_response
                                : ErrorCode::reset_before_response;
  const Error why(code, Side::upstream, Stage::receive, retry,
                  lost ? 0 : detail_of_stream_error(number));
  closed(why);
  if (final_head_) return;
  failed_ = why;
  news_.set();
}

}  // namespace epaulet::http::http2
