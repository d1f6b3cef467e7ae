#pragma once

#include "admin_world.h"

namespace epaulet::admin {

/// An app at the pod's address that answers its first connection with the same bytes, when it has
/// read `until`.
class App {
 public:
  App(test::SimLoop& loop, test::MemoryNetwork& network, SocketAddress where, std::string answer,
      std::string until = "\r\n\r\n")
      : scope_(loop),
        listener_(network.listen(loop, where)),
        answer_(std::move(answer)),
        until_(std::move(until)) {
    loop.spawn(run(loop));
  }
  ~App() { scope_.cancel({ErrorCode::cancelled, Side::self, Stage::none}); }
  std::string asked;

 private:
  class OneAccept final : public AcceptOp {
   public:
    explicit OneAccept(Listener& listener) : listener_(listener) {}
    bool await_ready() { return listener_.start_accept(*this); }
    void await_suspend(std::coroutine_handle<> waiter) { waiter_ = waiter; }
    Result<StreamPtr> await_resume() { return std::move(result); }
    void run() override { waiter_.resume(); }

   private:
    Listener& listener_;
    std::coroutine_handle<> waiter_;
  };
  Task<void> run(test::SimLoop& loop) {
    auto stream = co_await OneAccept(*listener_);
    if (!stream) co_return;
    std::array<std::byte, 1024> buffer;
    while (asked.find(until_) == std::string::npos) {
      const auto got = co_await read_some(**stream, buffer, scope_);
      if (!got || *got == 0) co_return;
      asked += as_text(ConstBytes(buffer).first(*got));
    }
    const std::array<ConstBytes, 1> bytes{as_bytes(answer_)};
    (void)co_await write_all(**stream, bytes, scope_, !answer_.empty());
    // An app that says nothing keeps the connection.
    if (answer_.empty()) (void)co_await sleep_until(scope_, loop.now() + std::chrono::hours(1));
  }
  Scope scope_;
  std::unique_ptr<Listener> listener_;
  std::string answer_;
  std::string until_;
};

}  // namespace epaulet::admin
