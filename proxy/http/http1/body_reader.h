#pragma once

#include <cstdint>

#include "http/body.h"
#include "http/http1/chunked.h"
#include "http/message.h"
#include "http/stream.h"
#include "io/reader.h"

namespace epaulet::http::http1 {

/// The body of the message whose head was just read, delimited as the head said (RFC 9112
/// section 6.3). Chunks are views into the connection's read buffer: no copy.
class BodyReader final : public MessageReader {
 public:
  /// `side`: whose message it is; decides the error codes. The reader outlives this.
  BodyReader(StreamReader& reader, Side side) : reader_(reader), side_(side) {}

  void begin(const Framing& framing);

  Task<Result<Chunk>> pull(Scope& scope) override;
  [[nodiscard]] bool ready() const override;
  void abort(const Error& why) override;

  /// All of it was pulled: the next message may follow on the connection.
  [[nodiscard]] bool complete() const override { return complete_; }
  /// Nothing of it was pulled yet.
  [[nodiscard]] bool untouched() const { return untouched_; }
  /// Lets go of the last chunk. Before the next head is read.
  void finish() override;
  [[nodiscard]] std::uint64_t bytes() const override { return bytes_; }

 private:
  Result<Chunk> take_length();
  Result<std::optional<Chunk>> take_chunked();
  [[nodiscard]] Error truncated() const;
  [[nodiscard]] Error translate(const Error& error) const;

  StreamReader& reader_;
  Side side_;
  Framing framing_;
  ChunkDecoder decoder_;
  std::size_t lent_ = 0;  ///< Bytes at the front of the buffer that the last chunk shows.
  std::uint64_t bytes_ = 0;
  bool complete_ = true;
  bool untouched_ = true;
};

}  // namespace epaulet::http::http1
