#pragma once

#include <memory>
#include <string>
#include <utility>

#include "admin/server.h"
#include "io/ops.h"
#include "support/memory_network.h"
#include "support/sim_loop.h"

namespace epaulet::admin {

inline SocketAddress at(std::string_view text) {
  return *SocketAddress::parse(text);
}

/// A client that writes what it is told and keeps all that comes back.
class RawClient {
 public:
  RawClient(test::SimLoop& loop, Dialer& dialer, SocketAddress to) : loop_(loop), scope_(loop) {
    loop_.spawn(run(dialer, to));
    loop_.run_until_quiet();
  }
  ~RawClient() {
    scope_.cancel({ErrorCode::cancelled, Side::self, Stage::none});
    loop_.run_until_quiet();
  }

  void write(std::string text) {
    if (stream_ == nullptr) return;
    loop_.spawn(write_text(std::move(text)));
    loop_.run_until_quiet();
  }
  /// What has come since the last call.
  std::string take() { return std::exchange(received_, {}); }
  bool closed() const { return closed_; }
  bool was_reset() const { return reset_; }
  bool connected() const { return connected_; }
  void leave() { scope_.cancel({ErrorCode::cancelled, Side::self, Stage::none}); }

 private:
  Task<void> run(Dialer& dialer, SocketAddress to) {
    auto dialled = co_await dialer.dial(to, scope_);
    if (!dialled) co_return;
    stream_ = std::move(*dialled);
    connected_ = true;
    std::array<std::byte, 4096> buffer;
    for (;;) {
      const auto got = co_await read_some(*stream_, buffer, scope_);
      if (!got && scope_.cancelled()) break;
      reset_ = !got;
      closed_ = reset_ || *got == 0;
      if (closed_) break;
      received_ += as_text(ConstBytes(buffer).first(*got));
    }
    stream_.reset();
  }
  Task<void> write_text(std::string text) {
    const std::array<ConstBytes, 1> bytes{as_bytes(text)};
    (void)co_await write_all(*stream_, bytes, scope_);
  }

  test::SimLoop& loop_;
  Scope scope_;
  StreamPtr stream_;
  std::string received_;
  bool connected_ = false;
  bool closed_ = false;
  bool reset_ = false;
};

/// One surface on 10.0.0.9:15021, and clients at 10.0.0.7.
struct AdminNetwork {
  void serve(Surface surface, AppProbes* probes = nullptr, AppMetrics* metrics = nullptr,
             EndPage* end = nullptr) {
    listener = network.listen(loop, address);
    server = std::make_unique<AdminServer>(loop, std::move(surface), probes, metrics, end);
    server->listen(*listener);
    loop.run_until_quiet();
  }
  std::unique_ptr<RawClient> connect() {
    return std::make_unique<RawClient>(loop, *dialer, address);
  }
  /// The whole answer to these bytes.
  std::string ask(std::string bytes) {
    const auto client = connect();
    client->write(std::move(bytes));
    return client->take();
  }
  std::string get(std::string_view target, std::string_view host = "10.0.0.9:15021") {
    return ask("GET " + std::string(target) + " HTTP/1.1\r\nHost: " + std::string(host) +
               "\r\n\r\n");
  }
  static std::string status_line(const std::string& answer) {
    return answer.substr(0, answer.find("\r\n"));
  }
  static std::string body(const std::string& answer) {
    const auto end = answer.find("\r\n\r\n");
    return end == std::string::npos ? "" : answer.substr(end + 4);
  }

  test::SimLoop loop;
  test::MemoryNetwork network{Random(1)};
  SocketAddress address = at("10.0.0.9:15021");
  std::unique_ptr<Dialer> dialer = network.dialer(loop, *IpAddress::parse("10.0.0.7"));
  std::unique_ptr<Listener> listener;
  std::unique_ptr<AdminServer> server;
};

}  // namespace epaulet::admin
