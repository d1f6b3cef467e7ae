#pragma once

#include <list>

#include "io/block.h"
#include "io/stream.h"
#include "runtime/pool_allocator.h"

namespace epaulet::http::http2 {

/// DATA of one stream that have arrived and were not read: at most the stream's window.
class ArrivedPieces {
 public:
  struct Piece {
    Block block;
    std::size_t begin = 0;
    std::size_t end = 0;
    [[nodiscard]] ConstBytes bytes() const { return {block.data() + begin, end - begin}; }
  };

  /// Small frames share a block. `front_is_lent`: not the first one, which somebody looks at.
  void add(ConstBytes data, bool front_is_lent = false);

  [[nodiscard]] bool empty() const { return pieces_.empty(); }
  [[nodiscard]] std::size_t size() const { return pieces_.size(); }
  [[nodiscard]] Piece& front() { return pieces_.front(); }
  void pop_front() { pieces_.pop_front(); }

 private:
  std::list<Piece, PoolAllocator<Piece>>
      pieces_;  // Not a deque, which allocates twice before it holds anything.
};

}  // namespace epaulet::http::http2
