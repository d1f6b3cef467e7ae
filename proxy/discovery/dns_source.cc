#include "discovery/dns_source.h"

#include <algorithm>
#include <optional>

#include "base/limits.h"
#include "discovery/current_set.h"
#include "discovery/look_schedule.h"
#include "discovery/look_signal.h"

namespace epaulet {
namespace {

/// What a look has found, and of which families it could not say all.
struct Found {
  std::vector<Endpoint> endpoints;
  std::chrono::seconds ttl{0};
  bool v4_failed = false;
  bool v6_failed = false;
};

Result<Found> found_by_addresses(const Result<Addresses>& answer, std::uint16_t port) {
  if (!answer) return answer.error();
  Found found{{}, answer->ttl, answer->v4_failed, answer->v6_failed};
  for (const auto& ip : answer->addresses) found.endpoints.push_back({SocketAddress{ip, port}});
  return found;
}

Result<Found> found_by_service(const Result<ServiceEndpoints>& answer) {
  if (!answer) return answer.error();
  return Found{answer->endpoints, answer->ttl, answer->is_partial, answer->is_partial};
}

/// The endpoints that `found` stands for. A family that was not answered keeps those of `before`.
std::vector<Endpoint> merge(const Found& found, const std::vector<Endpoint>& before) {
  auto endpoints = found.endpoints;
  for (const auto& endpoint : before) {
    const bool is_best_knowledge = endpoint.address.ip.is_v4() ? found.v4_failed : found.v6_failed;
    if (is_best_knowledge) endpoints.push_back(endpoint);
  }
  // Of two weights the newer one counts, which stands first.
  const auto by_address = [](const Endpoint& a, const Endpoint& b) {
    return a.address < b.address;
  };
  const auto same = [](const Endpoint& a, const Endpoint& b) { return a.address == b.address; };
  std::stable_sort(endpoints.begin(), endpoints.end(), by_address);
  endpoints.erase(std::unique(endpoints.begin(), endpoints.end(), same), endpoints.end());
  if (endpoints.size() > limits::kEndpointsPerBackendMax)
    endpoints.resize(limits::kEndpointsPerBackendMax);
  return endpoints;
}

bool is_multicast(const IpAddress& ip) {
  return ip.is_v4() ? (ip.to_v4() >> 28) == 0xe : ip.bytes()[0] == 0xff;
}

}  // namespace

bool DnsLooks::may_be_endpoint(const IpAddress& address) const {
  constexpr std::uint32_t kBroadcast = 0xffffffff;
  if (address.is_loopback() || address.is_unspecified() || is_multicast(address)) return false;
  if (address.is_v4() && address.to_v4() == kBroadcast) return false;
  return std::none_of(virtual_networks.begin(), virtual_networks.end(),
                      [&address](const IpNetwork& network) { return network.contains(address); });
}

struct DnsSource::State final : private Timer, std::enable_shared_from_this<State> {
  State(Loop& loop_, Resolver& resolver_, const BackendSettings& of, Beginning beginning,
        std::shared_ptr<DnsLooks> looks_)
      : loop(loop_),
        resolver(resolver_),
        backend(of.name),
        name(of.endpoints.dns),
        port(of.endpoints.port),
        looks(std::move(looks_)),
        scope(loop_),
        current(std::move(beginning)) {}

  void begin_look();
  void finish(Result<Found> found);
  void refuse_unusable(Result<Found>& found);
  void publish(std::vector<Endpoint> endpoints, std::optional<Error> last_error);
  void look_in(LookSchedule::Interval interval);
  void stop();
  [[nodiscard]] bool may_look_on_demand() const {
    return !looked_at || loop.now() >= *looked_at + LookSchedule::kOnDemand;
  }
  static Task<void> run_look(std::shared_ptr<State> state);
  static Task<void> look_and_wait(std::shared_ptr<State> state, Scope& scope);

  Loop& loop;
  Resolver& resolver;
  const std::string backend;
  const std::string name;
  const std::uint16_t port;  // 0: SRV.
  std::shared_ptr<DnsLooks> looks;
  Scope scope;
  LookSignal look_ended;
  LookSchedule schedule;
  CurrentSet current;
  OnChange on_change;
  std::optional<TimePoint> looked_at;
  bool looking = false;
  bool stopped = false;

 private:
  void on_timer() override;
};

void DnsSource::State::on_timer() {
  if (looking) return;
  if (looks->taken >= limits::kLooksMax) {
    const auto delay = std::chrono::milliseconds(20 + loop.random().below(30));
    loop.timers().arm(*this, loop.now() + delay);
    return;
  }
  begin_look();
}

void DnsSource::State::begin_look() {
  looking = true;
  looked_at = loop.now();
  ++looks->taken;
  loop.spawn(run_look(shared_from_this()));
}

Task<void> DnsSource::State::run_look(std::shared_ptr<State> state) {
  // Gives the slot back also when the loop destroys this frame.
  struct Slot {
    explicit Slot(std::shared_ptr<DnsLooks> looks_) : looks(std::move(looks_)) {}
    Slot(const Slot&) = delete;
    Slot& operator=(const Slot&) = delete;
    ~Slot() { --looks->taken; }
    std::shared_ptr<DnsLooks> looks;
  } slot(state->looks);
  Scope scope(state->scope);
  Result<Found> found = Error(ErrorCode::cancelled, Side::self, Stage::resolve);
  if (state->port == 0) {
    const auto answer = co_await state->resolver.resolve_service(state->name, scope);
    found = found_by_service(answer);
  } else {
    const auto answer = co_await state->resolver.resolve(state->name, scope);
    found = found_by_addresses(answer, state->port);
  }
  if (!state->stopped) state->finish(std::move(found));
}

void DnsSource::State::refuse_unusable(Result<Found>& found) {
  std::erase_if(found->endpoints, [this](const Endpoint& endpoint) {
    const auto& ip = endpoint.address.ip;
    if (looks->may_be_endpoint(ip)) return false;
    ++looks->addresses_refused;
    if (looks->on_refused) looks->on_refused(backend, ip);
    return true;
  });
  if (found->endpoints.empty())
    found = Error(ErrorCode::dns_failed, Side::upstream, Stage::resolve, Retry::safe);
}

void DnsSource::State::finish(Result<Found> found) {
  looking = false;
  if (found) refuse_unusable(found);
  if (found) {
    ++looks->answered;
    const bool partial = found->v4_failed || found->v6_failed;
    look_in(schedule.after_success(found->ttl, partial));
    publish(merge(*found, current.last_good()), std::nullopt);
  } else if (found.error().code == ErrorCode::dns_name_unknown) {
    ++looks->unknown;
    look_in(schedule.after_negative(current.ever_had_endpoint()));
    if (schedule.negative_is_confirmed()) {
      publish({}, found.error());
    } else {
      publish(current.last_good(), found.error());
    }
  } else {
    ++looks->failed;
    look_in(schedule.after_failure());
    publish(current.last_good(), found.error());
  }
  look_ended.wake_all();
}

void DnsSource::State::publish(std::vector<Endpoint> endpoints, std::optional<Error> last_error) {
  const bool is_news = current.change(std::move(endpoints), last_error, {}, loop.wall_now());
  if (is_news && on_change) on_change(current.get());
}

void DnsSource::State::look_in(LookSchedule::Interval interval) {
  const auto share = 1.0 + 0.1 * loop.random().unit();
  loop.timers().arm(
      *this, loop.now() + std::chrono::duration_cast<std::chrono::nanoseconds>(interval * share));
}

void DnsSource::State::stop() {
  stopped = true;
  Timer::disarm();
  on_change = nullptr;
  const Error gone(ErrorCode::cancelled, Side::self, Stage::resolve);
  scope.cancel(gone);
  look_ended.wake_all();
}

Task<void> DnsSource::State::look_and_wait(std::shared_ptr<State> state, Scope& scope) {
  if (!state->stopped && !state->looking && state->may_look_on_demand()) state->begin_look();
  if (state->looking && !state->stopped) (void)co_await state->look_ended.wait(scope);
}

DnsSource::DnsSource(Loop& loop, Resolver& resolver, const BackendSettings& backend,
                     Beginning beginning, std::shared_ptr<DnsLooks> looks)
    : state_(std::make_shared<State>(loop, resolver, backend, std::move(beginning),
                                     std::move(looks))) {}

DnsSource::~DnsSource() {
  state_->stop();
}

EndpointSetPtr DnsSource::current() const {
  return state_->current.get();
}

void DnsSource::start(OnChange on_change) {
  state_->on_change = std::move(on_change);
  state_->look_in(LookSchedule::Interval{0});
}

Task<void> DnsSource::look(Scope& scope) {
  return State::look_and_wait(state_, scope);
}

}  // namespace epaulet
