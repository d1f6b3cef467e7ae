#include "http/http2/arrived_pieces.h"

#include <algorithm>
#include <cstring>

namespace epaulet::http::http2 {

void ArrivedPieces::add(ConstBytes data, bool front_is_lent) {
  while (!data.empty()) {
    const bool shared = !pieces_.empty() && !(front_is_lent && pieces_.size() == 1) &&
                        pieces_.back().end < pieces_.back().block.size();
    if (!shared) {
      // Where frames pile up they pile up in larger pieces.
      const auto least = pieces_.empty() ? std::size_t{0} : limits::kSmallBlockBytes;
      pieces_.push_back(
          {Block::allocate(std::clamp(data.size(), least, limits::kBlockBytes)), 0, 0});
    }
    Piece& piece = pieces_.back();
    const auto part = std::min(data.size(), piece.block.size() - piece.end);
    std::memcpy(piece.block.data() + piece.end, data.data(), part);
    piece.end += part;
    data = data.subspan(part);
  }
}

}  // namespace epaulet::http::http2
