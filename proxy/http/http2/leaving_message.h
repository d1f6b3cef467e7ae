#pragma once

#include <optional>

#include "http/http2/session.h"
#include "http/stream.h"
#include "runtime/event.h"

namespace epaulet::http::http2 {

/// The stream that a message leaves by.
class MessageSender {
 public:
  /// Its head; `end`: and nothing else.
  [[nodiscard]] virtual Result<void> send_head(std::span<const NameValue> fields, bool end) = 0;
  /// outgoing() has something new.
  virtual void send_more() = 0;
  virtual void reset(ErrorNumber number) = 0;

 protected:
  ~MessageSender() = default;
};

/// What is being sent on a stream: the head, then one chunk at a time, each until the windows have
/// let all of it out. So a slow receiver holds its sender back.
class LeavingMessage final : public MessageWriter {
 public:
  /// Both outlive this. `field_list`: shared with others, each uses it for a moment.
  LeavingMessage(Loop& loop, MessageSender& sender, FieldList& field_list)
      : sender_(sender), taken_(loop), field_list_(field_list) {}

  Task<Result<void>> flush(Scope& scope) override;
  Task<Result<void>> push(Chunk chunk, Scope& scope) override;
  void abort(const Error& why) override;
  [[nodiscard]] bool has_pending() const override { return head_waits_; }
  [[nodiscard]] bool complete() const override { return complete_; }
  [[nodiscard]] bool wrote_anything() const override { return wrote_; }
  /// Frames go out whole or not at all.
  [[nodiscard]] bool broken() const override { return false; }
  [[nodiscard]] std::uint64_t bytes() const override { return bytes_; }

  // For the stream.

  /// The head waits for the first chunk, and stays as it is until that or flush(). `scheme`: as
  /// FieldList::request().
  void begin(const RequestHead& head, std::string_view scheme);
  void begin(const ResponseHead& head);
  /// The head is all of the message, and does not end the stream.
  void leave_open() { leaves_open_ = true; }
  [[nodiscard]] StreamEvents::Outgoing outgoing() const;
  void taken(std::size_t bytes);
  void end_sent();
  void fail(const Error& why);

 private:
  void begin();
  [[nodiscard]] Result<void> send_head(bool end);

  MessageSender& sender_;
  Event taken_;  ///< All of the chunk is framed, or never will be.
  FieldList& field_list_;
  const RequestHead* request_ = nullptr;  ///< Of the two heads, the one that waits.
  const ResponseHead* response_ = nullptr;
  std::string_view scheme_;
  bool head_waits_ = false;
  bool leaves_open_ = false;
  Chunk chunk_;
  bool sending_ = false;
  std::uint64_t bytes_ = 0;
  bool complete_ = false;
  bool wrote_ = false;
  std::optional<Error> error_;
};

}  // namespace epaulet::http::http2
