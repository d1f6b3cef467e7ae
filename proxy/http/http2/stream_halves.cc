#include "http/http2/stream_halves.h"

namespace epaulet::http::http2 {

StreamHalves::~StreamHalves() {
  if (!open_ && unread_ == 0) return;
  if (open_) connection_.session().detach(id_, ErrorNumber::cancel);
  connection_.session().consume(id_, unread_);
  connection_.kick();
}

void StreamHalves::on_data(ConstBytes data) {
  unread_ += data.size();
  if (bytes_) return bytes_->add(data);
  body_.add(data);
}

void StreamHalves::on_end() {
  if (bytes_) return bytes_->end();
  body_.end();
}

StreamEvents::Outgoing StreamHalves::outgoing() {
  return bytes_ ? bytes_->outgoing() : writer_.outgoing();
}

void StreamHalves::on_taken(std::size_t bytes) {
  if (bytes_) return bytes_->taken(bytes);
  writer_.taken(bytes);
}

void StreamHalves::on_end_sent() {
  if (bytes_) return bytes_->end_sent();
  writer_.end_sent();
}

ByteEnd StreamHalves::to_bytes() {
  bytes_.reset(new StreamBytes(connection_, *this, *this));
  body_.move_to(*bytes_);
  if (why_closed_) bytes_->fail(*why_closed_);
  return {*bytes_, bytes_reader_.emplace(*bytes_)};
}

void StreamHalves::closed(const Error& why) {
  open_ = false;
  why_closed_ = why;
  if (bytes_) return bytes_->fail(why);
  body_.fail(why);
  writer_.fail(why);
}

void StreamHalves::open_window(std::size_t bytes) {
  unread_ -= bytes;
  connection_.session().consume(id_, bytes);
  connection_.kick();
}

void StreamHalves::send_more() {
  if (open_) connection_.session().resume(id_);
  connection_.kick();
}

void StreamHalves::reset(ErrorNumber number) {
  if (open_) connection_.session().reset(id_, number);
  connection_.kick();
}

}  // namespace epaulet::http::http2
