#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "crypto/reason.h"
#include "http/message.h"
#include "io/listener.h"
#include "runtime/scope.h"
#include "runtime/task.h"
#include "tls/context.h"

namespace epaulet::https {

struct Bounds {
  std::size_t connections = 256;
  /// Of one identity at one address; one more ends the oldest. 0: as many as it likes.
  std::size_t connections_per_peer = 0;
  std::size_t head_bytes = 8 * 1024;
  std::size_t body_bytes = 16 * 1024;
  std::chrono::seconds handshake{5};
  std::chrono::seconds request{5};  ///< Head and body together.
};

/// Who asks.
struct Peer {
  std::string identity;  ///< Proven by their certificate in the handshake; "": by none.
  SocketAddress address;
};

/// A whole answer.
struct Reply {
  std::uint16_t status = 200;
  std::string_view content_type = "application/json";  ///< Lives for ever.
  std::string body;
  http::AddedFields fields;
};

/// One connection's one request, and what is said to it: either one answer() or a stream.
class Exchange {
 public:
  virtual ~Exchange() = default;

  [[nodiscard]] virtual const http::RequestHead& head() const = 0;
  [[nodiscard]] virtual const std::string& body() const = 0;
  /// It was understood: whoever answers for long need not keep it.
  virtual void forget_body() = 0;
  [[nodiscard]] virtual const Peer& peer() const = 0;

  virtual Task<void> answer(const Reply& reply, Scope& scope) = 0;

  /// 200, of unknown length.
  virtual void begin_stream(std::string_view content_type) = 0;
  /// Returns when the bytes were taken: a slow client holds its sender back.
  virtual Task<Result<void>> send(std::string_view text, Scope& scope) = 0;
  virtual Task<void> end_stream(Scope& scope) = 0;
};

/// What a server is for. Outlives its connections, which share it.
class Handler {
 public:
  virtual ~Handler() = default;
  /// For the connections from now on; null: nobody is served.
  [[nodiscard]] virtual std::shared_ptr<const TlsContext> tls() = 0;
  /// Before the handshake, which is what costs. False: the connection is reset.
  [[nodiscard]] virtual bool admits(const SocketAddress&) { return true; }
  /// Reset because there were too many.
  virtual void turned_away() = 0;
  /// Ended because its peer has come again, and again.
  virtual void replaced(const Peer&) {}
  virtual void handshake_failed(const Error& error, std::string_view diagnosis,
                                const SocketAddress& from) = 0;
  /// What came is no request, or too large; `status` 400 or 413.
  [[nodiscard]] virtual Reply unreadable(std::uint16_t status, const Reason& why,
                                         const Peer& peer) = 0;
  /// `scope`: the connection's, without a deadline. After it was cancelled the server may be gone.
  virtual Task<void> serve(Exchange& exchange, Scope& scope) = 0;
};

/// HTTPS for a few: accepts, bounds, reads one request on each connection. A loop's own.
class Server {
 public:
  Server(Loop& loop, Bounds bounds, std::shared_ptr<Handler> handler);
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;
  /// Ends all connections.
  ~Server();

  /// `listener` outlives this.
  void listen(Listener& listener);
  /// Accepts nobody any more; who is connected may end.
  void stop_accepting();
  [[nodiscard]] std::size_t connections() const;

 private:
  struct State;
  std::shared_ptr<State> state_;  // Shared with the coroutines, which end later than this.
};

}  // namespace epaulet::https
