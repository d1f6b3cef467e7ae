#include "upstream/pool.h"

#include <algorithm>
#include <utility>

#include "upstream/shared_connection.h"

namespace epaulet::upstream {
namespace {

constexpr std::chrono::seconds kSweepEvery{1};
/// Younger idle connections were looked at by the reactor a moment ago: their pending read would
/// have told.
constexpr std::chrono::milliseconds kTrustedIdle{5};
constexpr std::chrono::milliseconds kKeepMin{500};
/// Connections lost in use: so many times, each within so long of the one before, and none is kept
/// for a while; then one more is enough.
constexpr unsigned kLossesMax = 3;
constexpr std::chrono::seconds kLossesApart{10};
constexpr std::chrono::seconds kNoneFor{10};
/// Of a peer that keeps so many for each that it breaks, all are kept: a dial for each exchange
/// would cost more than what is lost, and in the end all local ports.
constexpr std::uint32_t kKeptForALoss = 100;

/// Stays below what the peer is believed to allow: its clock started earlier than ours, and the FIN
/// travels. `peer_timeout` may be as long as 32 bits of seconds are: the peer says it.
std::chrono::nanoseconds below(std::chrono::nanoseconds peer_timeout) {
  return std::max<std::chrono::nanoseconds>(
      kKeepMin, std::min<std::chrono::nanoseconds>(peer_timeout - peer_timeout / 5,
                                                   peer_timeout - std::chrono::seconds(1)));
}

}  // namespace

bool Connection::is_contended() const {
  return carrier_ != nullptr ? carrier_->is_contended() : permit_.contended();
}

void Connection::on_input() {
  if (pool_ != nullptr) pool_->closed_by_peer(*this);
}

Pool::~Pool() {
  close_if([](const PoolKey&) { return true; });
}

ConnectionPtr Pool::remove(Bucket& bucket, Connection& connection) {
  connection.unlink();
  connection.pool_ = nullptr;
  --bucket.count;
  --idle_count_;
  if (!connection.is_carried()) connection.counted_.go_over_to(telemetry::Gauge::upstream_active);
  return ConnectionPtr(&connection);
}

void Pool::discard(Connection& connection) {
  remove(buckets_.at(connection.key()), connection);
}

ConnectionPtr Pool::take(const PoolKey& key, bool cautious) {
  const auto found = buckets_.find(key);
  if (found == buckets_.end()) return nullptr;
  Bucket& bucket = found->second;
  const auto now = loop_.now();
  while (!bucket.idle.empty()) {
    auto connection = remove(bucket, bucket.idle.back());
    const auto idle = now - connection->idle_since();
    const auto allowed = cautious ? bucket.keep / 2 : bucket.keep;
    // The youngest is too old already: so are all.
    if (idle > allowed || now >= connection->rests_on.usable_until) continue;
    if (!connection->http.reusable() ||
        (idle > kTrustedIdle && connection->http.stream().has_pending_input())) {
      telemetry_.count(telemetry::Counter::reuse_stale_dropped);
      continue;
    }
    connection->reused = true;
    telemetry_.count(telemetry::Counter::upstream_reused);
    return connection;
  }
  return nullptr;
}

void Pool::put(ConnectionPtr connection, bool awaited) {
  if (!connection->http.reusable() || loop_.now() >= connection->rests_on.usable_until) return;
  if (connection->is_carried() && connection->carrier_->is_retired()) return;
  if (idle_count_ >= idle_max_) return;
  if (!awaited && connection->is_contended()) return;
  if (keeps_none(connection->key())) return;
  Bucket& bucket = buckets_[connection->key()];
  ++bucket.kept;
  if (bucket.count >= limits::kIdleConnectionsPerEndpointMax) return;
  connection->http.reader().watch();
  if (!connection->http.reusable()) return;  // The FIN was there already.
  connection->idle_since_ = loop_.now();
  connection->pool_ = this;
  if (!connection->is_carried()) connection->counted_.go_over_to(telemetry::Gauge::upstream_idle);
  bucket.idle.push_back(*connection.release());
  ++bucket.count;
  ++idle_count_;
  if (!armed()) loop_.timers().arm(*this, loop_.now() + kSweepEvery);
}

bool Pool::give_back(LeasePtr lease, bool awaited) {
  Connection* const connection = lease->connection();
  if (connection == nullptr || !connection->http.reusable() || keeps_none(lease->key()))
    return false;
  (void)lease.release();
  put(ConnectionPtr(connection), awaited);
  return true;
}

void Pool::learn(const PoolKey& key, std::chrono::nanoseconds peer_timeout) {
  Bucket& bucket = buckets_[key];
  bucket.keep = std::min<std::chrono::nanoseconds>(kIdleMax, below(peer_timeout));
}

void Pool::lost_in_use(const Connection& connection) {
  Bucket& bucket = buckets_[connection.key()];
  const auto now = loop_.now();
  // What there was already at the loss before is a part of that one: a restart, say.
  if (bucket.losses > 0 && connection.idle_since() < bucket.lost) return;
  while (!bucket.idle.empty()) discard(bucket.idle.front());
  const bool is_rare = std::exchange(bucket.kept, 0) >= kKeptForALoss;
  const bool is_another = !is_rare && bucket.losses > 0 && now < bucket.lost + kLossesApart;
  bucket.losses = is_another ? bucket.losses + 1 : 1;
  bucket.lost = now;
  if (bucket.losses < kLossesMax) return;
  bucket.losses = kLossesMax - 1;
  bucket.lost = now + kNoneFor;
}

bool Pool::keeps_none(const PoolKey& key) const {
  const auto found = buckets_.find(key);
  return found != buckets_.end() && found->second.losses > 0 && loop_.now() < found->second.lost;
}

bool Pool::close_one(telemetry::StringId backend) {
  for (auto& [key, bucket] : buckets_) {
    if (key.backend != backend) continue;
    Connection* longest = nullptr;
    bucket.idle.for_each([&](Connection& one) {
      if (longest == nullptr && !one.is_carried()) longest = &one;
    });
    if (longest == nullptr) continue;
    discard(*longest);
    return true;
  }
  return false;
}

std::size_t Pool::carried_by(const SharedConnection& carrier) {
  const auto found = buckets_.find(carrier.carried_key());
  std::size_t count = 0;
  if (found == buckets_.end()) return count;
  found->second.idle.for_each([&](const Connection& one) { count += one.is_carried_by(carrier); });
  return count;
}

void Pool::close_carried(const SharedConnection& carrier) {
  const auto found = buckets_.find(carrier.carried_key());
  if (found == buckets_.end()) return;
  std::vector<Connection*> carried;
  found->second.idle.for_each([&](Connection& one) {
    if (one.is_carried_by(carrier)) carried.push_back(&one);
  });
  for (Connection* const one : carried) discard(*one);
}

void Pool::closed_by_peer(Connection& connection) {
  Bucket& bucket = buckets_.at(connection.key());
  // A close soon after the last exchange is about the peer's life, not its idle timeout.
  const auto idle = loop_.now() - connection.idle_since();
  if (idle > std::chrono::seconds(1)) bucket.keep = std::min(bucket.keep, below(idle));
  discard(connection);
}

void Pool::on_timer() {
  const auto now = loop_.now();
  for (auto it = buckets_.begin(); it != buckets_.end();) {
    Bucket& bucket = it->second;
    while (!bucket.idle.empty()) {
      Connection& oldest = bucket.idle.front();
      if (now - oldest.idle_since() <= bucket.keep && now < oldest.rests_on.usable_until) break;
      discard(oldest);
    }
    // Endpoints and trust come and go: of one without connections only what was learnt is kept.
    const bool has_lost = bucket.losses > 0 && now < bucket.lost + kLossesApart;
    const bool learnt =
        (bucket.keep < kIdleMax || has_lost) && buckets_.size() <= limits::kIdleConnectionsMax;
    it = bucket.count == 0 && !learnt ? buckets_.erase(it) : std::next(it);
  }
  if (idle_count_ > 0) loop_.timers().arm(*this, now + kSweepEvery);
}

}  // namespace epaulet::upstream
