#include "http/http2/served_stream.h"

namespace epaulet::http::http2 {

ServedStream::ServedStream(Connection& connection, StreamId id, Scope& scope)
    : connection_(connection),
      id_(id),
      scope_(scope),
      body_(connection.loop(), *this),
      writer_(connection.loop(), *this) {}

ServedStream::~ServedStream() {
  if (closed_) return;
  connection_.session().detach(id_, ErrorNumber::cancel);
  connection_.kick();
}

void ServedStream::on_head(HeadText& text, bool end) {
  if (head_done_) {
    body_.add_trailers(text.to_trailers());
    return;
  }
  head_result_ = text.to_request(head_, end);
  head_done_ = true;
}

Result<void> ServedStream::take_head(RequestHead& head) {
  std::swap(head, head_);
  return head_result_;
}

Task<Result<void>> ServedStream::send_informational(ResponseHead& head, Scope&) {
  FieldList fields;
  fields.response(head);
  if (!closed_) connection_.session().inform(id_, fields.fields());
  connection_.kick();
  co_return Result<void>();
}

void ServedStream::begin_response(const RequestHead&, ResponseHead& head, bool) {
  writer_.begin().response(head);
}

void ServedStream::settle() {
  if (closed_) return;
  if (!writer_.complete()) {
    reset(ErrorNumber::internal_error);
  } else if (!body_.ended()) {
    reset(ErrorNumber::no_error);
  }
}

void ServedStream::on_closed(std::uint32_t, bool by_peer, bool) {
  closed_ = true;
  const bool answered = writer_.complete();
  const Error why(ErrorCode::downstream_reset, Side::downstream, Stage::receive);
  body_.fail(why);
  writer_.fail(why);
  // Also where the peer made us reset it: nobody waits for the answer.
  if (by_peer || !answered) scope_.cancel(why);
}

void ServedStream::open_window(std::size_t bytes) {
  if (closed_) return;
  connection_.session().consume(id_, bytes);
  connection_.kick();
}

Result<void> ServedStream::send_head(std::span<const NameValue> fields, bool end) {
  if (closed_) return Error(ErrorCode::downstream_reset, Side::downstream, Stage::send);
  connection_.session().respond(id_, fields, end);
  connection_.kick();
  return {};
}

void ServedStream::send_more() {
  if (!closed_) connection_.session().resume(id_);
  connection_.kick();
}

void ServedStream::reset(ErrorNumber number) {
  if (!closed_) connection_.session().reset(id_, number);
  connection_.kick();
}

}  // namespace epaulet::http::http2
