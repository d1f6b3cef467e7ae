#include "http/stream.h"

#include "base/limits.h"
#include "http/reason_phrase.h"

namespace epaulet::http {

Task<Result<void>> ServerStream::send_answer(const RequestHead& request, std::uint16_t status,
                                             std::string_view extra_lines, std::string_view text,
                                             bool keep, Scope& scope) {
  ResponseHead head;
  head.status = status;
  head.reason = reason_phrase(status);
  head.framing = {text.empty() ? Framing::Kind::none : Framing::Kind::length, text.size()};
  if (!text.empty()) head.added.add("Content-Type", "text/plain; charset=utf-8");
  head.added.add("Content-Length", std::to_string(text.size()));
  head.added.append(extra_lines);
  begin_response(request, head, keep);
  const bool with_body = request.method != Method::head;
  const Chunk chunk(with_body ? as_bytes(text) : ConstBytes(), true);
  co_return co_await writer().push(chunk, scope);
}

Task<bool> ServerStream::skip_buffered_body(Scope& scope) {
  auto& rest = body();
  const auto most = rest.bytes() + limits::kDrainedBodyBytesMax;
  Scope without_waiting(scope);
  without_waiting.cancel({ErrorCode::cancelled, Side::self, Stage::receive});
  while (!rest.complete() && rest.ready() && rest.bytes() < most) {
    const auto chunk = co_await rest.pull(without_waiting);
    if (!chunk) co_return false;
  }
  co_return rest.complete();
}

Task<Result<void>> ServerStream::drain_body(Scope& scope) {
  auto& rest = body();
  const auto most = rest.bytes() + limits::kDrainedBodyBytesMax;
  while (!rest.complete()) {
    const auto chunk = co_await rest.pull(scope);
    if (!chunk) co_return chunk.error();
    if (rest.bytes() > most) {
      co_return Error(ErrorCode::body_too_large, Side::downstream, Stage::receive);
    }
  }
  co_return Result<void>();
}

}  // namespace epaulet::http
