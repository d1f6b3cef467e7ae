#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/error.h"
#include "io/block.h"
#include "io/stream.h"
#include "tls/context.h"
#include "tls/handshake_report.h"
#include "tls/peer_verifier.h"
#include "tls/session_cache.h"
#include "tls/ticket_facts.h"

namespace epaulet {

/// How a client dials.
struct TlsClientOptions {
  std::string server_name;  ///< SNI: `<service>` or `p<port>.<service>`, at most 255 bytes.
  /// `multiplexed` is offered before http1: HandshakeReport::protocol says which it became.
  detect::MeshProtocol protocol = detect::MeshProtocol::any;
  /// The endpoint's identities; must outlive the handshake. Empty: nobody is accepted.
  std::span<const std::string> expected;
  TlsSessionCache* sessions = nullptr;  ///< Null: always a full handshake.
  /// What separates sessions besides the identities, for example the endpoint's address: pods of
  /// one identity have ticket keys of their own.
  std::string_view session_scope;
};

/// Ciphertext that waits to be sent.
struct TlsOutput {
  Block block;
  std::size_t size = 0;
  [[nodiscard]] ConstBytes bytes() const { return {block.data(), size}; }
};

/// TLS without I/O: ciphertext in by feed(), out by take_output(); time is a parameter. Holds no
/// buffer while nothing is under way.
///
/// States and legal calls: shaking hands: handshake(). Open: peek(), read(), write(),
/// close_write(). Peer closed: as open, reading says `closed`. Write closed: peek(), read().
/// Failed: none but error(), report(), take_output() (which then holds the alert for the peer).
class TlsEngine {
 public:
  enum class Step : std::uint8_t {
    done,        ///< Handshake over; or bytes were read or written.
    want_input,  ///< All input is used up: feed more.
    closed,      ///< The peer's close_notify: the end of its stream.
    failed,      ///< error() says why; nothing more is possible.
  };
  struct ReadResult {
    Step step;
    std::size_t bytes = 0;
  };

  /// The largest plaintext of one record (RFC 8446 section 5.1), and what encryption adds: header,
  /// content type, tag.
  static constexpr std::size_t kRecordBytesMax = 16384;
  static constexpr std::size_t kRecordOverhead = 5 + 1 + 16;

  /// The server's side.
  explicit TlsEngine(std::shared_ptr<const TlsContext> context);
  TlsEngine(std::shared_ptr<const TlsContext> context, const TlsClientOptions& options,
            WallTime now);
  TlsEngine(const TlsEngine&) = delete;
  TlsEngine& operator=(const TlsEngine&) = delete;
  ~TlsEngine();

  /// The next ciphertext from the peer; must stay in place until unread() is empty. Only when it
  /// is.
  void feed(ConstBytes ciphertext);
  [[nodiscard]] ConstBytes unread() const { return input_; }

  /// Neither input nor plaintext is left: reading would only say want_input.
  [[nodiscard]] bool is_drained() const;

  [[nodiscard]] Step handshake(WallTime now);
  /// done: plaintext waits, so a read() gets at least one byte. Consumes tickets and key updates.
  [[nodiscard]] Step peek();
  /// At most one record's rest.
  [[nodiscard]] ReadResult read(Bytes out);
  /// One record of 1 to kRecordBytesMax bytes. done or failed. The output must have room: see
  /// output_room().
  [[nodiscard]] Step write(ConstBytes plaintext);
  /// Our close_notify. done or failed.
  [[nodiscard]] Step close_write();

  [[nodiscard]] bool has_output() const { return output_.size > 0; }
  [[nodiscard]] TlsOutput take_output();
  /// Makes room for about `bytes` of ciphertext in one block, as far as there is a class for it.
  void reserve_output(std::size_t bytes);
  /// Ciphertext bytes that still fit.
  [[nodiscard]] std::size_t output_room() const;

  /// Gives errors from now on a `note`: what this function returns for their diagnosis (the explain
  /// table).
  using NoteFunction = std::uint32_t (*)(std::string_view diagnosis);
  void note_with(NoteFunction note) { note_ = note; }

  [[nodiscard]] bool handshake_is_over() const { return open_; }
  /// The handshake ended for a reason outside: timeout, reset, end of stream. Adds what is known to
  /// the report.
  void interrupted(const Error& why);
  [[nodiscard]] const Error& error() const { return error_; }
  [[nodiscard]] const HandshakeReport& report() const { return report_; }
  [[nodiscard]] bool is_server() const { return is_server_; }

  // For OpenSSL's callbacks and tests.

  [[nodiscard]] ssl_st* native() const { return ssl_.get(); }

 private:
  friend struct TlsCallbacks;

  Step fail_from_queue();
  Step fail(ErrorCode code, std::string diagnosis, std::int32_t detail = 0);
  Step finish_handshake();
  void adopt(const PeerVerdict& verdict);
  [[nodiscard]] PeerVerdict judge_resumed() const;
  [[nodiscard]] PeerPolicy policy() const;
  [[nodiscard]] std::string own_text() const;

  std::shared_ptr<const TlsContext> context_;
  Owned<ssl_st> ssl_;
  bool is_server_;
  bool open_ = false;
  bool failed_ = false;
  bool app_bytes_came_ = false;
  std::uint32_t late_messages_ = 0;  ///< Tickets and key updates since the last byte of data.
  ConstBytes input_;
  TlsOutput output_;
  WallTime now_{};
  std::uint64_t received_ = 0;
  std::span<const std::string> expected_;
  TlsSessionCache* sessions_ = nullptr;
  std::string session_key_;
  Sha256 resumed_authority_{};  ///< Client: with the times below, of the session that is offered.
  WallTime resumed_not_after_ = WallTime::max();
  WallTime resumed_fresh_until_ = WallTime::max();
  std::unique_ptr<TicketFacts> ticket_;  ///< Server, while shaking hands: of the client's ticket.
  /// What a callback found out while OpenSSL was running: more precise than OpenSSL's error.
  std::unique_ptr<PeerVerdict> refusal_;
  NoteFunction note_ = nullptr;
  Error error_;
  HandshakeReport report_;
};

}  // namespace epaulet
