#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

/// HTTP/2 frames read the plainest way: what a sidecar says is judged by it.
namespace epaulet::fuzz::naive2 {

enum Type : unsigned {
  kData,
  kHeaders,
  kPriority,
  kReset,
  kSettings,
  kPush,
  kPing,
  kGoaway,
  kWindow,
  kContinuation
};
constexpr unsigned kEnd = 1;         // of a stream
constexpr unsigned kHeadersEnd = 4;  // END_HEADERS
constexpr unsigned kPadded = 8;

struct Frame {
  unsigned type = 0;
  unsigned flags = 0;
  std::uint32_t stream = 0;
  std::string_view payload;
};

inline unsigned octet(std::string_view text, std::size_t at) {
  return static_cast<unsigned char>(text[at]);
}

/// Whole frames, from the start; `rest` is what is left of the last.
inline std::vector<Frame> frames_of(std::string_view text, std::string_view& rest) {
  std::vector<Frame> frames;
  while (text.size() >= 9) {
    const std::size_t size = octet(text, 0) << 16 | octet(text, 1) << 8 | octet(text, 2);
    if (text.size() < 9 + size) break;
    const std::uint32_t stream =
        (octet(text, 5) & 0x7f) << 24 | octet(text, 6) << 16 | octet(text, 7) << 8 | octet(text, 8);
    frames.push_back({octet(text, 3), octet(text, 4), stream, text.substr(9, size)});
    text.remove_prefix(9 + size);
  }
  rest = text;
  return frames;
}

inline std::string_view data_of(const Frame& frame) {
  auto data = frame.payload;
  if ((frame.flags & kPadded) == 0) return data;
  if (data.empty()) return data;
  const std::size_t padding = octet(data, 0);
  data.remove_prefix(1);
  return padding > data.size() ? std::string_view() : data.substr(0, data.size() - padding);
}

/// Bodies by stream, as far as they have come.
inline std::map<std::uint32_t, std::string> bodies_of(const std::vector<Frame>& frames) {
  std::map<std::uint32_t, std::string> bodies;
  for (const Frame& frame : frames) {
    if (frame.type == kData) bodies[frame.stream] += data_of(frame);
  }
  return bodies;
}

/// What is wrong with the frames that an end was sent; nullptr if nothing is. Of what HPACK says
/// nothing is known here.
inline const char* fault_of(const std::vector<Frame>& frames) {
  struct Stream {
    bool head = false, ended = false, reset = false;
  };
  std::map<std::uint32_t, Stream> streams;
  std::uint32_t in_head = 0;  // CONTINUATION is to follow.
  if (!frames.empty() && (frames[0].type != kSettings || (frames[0].flags & 1) != 0))
    return "it does not begin with SETTINGS";
  for (const Frame& frame : frames) {
    const auto size = frame.payload.size();
    if (size > 16'384) return "a frame is too large";
    if (in_head != 0 && (frame.type != kContinuation || frame.stream != in_head))
      return "a field section is interrupted";
    const bool of_stream = frame.type == kData || frame.type == kHeaders || frame.type == kReset ||
                           frame.type == kContinuation;
    // A push that came before our SETTINGS, which forbid it, were acknowledged is only refused.
    if (frame.type == kReset && frame.stream != 0 && frame.stream % 2 == 0) continue;
    if (of_stream && frame.stream % 2 == 0) return "a stream that nobody may open";
    auto& stream = streams[frame.stream];
    switch (frame.type) {
      case kHeaders:
        if (stream.ended || stream.reset) return "HEADERS behind the end of a stream";
        stream.head = true;
        in_head = (frame.flags & kHeadersEnd) == 0 ? frame.stream : 0;
        break;
      case kContinuation:
        if (in_head == 0) return "CONTINUATION of nothing";
        in_head = (frame.flags & kHeadersEnd) == 0 ? frame.stream : 0;
        break;
      case kData:
        if (!stream.head) return "DATA before HEADERS";
        if (stream.ended || stream.reset) return "DATA behind the end of a stream";
        break;
      case kReset:
        if (size != 4) return "RST_STREAM of another size";
        stream.reset = true;
        break;
      case kSettings:
        if (size % 6 != 0 || frame.stream != 0) return "malformed SETTINGS";
        break;
      case kPing:
        if (size != 8 || frame.stream != 0) return "malformed PING";
        break;
      case kGoaway:
        if (size < 8 || frame.stream != 0) return "malformed GOAWAY";
        break;
      case kWindow:
        if (size != 4) return "malformed WINDOW_UPDATE";
        if (frame.stream != 0 && stream.reset) return "WINDOW_UPDATE behind a reset";
        break;
      default:
        return "a frame that a sidecar never sends";
    }
    const bool carries = frame.type == kHeaders || frame.type == kData;
    if (carries && (frame.flags & kEnd) != 0) stream.ended = true;
  }
  return nullptr;
}

}  // namespace epaulet::fuzz::naive2
