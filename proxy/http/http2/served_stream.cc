#include "http/http2/served_stream.h"

#include "base/stream_error.h"

namespace epaulet::http::http2 {

void ServedStream::on_head(HeadText& text, bool end) {
  if (head_done_) {
    body_.add_trailers(text.to_trailers());
    return;
  }
  head_result_ = text.to_request(head_, end);
  head_done_ = true;
}

void ServedStream::adopt(RequestHead head) {
  head_ = std::move(head);
  head_done_ = true;
  body_.end();
}

Result<void> ServedStream::take_head(RequestHead& head) {
  std::swap(head, head_);
  return head_result_;
}

Task<Result<void>> ServedStream::send_informational(ResponseHead& head, Scope&) {
  FieldList& list = connection_.session().field_list();
  list.response(head);
  if (is_open()) connection_.session().inform(id(), list.fields());
  connection_.kick();
  co_return Result<void>();
}

void ServedStream::begin_response(const RequestHead&, ResponseHead& head, bool) {
  writer_.begin(head);
  if (head.status == 101) writer_.leave_open();
}

void ServedStream::settle() {
  if (!is_open()) return;
  if (!writer_.complete()) {
    reset(ErrorNumber::internal_error);
  } else if (!body_.ended()) {
    reset(ErrorNumber::no_error);
  }
}

void ServedStream::on_closed(std::uint32_t number, bool by_peer, bool) {
  const bool answered = writer_.complete();
  const Error why(ErrorCode::downstream_reset, Side::downstream, Stage::receive, Retry::never,
                  by_peer && number != kConnectionLost ? detail_of_stream_error(number) : 0);
  closed(why);
  // Also where the peer made us reset it: nobody waits for the answer.
  if (by_peer || !answered) scope_.cancel(why);
}

Result<void> ServedStream::send_head(std::span<const NameValue> fields, bool end) {
  if (!is_open()) return Error(ErrorCode::downstream_reset, Side::downstream, Stage::send);
  connection_.session().respond(id(), fields, end);
  connection_.kick();
  return {};
}

}  // namespace epaulet::http::http2
