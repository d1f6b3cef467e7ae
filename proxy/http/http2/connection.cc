#include "http/http2/connection.h"

#include <array>
#include <cstring>

#include "io/ops.h"

namespace epaulet::http::http2 {

Connection::Connection(Role role, const SessionLimits& limits, SessionEvents& events,
                       ByteStream& stream, StreamReader& reader, Scope& scope)
    : session_(role, limits, events),
      stream_(stream),
      reader_(reader),
      scope_(scope),
      reading_(scope),
      writing_(scope),
      output_(scope.loop()) {}

Connection::~Connection() = default;

/// As many frames as fit into one write.
std::size_t Connection::collect() {
  std::size_t filled = 0;
  for (;;) {
    // A frame is at most 16 KiB and its header: behind that much there must be room for another.
    if (out_ && out_.size() - filled < limits::kBlockBytes + 64) return filled;
    const auto frame = session_.output();
    if (frame.empty()) return filled;
    if (!out_) out_ = Block::allocate(limits::kLargeBlockBytes);
    std::memcpy(out_.data() + filled, frame.data(), frame.size());
    filled += frame.size();
  }
}

/// Its end is the reader's, too.
Task<Error> Connection::write() {
  const auto end = co_await write_frames();
  reading_.cancel({ErrorCode::cancelled, Side::self, Stage::receive});
  co_return end;
}

Task<Error> Connection::write_frames() {
  for (;;) {
    const auto waited = co_await output_.wait(writing_);
    if (!waited) co_return waited.error();
    output_.reset();
    for (std::size_t size = collect(); size > 0; size = collect()) {
      const std::array<ConstBytes, 1> buffers{ConstBytes(out_.span().first(size))};
      const auto written = co_await write_all(stream_, buffers, writing_);
      if (!written) co_return written.error();
    }
    out_.reset();
    if (session_.finished()) co_return Error();
  }
}

Task<Error> Connection::run(Between* between) {
  writer_.start(write());
  kick();
  Error why(ErrorCode::end_of_stream, Side::self, Stage::receive);
  bool broken = false;
  while (!session_.finished() && writer_.running()) {
    if (reader_.buffered().empty()) {
      const auto filled = co_await reader_.fill(reading_);
      if (!filled) {
        if (scope_.cancelled() || !reading_.cancelled()) why = filled.error();
        break;
      }
      if (*filled == 0) break;
    }
    const auto received = session_.receive(reader_.buffered());
    reader_.consume(reader_.buffered().size());
    if (between != nullptr) between->after_input();
    kick();
    if (!received) {
      why = received.error();
      broken = true;
      break;
    }
  }
  // What ends the connection is still to be told (GOAWAY); a peer that does not read does not hold
  // us.
  if (broken && writer_.running()) {
    writing_.set_deadline(loop().now() + std::chrono::seconds(1),
                          {ErrorCode::idle_timeout, Side::self, Stage::send});
  } else {
    writing_.cancel({ErrorCode::cancelled, Side::self, Stage::send});
  }
  const Error written = co_await writer_.join();
  if (why.code == ErrorCode::end_of_stream && written.code != ErrorCode::none &&
      written.code != ErrorCode::cancelled) {
    why = written;
  }
  co_return why;
}

}  // namespace epaulet::http::http2
