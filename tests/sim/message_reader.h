#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace epaulet::sim {

using FieldList = std::vector<std::pair<std::string, std::string>>;

/// One HTTP/1 message as a scripted peer sees it.
struct Message {
  std::string start_line;
  FieldList fields;
  FieldList trailers;
  std::string body;
  bool has_head = false;
  bool complete = false;

  /// Value of the first field of this name, any case; nothing if there is none.
  [[nodiscard]] std::optional<std::string> field(std::string_view name) const;
  /// Of a response.
  [[nodiscard]] int status() const;
  [[nodiscard]] bool informational() const { return status() >= 100 && status() < 200; }
  /// Of a request.
  [[nodiscard]] std::string method() const;
  [[nodiscard]] bool asks_to_close() const;
};

/// Reads messages the plainest way, from one growing string: the oracle for what went over the
/// wire. Shares no code with proxy/http, and takes nothing but what RFC 9112 says a sender must
/// send.
class MessageReader {
 public:
  enum class Kind { request, response };
  explicit MessageReader(Kind kind) : kind_(kind) {}

  /// Before a response is read: HEAD gets no body.
  void answers_head(bool head) { answers_head_ = head; }
  void append(std::string_view bytes) { input_ += bytes; }
  /// The peer's FIN: the end of a body that is delimited by it.
  void end_of_stream() { ended_ = true; }

  /// Takes what it can of the message being read. False: not HTTP.
  bool advance();
  [[nodiscard]] Message& message() { return message_; }
  /// Goes on with the next message.
  void next();
  /// Bytes behind what was understood.
  [[nodiscard]] std::string_view rest() const { return std::string_view(input_).substr(used_); }
  [[nodiscard]] std::string take_rest();

 private:
  bool take_head();
  bool take_chunks();
  std::optional<std::string> take_line();

  Kind kind_;
  std::string input_;
  std::size_t used_ = 0;
  bool ended_ = false;
  bool answers_head_ = false;
  Message message_;
  enum class Framing { unknown, none, length, chunked, until_close } framing_ = Framing::unknown;
  std::size_t left_ = 0;  ///< Of the body or the chunk.
  enum class ChunkState { size, data, data_end, trailers } chunk_ = ChunkState::size;
};

[[nodiscard]] bool same_name(std::string_view a, std::string_view b);

}  // namespace epaulet::sim
