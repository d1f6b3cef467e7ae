#include "http/http2/leaving_message.h"

#include "base/stream_error.h"

namespace epaulet::http::http2 {
namespace {

/// What the other hop's stream was reset with is passed on. Otherwise: it was the sender's doing.
ErrorNumber number_for(const Error& why) {
  const auto number = stream_error_in(why.detail);
  if (number && *number != 0) return static_cast<ErrorNumber>(*number);
  return ErrorNumber::internal_error;
}

}  // namespace

void LeavingMessage::begin() {
  head_waits_ = true;
  bytes_ = 0;
  complete_ = wrote_ = leaves_open_ = false;
}

void LeavingMessage::begin(const RequestHead& head, std::string_view scheme) {
  begin();
  request_ = &head;
  response_ = nullptr;
  scheme_ = scheme;
}

void LeavingMessage::begin(const ResponseHead& head) {
  begin();
  request_ = nullptr;
  response_ = &head;
}

Result<void> LeavingMessage::send_head(bool end) {
  if (!head_waits_) return {};
  head_waits_ = false;
  if (error_) return *error_;
  if (request_ != nullptr) {
    field_list_.request(*request_, scheme_);
  } else {
    field_list_.response(*response_);
  }
  const auto sent = sender_.send_head(field_list_.fields(), end);
  wrote_ = sent.has_value();
  return sent;
}

Task<Result<void>> LeavingMessage::flush(Scope&) {
  co_return send_head(false);
}

Task<Result<void>> LeavingMessage::push(Chunk chunk, Scope& scope) {
  const bool head_alone = head_waits_ && chunk.end && chunk.bytes.empty() && chunk.trailers.empty();
  taken_.reset();
  const auto sent = send_head(head_alone && !leaves_open_);
  if (!sent) co_return sent.error();
  if (leaves_open_ && head_alone) {
    complete_ = true;
    co_return Result<void>();
  }
  if (error_) co_return *error_;
  if (chunk.bytes.empty() && !chunk.end) co_return Result<void>();
  if (!head_alone) {
    chunk_ = chunk;
    sending_ = true;
    sender_.send_more();
  }
  const auto waited = co_await taken_.wait(scope);
  sending_ = false;
  chunk_ = Chunk();
  if (error_) co_return *error_;
  if (!complete_ && !waited) co_return waited.error();
  co_return Result<void>();
}

void LeavingMessage::abort(const Error& why) {
  head_waits_ = false;
  if (!error_ && !complete_) {
    error_ = why;
    sender_.reset(number_for(why));
  }
}

StreamEvents::Outgoing LeavingMessage::outgoing() const {
  if (!sending_ || taken_.is_set()) return {};
  return {chunk_.bytes, chunk_.end, chunk_.trailers};
}

void LeavingMessage::taken(std::size_t bytes) {
  bytes_ += bytes;
  chunk_.bytes = chunk_.bytes.subspan(bytes);
  if (chunk_.bytes.empty() && !chunk_.end) taken_.set();
}

void LeavingMessage::end_sent() {
  complete_ = true;  // Now, not when the pusher runs: the stream may be closed before that.
  taken_.set();
}

void LeavingMessage::fail(const Error& why) {
  if (complete_ || error_) return;
  error_ = why;
  taken_.set();
}

}  // namespace epaulet::http::http2
