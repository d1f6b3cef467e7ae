#include "path/stored_request.h"

#include "base/assert.h"

namespace epaulet::path {

http::ByteEnd StoredRequest::switch_to_bytes() {
  EPAULET_ASSERT(false && "an upgrade is never kept for later");
  std::abort();
}

Task<Result<http::Chunk>> StoredRequest::Body::pull(Scope& scope) {
  if (scope.cancelled()) co_return *scope.cancelled();
  pulled_ = true;
  co_return http::Chunk(as_bytes(bytes_), true);
}

Task<Result<void>> StoredRequest::Writer::push(http::Chunk chunk, Scope& scope) {
  if (scope.cancelled()) co_return *scope.cancelled();
  bytes_ += chunk.bytes.size();
  if (digest_ != nullptr) digest_->add(chunk.bytes);
  ended_ = ended_ || chunk.end;
  co_return Result<void>();
}

}  // namespace epaulet::path
