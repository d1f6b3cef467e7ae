#pragma once

#include <coroutine>
#include <memory>
#include <optional>

#include "io/block.h"
#include "io/stream.h"
#include "runtime/scope.h"
#include "runtime/task.h"
#include "tls/engine.h"
#include "tls/unsent.h"

namespace epaulet {

/// Mesh TLS above another stream, which it owns. After the handshake it is a ByteStream like any
/// other: 0 bytes mean the peer's close_notify; an end without one is the error tls_truncated;
/// `WriteOp::end` sends ours, then FIN.
///
/// Flat: no coroutine and no allocation per record; ciphertext lies in pooled blocks only while
/// there is some, so an idle connection holds none. Records are filled as far as one write allows:
/// a head and a small body are one.
class TlsStream final : public ByteStream {
 public:
  [[nodiscard]] static std::unique_ptr<TlsStream> server(StreamPtr lower,
                                                         std::shared_ptr<const TlsContext> context);
  [[nodiscard]] static std::unique_ptr<TlsStream> client(StreamPtr lower,
                                                         std::shared_ptr<const TlsContext> context,
                                                         const TlsClientOptions& options);
  ~TlsStream() override;

  /// Once, before anything else. Errors: the tls_* codes, those of the lower stream, or the
  /// scope's; report() then holds the diagnosis. A client's errors are Retry::safe: nothing was
  /// sent. The peer gets an alert if it can.
  [[nodiscard]] Task<Result<void>> handshake(Scope& scope);
  /// Later failures add their diagnosis too: in TLS 1.3 a server's refusal of our certificate
  /// arrives with the first read.
  [[nodiscard]] const HandshakeReport& report() const { return engine_.report(); }

  /// Errors of the TLS layer, those of later reads included, then carry a `note`.
  void note_with(TlsEngine::NoteFunction note) { engine_.note_with(note); }

  bool start_read(ReadOp& op) override;
  void cancel_read(const Error& why) override;
  bool start_write(WriteOp& op) override;
  void cancel_write(const Error& why) override;
  void reset() override { lower_->reset(); }
  bool has_pending_input() override;
  const Info& info() const override { return lower_->info(); }
  Loop& loop() const override { return lower_->loop(); }

 private:
  /// Reads ciphertext into a block that exists from the moment bytes are there.
  class LowerRead final : public ReadOp {
   public:
    explicit LowerRead(TlsStream& stream) : stream_(stream) {}
    Bytes prepare() override { return stream_.make_room(); }
    void run() override { stream_.on_lower_read(); }

   private:
    TlsStream& stream_;
  };
  class LowerWrite final : public WriteOp {
   public:
    explicit LowerWrite(TlsStream& stream) : stream_(stream) {}
    void run() override { stream_.on_lower_write(); }

   private:
    TlsStream& stream_;
  };
  class Arrival;

  TlsStream(StreamPtr lower, std::shared_ptr<const TlsContext> context);
  TlsStream(StreamPtr lower, std::shared_ptr<const TlsContext> context,
            const TlsClientOptions& options);

  Bytes make_room();
  [[nodiscard]] bool start_lower_read();
  void take_lower_result();
  void on_lower_read();
  void settle_lower_read();
  [[nodiscard]] bool look_inside();
  [[nodiscard]] bool pump_read();
  [[nodiscard]] bool decrypt();
  void release_input();

  [[nodiscard]] bool start_lower_write(bool end);
  void on_lower_write();
  [[nodiscard]] bool pump_write();
  [[nodiscard]] bool encrypt();
  void send_control();
  [[nodiscard]] Error with_side(Error error, Retry retry) const;

  StreamPtr lower_;
  TlsEngine engine_;

  // Reading. Invariant: a lower read is started only when the engine has used up its input.
  LowerRead lower_read_{*this};
  bool lower_reading_ = false;
  bool lower_ended_ = false;
  bool reads_in_bulk_ = false;
  std::optional<Error> lower_failed_;
  Block ciphertext_;
  ReadOp* reading_ = nullptr;
  Bytes target_;  ///< What the pending read has prepared; empty before.
  Arrival* arrival_ = nullptr;

  // Writing. What is in flight is never touched; control records gather in the engine meanwhile.
  LowerWrite lower_write_{*this};
  bool lower_writing_ = false;
  bool lower_write_ended_ = false;
  std::optional<Error> write_failed_;
  TlsOutput in_flight_;
  ConstBytes lower_buffer_;
  WriteOp* writing_ = nullptr;
  Unsent unsent_;
  bool write_is_encrypted_ = false;
};

}  // namespace epaulet
