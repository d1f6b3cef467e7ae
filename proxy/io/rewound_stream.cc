#include "io/rewound_stream.h"

#include <algorithm>
#include <cstring>

namespace epaulet {

bool RewoundStream::start_read(ReadOp& op) {
  if (first_.empty()) return lower_->start_read(op);
  const Bytes buffer = op.prepare();
  const std::size_t bytes = std::min(buffer.size(), first_.size());
  std::memcpy(buffer.data(), first_.data(), bytes);
  first_.erase(0, bytes);
  if (first_.empty()) first_.shrink_to_fit();
  op.result = bytes;
  return true;
}

}  // namespace epaulet
