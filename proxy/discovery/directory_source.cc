#include "discovery/directory_source.h"

#include <algorithm>
#include <map>
#include <optional>

#include "base/limits.h"
#include "discovery/current_set.h"
#include "discovery/look_signal.h"

namespace epaulet {
namespace {

bool is_among(const std::vector<std::string>& identities, const std::string& identity) {
  return std::find(identities.begin(), identities.end(), identity) != identities.end();
}

/// Nothing: it cannot be dialled.
std::optional<Endpoint> as_endpoint(const ServiceView::Endpoint& from, std::uint16_t port,
                                    const UpstreamTlsSettings& tls) {
  Endpoint endpoint(SocketAddress{from.address, port}, 1, nullptr, from.zone);
  endpoint.for_zones = from.for_zones;
  if (tls.mode != UpstreamTls::mesh) return endpoint;
  if (from.identity.empty()) return std::nullopt;
  if (!tls.identities.empty() && !is_among(tls.identities, from.identity)) return std::nullopt;
  endpoint.identity = std::make_shared<const EndpointIdentity>(from.identity);
  return endpoint;
}

/// The endpoints' port for the service's `wanted`; 0: there is none.
std::uint16_t port_of(const ServiceView& view, const ServiceView::Group& group,
                      std::uint16_t wanted) {
  const auto found = group.ports.find(wanted);
  if (found != group.ports.end()) return found->second;
  // A headless Service need not name ports.
  return view.is_headless && view.ports.empty() ? wanted : 0;
}

}  // namespace

std::vector<Endpoint> endpoints_in(const ServiceView& view, const BackendSettings& backend,
                                   DnsLooks& looks) {
  std::vector<Endpoint> ready;
  std::vector<Endpoint> ending;
  for (const auto& group : view.groups) {
    const auto port = port_of(view, group, backend.endpoints.port);
    if (port == 0) continue;
    for (const auto& each : group.endpoints) {
      if (!each.ready && !(each.serving && each.terminating)) continue;
      if (!looks.may_be_endpoint(each.address)) {
        ++looks.addresses_refused;
        if (looks.on_refused) looks.on_refused(backend.name, each.address);
        continue;
      }
      auto endpoint = as_endpoint(each, port, backend.tls);
      if (endpoint) (each.ready ? ready : ending).push_back(std::move(*endpoint));
    }
  }
  auto& chosen = ready.empty() ? ending : ready;
  std::stable_sort(chosen.begin(), chosen.end());
  const auto same = [](const Endpoint& a, const Endpoint& b) { return a.address == b.address; };
  chosen.erase(std::unique(chosen.begin(), chosen.end(), same), chosen.end());
  if (chosen.size() > limits::kEndpointsPerBackendMax)
    chosen.resize(limits::kEndpointsPerBackendMax);
  return std::move(chosen);
}

struct DirectorySource::State final : private Timer, DirectoryFeed::Listener {
  State(Loop& loop_, DirectoryFeed& feed, const BackendSettings& backend_, Beginning beginning,
        std::shared_ptr<DnsLooks> looks_, MakeDnsSource make_dns_source_)
      : Listener(feed, backend_.endpoints.directory),
        loop(loop_),
        backend(backend_),
        looks(std::move(looks_)),
        make_dns_source(std::move(make_dns_source_)),
        current(std::move(beginning)) {
    if (!current.stands_in()) service_addresses = current.get()->service_addresses;
  }

  void start();
  void on_view(const ServiceViewPtr& view) override;
  void ask_dns(const std::string& name);
  void take_from_dns(const EndpointSet& set);
  void publish(std::vector<Endpoint> endpoints, std::optional<Error> last_error);
  void stop();
  static Task<void> wait_for_first(std::shared_ptr<State> state, Scope& scope);

  Loop& loop;
  const BackendSettings backend;
  std::shared_ptr<DnsLooks> looks;
  MakeDnsSource make_dns_source;
  std::unique_ptr<EndpointSource> dns;  ///< While the directory has not answered, or sends there.
  std::string dns_name;
  LookSignal heard;
  CurrentSet current;
  std::vector<IpAddress> service_addresses;  ///< Of the next set.
  OnChange on_change;
  bool is_patient = true;
  bool stopped = false;

 private:
  void on_timer() override;
};

void DirectorySource::State::start() {
  if (const auto known = view()) return on_view(known);
  loop.timers().arm(*this, loop.now() + kPatience);
}

void DirectorySource::State::on_timer() {
  is_patient = false;
  heard.wake_all();
  // What the directory told an earlier process is better than what DNS knows: pods and their
  // identities instead of one address for all of them.
  const bool knows_some = !current.last_good().empty();
  if (!knows_some && !backend.endpoints.dns.empty()) return ask_dns(backend.endpoints.dns);
  if (current.stands_in()) publish({}, std::nullopt);
}

void DirectorySource::State::on_view(const ServiceViewPtr& view) {
  if (stopped || !on_change) return;
  Timer::disarm();
  is_patient = false;
  service_addresses = view->cluster_ips;
  std::erase_if(service_addresses,
                [this](const auto& address) { return !looks->may_be_endpoint(address); });
  if (!view->external_name.empty()) {
    ask_dns(view->external_name);
  } else {
    dns.reset();
    dns_name.clear();
    const Error unknown(ErrorCode::dns_name_unknown, Side::upstream, Stage::resolve, Retry::safe);
    publish(endpoints_in(*view, backend, *looks),
            view->is_absent ? std::optional(unknown) : std::nullopt);
  }
  heard.wake_all();
}

void DirectorySource::State::ask_dns(const std::string& name) {
  if (dns && dns_name == name) return;
  auto other = backend;
  other.endpoints.directory.clear();
  other.endpoints.dns = dns_name = name;
  dns = make_dns_source(other);
  dns->start([this](EndpointSetPtr set) { take_from_dns(*set); });
}

/// Beside what was remembered, an answer that brings nothing is none.
void DirectorySource::State::take_from_dns(const EndpointSet& set) {
  const bool says_nothing = set.last_error && set.endpoints.empty();
  publish(says_nothing ? current.last_good() : set.endpoints, set.last_error);
}

void DirectorySource::State::publish(std::vector<Endpoint> endpoints,
                                     std::optional<Error> last_error) {
  const bool is_news =
      current.change(std::move(endpoints), last_error, service_addresses, loop.wall_now());
  if (is_news && on_change) on_change(current.get());
}

void DirectorySource::State::stop() {
  stopped = true;
  Timer::disarm();
  dns.reset();
  on_change = nullptr;
  leave();
  heard.wake_all();
}

/// What comes later is told unasked: only for the first word there is something to wait for.
Task<void> DirectorySource::State::wait_for_first(std::shared_ptr<State> state, Scope& scope) {
  if (state->stopped) co_return;
  if (state->dns) co_return co_await state->dns->look(scope);
  if (state->is_patient) (void)co_await state->heard.wait(scope);
}

DirectorySource::DirectorySource(Loop& loop, DirectoryFeed& feed, const BackendSettings& backend,
                                 Beginning beginning, std::shared_ptr<DnsLooks> looks,
                                 MakeDnsSource make_dns_source)
    : state_(std::make_shared<State>(loop, feed, backend, std::move(beginning), std::move(looks),
                                     std::move(make_dns_source))) {}

DirectorySource::~DirectorySource() {
  state_->stop();
}

EndpointSetPtr DirectorySource::current() const {
  return state_->current.get();
}

void DirectorySource::start(OnChange on_change) {
  state_->on_change = std::move(on_change);
  state_->start();
}

Task<void> DirectorySource::look(Scope& scope) {
  return State::wait_for_first(state_, scope);
}

}  // namespace epaulet
