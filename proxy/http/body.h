#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/result.h"
#include "io/stream.h"
#include "runtime/scope.h"
#include "runtime/task.h"

namespace epaulet::http {

/// A piece of a body. `end`: nothing follows; then `trailers` are the trailer fields as raw lines
/// with CRLF.
struct Chunk {
  Chunk() = default;
  Chunk(ConstBytes bytes_, bool end_, std::string_view trailers_ = {})
      : bytes(bytes_), trailers(trailers_), end(end_) {}

  ConstBytes bytes;
  std::string_view trailers;
  bool end = false;
};

/// Where a body comes from. Pulling is what opens the sender's window: who does not pull, holds it
/// back.
class BodySource {
 public:
  virtual ~BodySource() = default;
  /// The next piece; valid until the next pull. After `end`, or an error, not called again.
  virtual Task<Result<Chunk>> pull(Scope& scope) = 0;
  /// A pull would not wait: lets a sink put head and body into one write.
  [[nodiscard]] virtual bool ready() const = 0;
  /// Nobody wants the rest.
  virtual void abort(const Error& why) = 0;
};

/// Where a body goes. A push returns when the bytes were taken: a slow receiver holds its sender
/// back.
class BodySink {
 public:
  virtual ~BodySink() = default;
  virtual Task<Result<void>> push(Chunk chunk, Scope& scope) = 0;
  /// The body cannot be completed: the receiver must notice that it is incomplete.
  virtual void abort(const Error& why) = 0;
};

}  // namespace epaulet::http
