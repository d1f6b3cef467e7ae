#include "support/memory_network.h"

#include <algorithm>
#include <deque>
#include <set>

#include "support/silence.h"

namespace epaulet::test {
namespace {

/// One direction: pieces in flight, each visible from its time on.
struct Direction {
  struct Piece {
    std::string bytes;
    TimePoint visible_at;
  };
  std::deque<Piece> pieces;
  std::size_t queued = 0;
  bool fin = false;  // The writer has ended.
  TimePoint fin_visible_at{};
  ReadOp* reading = nullptr;
  WriteOp* writing = nullptr;
  std::size_t write_index = 0;
  std::size_t write_offset = 0;
};

const Error kReset{ErrorCode::upstream_reset, Side::self, Stage::receive, Retry::if_idempotent,
                   104};

}  // namespace

class MemoryConnection : public std::enable_shared_from_this<MemoryConnection> {
 public:
  MemoryConnection(Loop& a, Loop& b, Random& random, NetworkConditions conditions)
      : conditions_(conditions), random_(random), wake_{Wake(*this, 0), Wake(*this, 1)} {
    loops_[0] = &a;
    loops_[1] = &b;
    all_.insert(this);
  }
  MemoryConnection(const MemoryConnection&) = delete;
  MemoryConnection& operator=(const MemoryConnection&) = delete;
  ~MemoryConnection() { all_.erase(this); }

  void set_ends(IpAddress a, IpAddress b) { ends_ = {a, b}; }
  static void silence(std::set<IpAddress> ends) {
    for (MemoryConnection* one : all_) one->silent_ = one->silent_ || one->ends_ == ends;
  }

  // Direction d is written by side d and read by side 1 - d.

  bool start_read(int side, ReadOp& op) {
    Direction& in = directions_[1 - side];
    if (try_read(in, *loops_[side], op)) return true;
    in.reading = &op;
    arm(side);
    return false;
  }
  void cancel_read(int side, const Error& why) {
    Direction& in = directions_[1 - side];
    if (in.reading == nullptr) return;
    ReadOp& op = *std::exchange(in.reading, nullptr);
    op.result = why;
    loops_[side]->ready(op);
  }
  bool start_write(int side, WriteOp& op) {
    Direction& out = directions_[side];
    out.write_index = out.write_offset = 0;
    if (conditions_.reset_probability > 0 && random_.unit() < conditions_.reset_probability) fail();
    if (try_write(side, op)) return true;
    out.writing = &op;
    wake_reader(side);  // What had room is there to be read.
    // The reader may have made room for all of it: then run() is due, as for any write that waited.
    return false;
  }
  void cancel_write(int side, const Error& why) {
    Direction& out = directions_[side];
    if (out.writing == nullptr) return;
    WriteOp& op = *std::exchange(out.writing, nullptr);
    op.result = why;
    loops_[side]->ready(op);
  }
  bool has_pending_input(int side) {
    const Direction& in = directions_[1 - side];
    return failed_ || in.queued > 0 || in.fin;
  }
  /// The end is destroyed. As with TCP: unread input or later writes of the peer give it a reset.
  void close(int side, bool with_reset) {
    closed_[side] = true;
    directions_[1 - side].reading = nullptr;
    directions_[side].writing = nullptr;
    if (silent_) return;
    if (with_reset || directions_[1 - side].queued > 0) return fail();
    Direction& out = directions_[side];
    if (!out.fin) end(side);
  }

 private:
  class Wake final : public Timer {
   public:
    Wake(MemoryConnection& connection, int side) : connection_(&connection), side_(side) {}
    Wake(const Wake&) = delete;
    void on_timer() override { connection_->deliver(side_); }

   private:
    MemoryConnection* connection_;
    int side_;
  };

  bool try_read(Direction& in, Loop& loop, ReadOp& op) {
    if (!in.pieces.empty() && in.pieces.front().visible_at <= loop.now()) {
      const Bytes buffer = op.prepare();
      std::size_t wanted = buffer.size();
      if (conditions_.read_max != SIZE_MAX) {
        wanted = std::min<std::size_t>(wanted, 1 + random_.below(conditions_.read_max));
      }
      std::size_t got = 0;
      while (got < wanted && !in.pieces.empty() && in.pieces.front().visible_at <= loop.now()) {
        auto& piece = in.pieces.front();
        const std::size_t take = std::min(wanted - got, piece.bytes.size());
        std::memcpy(buffer.data() + got, piece.bytes.data(), take);
        got += take;
        if (take == piece.bytes.size()) {
          in.pieces.pop_front();
        } else {
          piece.bytes.erase(0, take);
        }
      }
      in.queued -= got;
      op.result = got;
      resume_writer(in);
      return true;
    }
    if (failed_ && (in.pieces.empty() || !in_order_)) {
      op.result = kReset;
      return true;
    }
    if (in.pieces.empty() && in.fin && in.fin_visible_at <= loop.now()) {
      op.result = std::size_t{0};
      return true;
    }
    return false;
  }

  bool try_write(int side, WriteOp& op) {
    Direction& out = directions_[side];
    if (silent_) {
      op.result = Result<void>();
      return true;
    }
    if (closed_[1 - side] && !failed_ && holds_nothing(op)) {
      // Our FIN answers the peer's: nobody resets.
      if (op.end) out.fin = true;
      op.result = Result<void>();
      return true;
    }
    if (failed_ || closed_[1 - side]) {
      if (!failed_) fail_after_what_is_on_its_way();
      op.result = kReset;
      return true;
    }
    EPAULET_ASSERT(!out.fin);
    while (out.write_index < op.buffers.size()) {
      const auto bytes = op.buffers[out.write_index].subspan(out.write_offset);
      if (bytes.empty()) {
        ++out.write_index;
        out.write_offset = 0;
        continue;
      }
      const std::size_t room = conditions_.capacity - std::min(conditions_.capacity, out.queued);
      if (room == 0) return false;
      const std::size_t take = std::min(room, bytes.size());
      out.pieces.push_back({std::string(as_text(bytes.first(take))), arrival(side)});
      out.queued += take;
      out.write_offset += take;
    }
    if (op.end) end(side);
    op.result = Result<void>();
    wake_reader(side);
    return true;
  }

  TimePoint arrival(int side) {
    auto at = loops_[side]->now();
    if (conditions_.delay_max.count() > 0) {
      at += std::chrono::nanoseconds(
          random_.below(static_cast<std::uint64_t>(conditions_.delay_max.count())));
    }
    latest_[side] = std::max(latest_[side], at);  // TCP keeps order.
    return latest_[side];
  }
  void end(int side) {
    directions_[side].fin = true;
    directions_[side].fin_visible_at = arrival(side);
    wake_reader(side);
  }
  /// The peer has closed: its reset answers our bytes, and comes behind what it had sent before.
  void fail_after_what_is_on_its_way() {
    in_order_ = true;
    fail();
  }
  static bool holds_nothing(const WriteOp& op) {
    return std::all_of(op.buffers.begin(), op.buffers.end(),
                       [](ConstBytes bytes) { return bytes.empty(); });
  }
  void fail() {
    failed_ = true;
    for (int side = 0; side < 2; ++side) {
      deliver(side);
      Direction& out = directions_[side];
      if (out.writing != nullptr) {
        WriteOp& op = *std::exchange(out.writing, nullptr);
        op.result = kReset;
        loops_[side]->ready(op);
      }
    }
  }
  void wake_reader(int writing_side) { deliver(1 - writing_side); }

  /// Completes the pending read of `side` if something is visible, else arms the timer for when it
  /// will be.
  void deliver(int side) {
    Direction& in = directions_[1 - side];
    if (in.reading == nullptr) return;
    // Taken out first: a read makes room, a waiting writer then writes, and that delivers again.
    ReadOp* op = std::exchange(in.reading, nullptr);
    if (!try_read(in, *loops_[side], *op)) {
      in.reading = op;
      return arm(side);
    }
    loops_[side]->ready(*op);
  }
  void arm(int side) {
    const Direction& in = directions_[1 - side];
    if (!in.pieces.empty()) {
      loops_[side]->timers().arm(wake_[side], in.pieces.front().visible_at);
    } else if (in.fin) {
      loops_[side]->timers().arm(wake_[side], in.fin_visible_at);
    }
  }
  void resume_writer(Direction& out) {
    if (out.writing == nullptr) return;
    const int side = &out == &directions_[0] ? 0 : 1;
    WriteOp* op = std::exchange(out.writing, nullptr);
    if (try_write(side, *op)) {
      loops_[side]->ready(*op);
    } else {
      out.writing = op;
    }
  }

  NetworkConditions conditions_;
  Random& random_;
  Loop* loops_[2];
  Direction directions_[2];
  TimePoint latest_[2]{};
  bool closed_[2] = {false, false};
  bool failed_ = false;
  bool in_order_ = false;  // The reset does not overtake bytes.
  bool silent_ = false;    // What is written is lost.
  std::set<IpAddress> ends_;
  Wake wake_[2];
  static thread_local std::set<MemoryConnection*> all_;
};

thread_local std::set<MemoryConnection*> MemoryConnection::all_;

void silence_between(IpAddress one, IpAddress other) {
  MemoryConnection::silence({one, other});
}

thread_local std::size_t MemoryStream::in_use_ = 0;

MemoryStream::MemoryStream(std::shared_ptr<MemoryConnection> connection, int side, Loop& loop,
                           Info info)
    : connection_(std::move(connection)), side_(side), loop_(loop), info_(std::move(info)) {
  ++in_use_;
}
MemoryStream::~MemoryStream() {
  --in_use_;
  connection_->close(side_, reset_);
}
bool MemoryStream::start_read(ReadOp& op) {
  return connection_->start_read(side_, op);
}
void MemoryStream::cancel_read(const Error& why) {
  connection_->cancel_read(side_, why);
}
bool MemoryStream::start_write(WriteOp& op) {
  return connection_->start_write(side_, op);
}
void MemoryStream::cancel_write(const Error& why) {
  connection_->cancel_write(side_, why);
}
void MemoryStream::reset() {
  reset_ = true;
}
bool MemoryStream::has_pending_input() {
  return connection_->has_pending_input(side_);
}

StreamPair make_stream_pair(Loop& a, Loop& b, Random& random, NetworkConditions conditions) {
  auto connection = std::make_shared<MemoryConnection>(a, b, random, conditions);
  ByteStream::Info info;
  info.local = {IpAddress::v4(0x0A000001), 1};
  info.peer = {IpAddress::v4(0x0A000002), 2};
  ByteStream::Info other;
  other.local = info.peer;
  other.peer = info.local;
  return {std::make_unique<MemoryStream>(connection, 0, a, info),
          std::make_unique<MemoryStream>(connection, 1, b, other)};
}

class MemoryListener final : public Listener {
 public:
  MemoryListener(MemoryNetwork& network, Loop& loop, SocketAddress address)
      : network_(network), loop_(loop), address_(address) {
    network_.listeners_[address_].push_back(this);
  }
  ~MemoryListener() override {
    auto& all = network_.listeners_[address_];
    all.erase(std::remove(all.begin(), all.end(), this), all.end());
  }
  bool start_accept(AcceptOp& op) override {
    if (waiting_.empty()) {
      accepting_ = &op;
      return false;
    }
    op.result = std::move(waiting_.front());
    waiting_.pop_front();
    return true;
  }
  void cancel_accept(const Error& why) override {
    if (accepting_ == nullptr) return;
    AcceptOp& op = *std::exchange(accepting_, nullptr);
    op.result = why;
    loop_.ready(op);
  }
  SocketAddress local() const override { return address_; }

  void offer(StreamPtr stream) {
    if (accepting_ == nullptr) {
      waiting_.push_back(std::move(stream));
      return;
    }
    AcceptOp& op = *std::exchange(accepting_, nullptr);
    op.result = std::move(stream);
    loop_.ready(op);
  }
  Loop& loop() { return loop_; }

 private:
  MemoryNetwork& network_;
  Loop& loop_;
  SocketAddress address_;
  std::deque<StreamPtr> waiting_;
  AcceptOp* accepting_ = nullptr;
};

class MemoryDialer final : public Dialer {
 public:
  MemoryDialer(MemoryNetwork& network, Loop& loop, IpAddress from, bool exempt)
      : network_(network), loop_(loop), from_(from), exempt_(exempt) {}

  Task<Result<StreamPtr>> dial(SocketAddress to, Scope& scope) override {
    ++network_.dials_[to];
    // A dial takes a turn, as the real one does.
    auto at = loop_.now();
    const auto delay = network_.conditions.delay_max.count();
    if (delay > 0)
      at += std::chrono::nanoseconds(network_.random_.below(static_cast<std::uint64_t>(delay)));
    const auto silent = network_.silent_.find(to);
    if (silent != network_.silent_.end() && silent->second) at += std::chrono::hours(100);
    const auto waited = co_await sleep_until(scope, at);
    if (!waited) co_return waited.error();

    const SocketAddress arrives_at = network_.divert(from_, to, exempt_);
    auto found = network_.listeners_.find(arrives_at);
    if (found == network_.listeners_.end() || found->second.empty()) {
      co_return Error(ErrorCode::connect_refused, Side::upstream, Stage::connect, Retry::safe, 111);
    }
    MemoryListener* listener = found->second[network_.next_listener_++ % found->second.size()];
    ++network_.connections_made_;
    auto connection = std::make_shared<MemoryConnection>(loop_, listener->loop(), network_.random_,
                                                         network_.conditions);
    connection->set_ends(from_, to.ip);
    ByteStream::Info ours;
    ours.local = {from_, network_.next_port_++};
    ours.peer = to;
    ByteStream::Info theirs;
    theirs.local = arrives_at;
    theirs.peer = ours.local;
    if (arrives_at != to) theirs.original_destination = to;
    listener->offer(std::make_unique<MemoryStream>(connection, 1, listener->loop(), theirs));
    co_return StreamPtr(std::make_unique<MemoryStream>(connection, 0, loop_, ours));
  }

 private:
  MemoryNetwork& network_;
  Loop& loop_;
  IpAddress from_;
  bool exempt_;
};

SocketAddress MemoryNetwork::divert(IpAddress from, SocketAddress to, bool exempt) const {
  const auto outbound = outbound_.find(from);
  if (!exempt && outbound != outbound_.end()) return outbound->second;
  const auto inbound = inbound_.find(to.ip);
  // Traffic inside one pod never passes PREROUTING; the mesh port is exempt.
  if (inbound != inbound_.end() && from != to.ip && to.port != 15008) return inbound->second;
  return to;
}

std::unique_ptr<Listener> MemoryNetwork::listen(Loop& loop, SocketAddress address) {
  return std::make_unique<MemoryListener>(*this, loop, address);
}
std::unique_ptr<Dialer> MemoryNetwork::dialer(Loop& loop, IpAddress from) {
  return std::make_unique<MemoryDialer>(*this, loop, from, false);
}
std::unique_ptr<Dialer> MemoryNetwork::exempt_dialer(Loop& loop, IpAddress from) {
  return std::make_unique<MemoryDialer>(*this, loop, from, true);
}

}  // namespace epaulet::test
