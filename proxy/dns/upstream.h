#pragma once

#include <coroutine>
#include <cstddef>
#include <utility>
#include <vector>

#include "base/address.h"
#include "base/assert.h"
#include "base/result.h"
#include "dns/codec.h"
#include "runtime/scope.h"

namespace epaulet {

/// One message to an upstream server and its answer. Owned by whoever waits; destroying it abandons
/// the exchange.
class ExchangeOp : public ReadyItem {
 public:
  ExchangeOp() = default;
  ExchangeOp(const ExchangeOp&) = delete;
  ExchangeOp& operator=(const ExchangeOp&) = delete;

  /// The upstream's end of an exchange: whichever of the two ends goes first tells the other.
  class Link {
   public:
    Link() = default;
    Link(const Link&) = delete;
    Link& operator=(const Link&) = delete;
    ~Link() { detach(); }
    void attach(ExchangeOp& op) {
      EPAULET_ASSERT(op.link_ == nullptr && op_ == nullptr);
      op.link_ = this;
      op_ = &op;
    }
    [[nodiscard]] bool is_wanted() const { return op_ != nullptr; }
    /// Makes the op run through the loop, unless it was abandoned.
    void complete(Loop& loop, Result<DnsBytes> result) {
      if (op_ == nullptr) return;
      ExchangeOp& op = *op_;
      detach();
      op.result = std::move(result);
      loop.ready(op);
    }

   private:
    friend class ExchangeOp;
    void detach() {
      if (op_ != nullptr) op_->link_ = nullptr;
      op_ = nullptr;
    }
    ExchangeOp* op_ = nullptr;
  };

  [[nodiscard]] bool in_flight() const { return link_ != nullptr; }
  /// The answer is no longer wanted: run() will not be called for it.
  void abandon() {
    if (link_ != nullptr) link_->detach();
  }

  /// A whole message, at least a header; copied by start_exchange().
  DnsBytes query;
  /// The answer under the query's id, as it came: any RCODE. Errors: dns_failed (no server
  /// answered), limit_pending, cancelled.
  Result<DnsBytes> result = Error(ErrorCode::cancelled, Side::self, Stage::dns);

 protected:
  ~ExchangeOp() { abandon(); }

 private:
  Link* link_ = nullptr;
};

/// The servers of `dns.upstream`. A seam: c-ares in the process, a script in tests.
/// Asks under a random id, checks where the answer comes from and that it repeats the question,
/// fails over, and asks again over TCP what was truncated.
class UpstreamDns {
 public:
  virtual ~UpstreamDns() = default;
  /// Completes through the loop, never before it returned.
  virtual void start_exchange(ExchangeOp& op) = 0;
  /// True if a query that came from this address was sent by us: the upstream leads back to
  /// ourselves.
  [[nodiscard]] virtual bool is_own_socket(const SocketAddress& from) const = 0;
};

/// `co_await exchanges`: up to two exchanges at once, until both have ended or the scope has.
class Exchanges final : private Cancellable {
 public:
  Exchanges(UpstreamDns& upstream, Scope& scope) : upstream_(upstream), scope_(scope) {}

  /// At most two, before waiting.
  void add(DnsBytes query) {
    EPAULET_ASSERT(count_ < kMax);
    ops_[count_].owner = this;
    ops_[count_].query = std::move(query);
    ++count_;
  }
  [[nodiscard]] Result<DnsBytes>& result(std::size_t index) { return ops_[index].result; }

  bool await_ready() {
    if (scope_.cancelled()) fail_all(*scope_.cancelled());
    return scope_.cancelled().has_value() || count_ == 0;
  }
  void await_suspend(std::coroutine_handle<> waiter) {
    waiter_ = waiter;
    scope_.add(*this);
    running_ = count_;
    for (std::size_t i = 0; i < count_; ++i) upstream_.start_exchange(ops_[i]);
  }
  void await_resume() const noexcept {}

 private:
  static constexpr std::size_t kMax = 2;
  class Op final : public ExchangeOp {
   public:
    Exchanges* owner = nullptr;
    void run() override { owner->one_ended(); }
  };

  void one_ended() {
    if (--running_ > 0) return;
    Cancellable::unlink();
    waiter_.resume();
  }
  void fail_all(const Error& why) {
    const Result<DnsBytes> failed = why;
    for (auto& op : ops_) op.result = failed;
  }
  void on_cancel(const Error& why) override {
    const Result<DnsBytes> failed = why;
    for (std::size_t i = 0; i < count_; ++i) {
      if (!ops_[i].in_flight()) continue;  // Ended, and in the loop's queue or past it.
      ops_[i].abandon();
      ops_[i].result = failed;
      scope_.loop().ready(ops_[i]);
    }
  }

  UpstreamDns& upstream_;
  Scope& scope_;
  Op ops_[kMax];
  std::size_t count_ = 0;
  std::size_t running_ = 0;
  std::coroutine_handle<> waiter_;
};

}  // namespace epaulet
