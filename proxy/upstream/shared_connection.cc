#include "upstream/shared_connection.h"

#include <algorithm>

#include "runtime/pool_allocator.h"
#include "upstream/offence.h"

namespace epaulet::upstream {
namespace {

/// A sidecar that is replaced by a newer one leaves with its connections, but keeps its address.
constexpr std::chrono::seconds kAskAgainAfter{60};

}  // namespace

/// What a stream has of its connection: it lives, and so much is taken of it. A base of the stream,
/// or a member before it, so that the stream goes first.
class SharedConnection::Place {
 public:
  explicit Place(SharedConnectionPtr shared) : shared_(std::move(shared)) { ++shared_->leases_; }
  Place(const Place&) = delete;
  Place& operator=(const Place&) = delete;
  ~Place() {
    --shared_->leases_;
    shared_->given_back();
  }
  [[nodiscard]] SharedConnection& shared() const { return *shared_; }

 private:
  SharedConnectionPtr shared_;
};

/// One exchange.
class SharedConnection::StreamLease final : public Lease, public Pooled {
 public:
  explicit StreamLease(const SharedConnectionPtr& shared)
      : Lease(shared->key_), place_(shared), stream_(shared->mux_, "http") {}
  [[nodiscard]] http::ClientStream& stream() override { return stream_; }
  Task<Result<bool>> takes_upgrades(Scope& scope) override {
    const auto heard = co_await place_.shared().settings_.wait(scope);
    if (!heard) co_return heard.error();
    co_return place_.shared().mux_.session().accepts_extended_connect();
  }

 private:
  Place place_;
  http::http2::OpenedStream stream_;
};

/// One connection that is carried.
class SharedConnection::CarriedBytes final : private Place, public http::http2::CarriedStream {
 public:
  explicit CarriedBytes(const SharedConnectionPtr& shared)
      : Place(shared), CarriedStream(shared->mux_) {}
};

SharedConnection::SharedConnection(const PoolKey& key, StreamPtr stream,
                                   const http::http2::SessionLimits& limits,
                                   resilience::ConnectionLimit::Permit permit, Scope& root,
                                   telemetry::Telemetry& telemetry)
    : key_(key),
      telemetry_(telemetry),
      stream_(std::move(stream)),
      reader_(*stream_),
      scope_(root),
      made_at_(root.loop().now()),
      permit_(std::move(permit)),
      counted_(std::in_place, telemetry, telemetry::Gauge::upstream_active),
      mux_(http::http2::Role::client, limits, *this, *stream_, reader_, scope_),
      settings_(root.loop()) {}

void SharedConnection::start(SharedPool& pool) {
  pool_ = &pool;
  scope_.loop().spawn(run(shared_from_this()));
}

Task<void> SharedConnection::run(std::shared_ptr<SharedConnection> self) {
  (void)co_await self->mux_.run(nullptr);
  self->ended_ = true;
  const auto offence = self->mux_.session().offence();
  if (offence != http::http2::Offence::none) self->telemetry_.count(counter_of(offence));
  self->settings_.set();
  self->disarm();
  self->mux_.session().abandon_streams();
  self->permit_.release();
  self->counted_.reset();
  self->pool_->forget(*self);
}

PoolKey SharedConnection::carried_key() const {
  auto key = key_;
  key.carries = false;
  return key;
}

bool SharedConnection::is_usable() const {
  return !is_retired() && !mux_.is_closing() && mux_.session().accepts_requests() &&
         leases_ < mux_.session().streams_max();
}

bool SharedConnection::is_contended() const {
  return permit_.contended() && !pool_->is_awaited(key_);
}

void SharedConnection::on_settings() {
  settings_.set();
  if (is_usable()) pool_->came_free(key_);
}

LeasePtr SharedConnection::lease() {
  disarm();
  if (counted_) counted_->go_over_to(telemetry::Gauge::upstream_active);
  auto lease = std::make_unique<StreamLease>(shared_from_this());
  lease->peer = peer;
  lease->rests_on = rests_on;
  lease->reused = served_++ > 0;
  return lease;
}

ConnectionPtr SharedConnection::carry(http::http1::HeadLimits limits,
                                      telemetry::Telemetry& telemetry) {
  disarm();
  if (counted_) counted_->go_over_to(telemetry::Gauge::upstream_active);
  auto stream = std::make_unique<CarriedBytes>(shared_from_this());
  if (!stream->open()) return nullptr;
  auto carried =
      std::make_unique<Connection>(carried_key(), std::move(stream), limits, *this, telemetry);
  carried->peer = peer;
  carried->rests_on = rests_on;
  carried->reused = served_++ > 0;
  telemetry.count(telemetry::Counter::multiplexed_outbound);
  return carried;
}

void SharedConnection::given_back() {
  if (is_usable()) pool_->came_free(key_);
  if (ended_) return;
  if (leases_ > 0) {
    // What rests in the pool shall not keep the permit from who waits for one.
    if (key_.carries && is_contended()) pool_->retire_if_idle(*this);
    return;
  }
  counted_->go_over_to(telemetry::Gauge::upstream_idle);
  // Nobody here wants it: its permit is for who waits for one.
  if (retired_ || is_contended()) {
    retire();
  } else {
    scope_.loop().timers().arm(*this, scope_.loop().now() + kIdleMax);
  }
}

void SharedConnection::retire() {
  retired_ = true;
  if (ended_ || leases_ > 0) return;
  mux_.session().shut_down(true);
  mux_.kick();
}

bool SharedPool::is_awaited(const PoolKey& key) const {
  return gate_.is_busy_at(key);
}

bool SharedPool::is_settling(const PoolKey& key) const {
  const auto found = by_key_.find(key);
  return found != by_key_.end() && std::any_of(found->second.begin(), found->second.end(),
                                               [](const auto& one) { return one->is_settling(); });
}

bool SharedPool::is_full(const PoolKey& key, TimePoint not_before) {
  bool full = false;
  waits_.for_each([&](const Wait& wait) { full = full || wait.key == key; });
  const auto found = by_key_.find(key);
  if (full || found == by_key_.end()) return full;
  return std::any_of(found->second.begin(), found->second.end(), [&](const auto& one) {
    return !one->is_retired() && one->made_at() >= not_before;
  });
}

void SharedPool::came_free(const PoolKey& key) {
  Wait* first = nullptr;
  waits_.for_each([&](Wait& wait) {
    if (first == nullptr && wait.key == key && !wait.came_free) first = &wait;
  });
  if (first == nullptr) return gate_.came_free(key);
  first->came_free = true;
  first->scope.cancel({ErrorCode::cancelled, Side::self, Stage::connect});
}

SharedConnection* SharedPool::best(const PoolKey& key, TimePoint now, TimePoint not_before) {
  const auto found = by_key_.find(key);
  if (found == by_key_.end()) return nullptr;
  SharedConnection* chosen = nullptr;
  for (const auto& connection : found->second) {
    if (now >= connection->rests_on.usable_until) connection->retire();
    if (!connection->is_usable() || connection->made_at() < not_before) continue;
    if (chosen == nullptr || connection->streams() < chosen->streams()) chosen = connection.get();
  }
  return chosen;
}

LeasePtr SharedPool::take(const PoolKey& key, TimePoint now, TimePoint not_before) {
  SharedConnection* const connection = best(key, now, not_before);
  return connection == nullptr ? nullptr : connection->lease();
}

ConnectionPtr SharedPool::carry(const PoolKey& key, TimePoint now, http::http1::HeadLimits limits,
                                telemetry::Telemetry& telemetry) {
  SharedConnection* const connection = best(key, now, TimePoint());
  return connection == nullptr ? nullptr : connection->carry(limits, telemetry);
}

void SharedPool::note_unshared(const PoolKey& key, TimePoint now) {
  std::erase_if(unshared_until_, [now](const auto& one) { return one.second <= now; });
  if (unshared_until_.size() < limits::kIdleConnectionsMax)
    unshared_until_[key] = now + kAskAgainAfter;
}

bool SharedPool::is_unshared(const PoolKey& key, TimePoint now) const {
  const auto found = unshared_until_.find(key);
  return found != unshared_until_.end() && now < found->second;
}

void SharedPool::add(SharedConnectionPtr connection) {
  by_key_[connection->key()].push_back(connection);
  connection->start(*this);
}

void SharedPool::forget(const SharedConnection& connection) {
  const auto found = by_key_.find(connection.key());
  if (found == by_key_.end()) return;
  std::erase_if(found->second, [&](const auto& one) { return one.get() == &connection; });
  if (found->second.empty()) by_key_.erase(found);
}

std::size_t SharedPool::connections() const {
  std::size_t sum = 0;
  for (const auto& [key, connections] : by_key_) sum += connections.size();
  return sum;
}

std::size_t SharedPool::idle() const {
  std::size_t sum = 0;
  for (const auto& [key, connections] : by_key_) {
    sum += static_cast<std::size_t>(
        std::count_if(connections.begin(), connections.end(),
                      [](const auto& one) { return one->streams() == 0; }));
  }
  return sum;
}

bool SharedPool::retire_idle(telemetry::StringId backend) {
  for (auto& [key, connections] : by_key_) {
    if (key.backend != backend) continue;
    for (auto& connection : connections) {
      if (retire_if_idle(*connection)) return true;
    }
  }
  return false;
}

bool SharedPool::retire_if_idle(SharedConnection& connection) {
  if (connection.is_retired()) return false;
  const auto streams = connection.streams();
  if (streams == 0 && !connection.is_usable()) return false;
  if (streams > 0 && (!connection.key().carries || pool_.carried_by(connection) < streams))
    return false;
  connection.retire();
  pool_.close_carried(connection);
  return true;
}

}  // namespace epaulet::upstream
