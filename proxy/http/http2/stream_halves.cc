#include "http/http2/stream_halves.h"

namespace epaulet::http::http2 {

StreamHalves::~StreamHalves() {
  if (!open_) return;
  connection_.session().detach(id_, ErrorNumber::cancel);
  connection_.kick();
}

void StreamHalves::closed(const Error& why) {
  open_ = false;
  body_.fail(why);
  writer_.fail(why);
}

void StreamHalves::open_window(std::size_t bytes) {
  if (!open_) return;
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
