#include "http/http2/carried_stream.h"

#include <array>

#include "base/stream_error.h"

namespace epaulet::http::http2 {
namespace {

/// Nothing in it depends on whose connection it is: behind the first one, HPACK has it in its
/// table.
constexpr std::string_view kProtocol = "epaulet-http1";
constexpr std::array<NameValue, 5> kRequest{{{":method", "CONNECT"},
                                             {":protocol", kProtocol},
                                             {":scheme", "http"},
                                             {":path", "/"},
                                             {":authority", "epaulet"}}};
constexpr std::array<NameValue, 1> kAgreed{{{":status", "200"}}};

/// So long without a frame of anybody's since we wrote: then it may be the connection that is dead.
constexpr std::chrono::seconds kSilence{1};

}  // namespace

CarriedStream::~CarriedStream() {
  auto& session = connection_.session();
  if (unread_ > 0) session.consume(id_, unread_);
  if (is_gone()) return;
  if (bytes_.was_cut() || state_ == State::begun) {
    session.detach(id_, ErrorNumber::cancel);
  } else if (end_sent_ && !ours_) {
    session.detach(id_, ErrorNumber::no_error);  // Who still uploads is told to stop.
  } else {
    session.close(id_);
  }
  connection_.kick();
}

bool CarriedStream::open() {
  const auto id = connection_.session().request(kRequest, false, *this);
  if (!id) return false;
  id_ = *id;
  state_ = State::open;
  ours_ = true;
  connection_.kick();
  return true;
}

void CarriedStream::on_head(HeadText& text, bool end) {
  const bool agreed = ours_ ? text.status() == "200" : text.protocol() == kProtocol;
  if (!agreed || end) return reset(ErrorNumber::protocol_error);
  agreed_ = true;
  if (ours_ || state_ != State::begun) return;
  state_ = State::open;
  connection_.session().respond(id_, kAgreed, false);
}

void CarriedStream::on_closed(std::uint32_t number, bool by_peer, bool unprocessed) {
  state_ = State::closed;
  const auto retry = unprocessed ? Retry::safe : Retry::never;
  // Taken and then refused: it has rested for too long, which says nothing of the peer.
  const bool told = by_peer && number != kConnectionLost && !(unprocessed && agreed_);
  bytes_.fail(Error(ErrorCode::upstream_reset, Side::self, Stage::relay, retry,
                    told ? detail_of_stream_error(number) : 0));
}

void CarriedStream::on_end_sent() {
  end_sent_ = true;
  bytes_.end_sent();
}

bool CarriedStream::start_write(WriteOp& op) {
  wrote_at_ = loop().now();
  return bytes_.start_write(op);
}

void CarriedStream::reset() {
  const auto now = loop().now();
  const bool silent = connection_.last_input() < wrote_at_ && now - wrote_at_ >= kSilence;
  if (ours_ && silent && !is_gone()) connection_.suspect();
  reset(ErrorNumber::cancel);
}

void CarriedStream::open_window(std::size_t bytes) {
  unread_ -= bytes;
  connection_.session().consume(id_, bytes);
  if (connection_.session().has_output()) connection_.kick();
}

void CarriedStream::send_more() {
  if (!is_gone()) connection_.session().resume(id_);
  connection_.kick();
}

void CarriedStream::reset(ErrorNumber number) {
  if (!is_gone()) connection_.session().reset(id_, number);
  connection_.kick();
}

}  // namespace epaulet::http::http2
