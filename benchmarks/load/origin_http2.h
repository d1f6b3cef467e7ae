#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace epaulet::bench {

/// The origin's HTTP/2 (RFC 9113), without its socket: what a trusted caller's small requests need
/// and nothing else. Every request, whatever it asks for, is answered with the same head and body,
/// so no field section is read; one with a body is taken for a call of gRPC, and its answer is a
/// message of the same size (benchmarks/load/call.proto) with trailers.
class Http2Answers {
 public:
  static constexpr std::string_view kPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

  explicit Http2Answers(std::string_view body)
      : body_size_(static_cast<std::int64_t>(body.size())) {
    // Indexed `:status: 200`, then `content-type` and `content-length` by their static names,
    // without indexing (RFC 7541 appendix A, section 6.2.2).
    std::string fields("\x88", 1);
    add_literal(fields, "\x0f\x10", "text/plain");
    add_literal(fields, "\x0f\x0d", std::to_string(body.size()));
    plain_.add(frame(kHeaders, kEndHeaders, 0, fields));
    plain_.add(frame(kData, kEndStream, 0, body));
    fields.assign("\x88", 1);
    add_literal(fields, "\x0f\x10", "application/grpc");
    grpc_.add(frame(kHeaders, kEndHeaders, 0, fields));
    grpc_.add(frame(kData, 0, 0, grpc_message(body)));
    fields.assign("\x00\x0bgrpc-status", 13);
    add_literal(fields, "", "0");
    grpc_.add(frame(kHeaders, kEndHeaders | kEndStream, 0, fields));
  }

  /// Takes whole frames from the front of `input` and appends what is to be sent to `out`. Returns
  /// how much it took; `answered` grows by the answers. Nothing: it is not understood.
  std::optional<std::size_t> take(std::string_view input, std::string& out,
                                  std::uint64_t& answered) {
    std::size_t used = 0;
    if (!greeted_) {
      if (input.size() < kPreface.size()) return 0;
      if (!input.starts_with(kPreface)) return std::nullopt;
      used = kPreface.size();
      greeted_ = true;
      out += frame(kSettings, 0, 0, "");
    }
    while (input.size() - used >= kFrameHead) {
      const auto head = input.substr(used, kFrameHead);
      const std::size_t size = number(head.substr(0, 3));
      if (input.size() - used - kFrameHead < size) break;
      const auto payload = input.substr(used + kFrameHead, size);
      used += kFrameHead + size;
      const auto flags = static_cast<std::uint8_t>(head[4]);
      on_frame(static_cast<std::uint8_t>(head[3]), flags, number(head.substr(5, 4)) & 0x7fffffff,
               payload, out);
    }
    answered += answer_waiting(out);
    return used;
  }

 private:
  static constexpr std::size_t kFrameHead = 9;
  static constexpr std::uint8_t kData = 0;
  static constexpr std::uint8_t kHeaders = 1;
  static constexpr std::uint8_t kSettings = 4;
  static constexpr std::uint8_t kPing = 6;
  static constexpr std::uint8_t kWindowUpdate = 8;
  static constexpr std::uint8_t kEndStream = 1;
  static constexpr std::uint8_t kAck = 1;
  static constexpr std::uint8_t kEndHeaders = 4;

  static std::uint32_t number(std::string_view bytes) {
    std::uint32_t value = 0;
    for (const char byte : bytes) value = value << 8 | static_cast<std::uint8_t>(byte);
    return value;
  }
  static void put(char* at, std::uint32_t value, std::size_t bytes) {
    for (std::size_t i = 0; i < bytes; ++i)
      at[i] = static_cast<char>(value >> (8 * (bytes - 1 - i)) & 0xff);
  }
  static std::string frame(std::uint8_t type, std::uint8_t flags, std::uint32_t stream,
                           std::string_view payload) {
    std::string bytes(kFrameHead, '\0');
    put(bytes.data(), static_cast<std::uint32_t>(payload.size()), 3);
    bytes[3] = static_cast<char>(type);
    bytes[4] = static_cast<char>(flags);
    put(bytes.data() + 5, stream, 4);
    return bytes.append(payload);
  }
  /// Length-prefixed, uncompressed, with one field of so many bytes that the whole is as long as
  /// the body.
  static std::string grpc_message(std::string_view body) {
    constexpr std::size_t kPrefixes = 7;
    std::string text(5, '\0');
    put(text.data() + 1, static_cast<std::uint32_t>(body.size() - 5), 4);
    text += '\x0a';
    text += static_cast<char>(body.size() - kPrefixes);
    return text.append(body.substr(0, body.size() - kPrefixes));
  }
  static void add_literal(std::string& fields, std::string_view name, std::string_view value) {
    fields += name;
    fields += static_cast<char>(value.size());
    fields += value;
  }

  void on_frame(std::uint8_t type, std::uint8_t flags, std::uint32_t stream,
                std::string_view payload, std::string& out) {
    if (type == kSettings && (flags & kAck) == 0) {
      out += frame(kSettings, kAck, 0, "");
    } else if (type == kPing && (flags & kAck) == 0) {
      out += frame(kPing, kAck, 0, payload);
    } else if (type == kWindowUpdate && stream == 0) {
      window_ += number(payload.substr(0, 4)) & 0x7fffffff;
    } else if (type == kHeaders || type == kData) {
      if (type == kData && !payload.empty()) {
        std::string increment(4, '\0');
        put(increment.data(), static_cast<std::uint32_t>(payload.size()), 4);
        out += frame(kWindowUpdate, 0, 0, increment);
      }
      if ((flags & kEndStream) != 0) waiting_.push_back({stream, type == kData});
    }
  }

  /// As many as the connection's window lets through; a stream's own holds more than one body.
  std::uint64_t answer_waiting(std::string& out) {
    const auto room = static_cast<std::size_t>(std::max<std::int64_t>(window_ / body_size_, 0));
    const std::size_t count = std::min(waiting_.size(), room);
    for (std::size_t i = 0; i < count; ++i) {
      Frames& answer = waiting_[i].has_body ? grpc_ : plain_;
      for (const std::size_t at : answer.begins)
        put(answer.bytes.data() + at + 5, waiting_[i].stream, 4);
      out += answer.bytes;
    }
    waiting_.erase(waiting_.begin(), waiting_.begin() + static_cast<std::ptrdiff_t>(count));
    window_ -= static_cast<std::int64_t>(count) * body_size_;
    return count;
  }

  struct Frames {
    void add(std::string_view frame) {
      begins.push_back(bytes.size());
      bytes += frame;
    }
    std::string bytes;
    std::vector<std::size_t> begins;
  };
  struct Waiting {
    std::uint32_t stream;
    bool has_body;
  };

  Frames plain_;
  Frames grpc_;
  std::int64_t body_size_;
  std::int64_t window_ = 65535;  ///< Of the connection, for what we send.
  std::vector<Waiting> waiting_;
  bool greeted_ = false;
};

}  // namespace epaulet::bench
