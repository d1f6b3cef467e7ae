#include "discovery/endpoints.h"

#include <algorithm>

#include "discovery/directory_source.h"
#include "discovery/static_source.h"

namespace epaulet {
namespace {

/// Several changes in a row become one write.
constexpr std::chrono::milliseconds kSaveDelay{200};
constexpr std::chrono::seconds kSaveRetry{5};

Endpoints::MakeSource all_kinds(Loop& loop, Resolver& resolver, DirectoryFeed& feed,
                                const std::shared_ptr<DnsLooks>& looks) {
  return [&loop, &resolver, &feed, looks](const BackendSettings& backend,
                                          Beginning beginning) -> std::unique_ptr<EndpointSource> {
    if (!backend.endpoints.directory.empty()) {
      const auto by_dns = [&loop, &resolver, looks](const BackendSettings& other) {
        Beginning nothing{first_set(nullptr, other.name, loop.wall_now())};
        return std::make_unique<DnsSource>(loop, resolver, other, std::move(nothing), looks);
      };
      return std::make_unique<DirectorySource>(loop, feed, backend, std::move(beginning), looks,
                                               by_dns);
    }
    if (backend.endpoints.dns.empty())
      return std::make_unique<StaticSource>(backend, loop.wall_now(), beginning.set->version);
    return std::make_unique<DnsSource>(loop, resolver, backend, std::move(beginning), looks);
  };
}

bool same_zones(const EndpointsSettings& a, const EndpointsSettings& b) {
  return std::equal(a.zones.begin(), a.zones.end(), b.zones.begin(), b.zones.end(),
                    [](const auto& one, const auto& other) {
                      return one.first == other.first &&
                             one.second.addresses == other.second.addresses;
                    });
}

bool same_endpoints(const EndpointsSettings& a, const EndpointsSettings& b) {
  return a.addresses == b.addresses && same_zones(a, b) && a.dns == b.dns &&
         a.directory == b.directory && a.port == b.port;
}

/// What of a backend its source goes by.
bool same_source(const BackendSettings& a, const BackendSettings& b) {
  if (!same_endpoints(a.endpoints, b.endpoints)) return false;
  // The directory's identities are held against the backend's.
  return a.endpoints.directory.empty() ||
         (a.tls.mode == b.tls.mode && a.tls.identities == b.tls.identities);
}

/// Found out, and so worth remembering.
bool is_found(const EndpointsSettings& endpoints) {
  return !endpoints.dns.empty() || !endpoints.directory.empty();
}

/// Those of another source's endpoints that this backend may use until its own source has answered.
EndpointSet usable_by(const BackendSettings& backend, const EndpointSet& of) {
  const bool is_told =
      !backend.endpoints.directory.empty() && backend.tls.mode == UpstreamTls::mesh;
  EndpointSet set = of;
  set.last_error.reset();
  set.service_addresses.clear();  // Of another Service.
  std::erase_if(set.endpoints, [&backend](const Endpoint& endpoint) {
    return !may_be_dialled(endpoint.identity ? endpoint.identity->ids.front() : "", backend);
  });
  // Where the file says who they are, what the directory said of them no longer counts.
  for (auto& endpoint : set.endpoints) {
    if (!is_told) endpoint.identity = nullptr;
  }
  return set;
}

Task<void> nothing_to_look_for() {
  co_return;
}

}  // namespace

Endpoints::Endpoints(Loop& loop, Resolver& resolver, DirectoryFeed& feed, OnChange on_change)
    : Endpoints(loop, MakeSource(), std::move(on_change)) {
  make_source_ = all_kinds(loop, resolver, feed, looks_);
}

Endpoints::Endpoints(Loop& loop, MakeSource make_source, OnChange on_change)
    : loop_(loop), make_source_(std::move(make_source)), on_change_(std::move(on_change)) {}

Endpoints::~Endpoints() {
  if (memory_.is_changed()) save();
}

void Endpoints::apply(const Settings& settings) {
  looks_->virtual_networks = {settings.dns.virtual_v4};
  if (settings.dns.virtual_v6) looks_->virtual_networks.push_back(*settings.dns.virtual_v6);
  if (state_dir_ != settings.state_dir) {
    if (memory_.is_changed()) save();
    state_dir_ = settings.state_dir;
    memory_ = EndpointMemory(settings.state_dir);
    set_storage_error(memory_.load());
    for (const auto& [name, entry] : entries_) {
      if (is_found(entry.settings.endpoints) && !entry.stands_in)
        memory_.remember(entry.settings, *entry.source->current());
    }
  }
  std::erase_if(entries_,
                [&](const auto& item) { return !settings.backends.contains(item.first); });
  const auto version = next_version_;
  for (const auto& [name, backend] : settings.backends) {
    const auto known = entries_.find(name);
    if (known == entries_.end()) {
      add(backend, nullptr, version);
    } else if (same_source(backend, known->second.settings)) {
      known->second.settings = backend;
    } else {
      // Until it is replaced: the directory forgets what nobody wants for a moment.
      const Entry replaced = std::move(known->second);
      entries_.erase(known);
      // Whom TLS has proven is not asked without it.
      const bool may_stand_in = replaced.settings.tls.mode == backend.tls.mode;
      add(backend, may_stand_in ? replaced.source->current() : nullptr, version);
    }
  }
  memory_.retain(settings.backends, loop_.wall_now());
  // Whoever has made room says so by a reload: no waiting for the next attempt.
  if (Timer::armed() && Timer::due() > loop_.now() + kSaveDelay) Timer::disarm();
  save_soon();
}

Beginning Endpoints::begin_with(const BackendSettings& backend, const EndpointSetPtr& before,
                                std::uint64_t version) const {
  const auto remembered =
      is_found(backend.endpoints) ? memory_.recall(backend, loop_.wall_now()) : nullptr;
  EndpointSet first = *first_set(remembered, backend.name, loop_.wall_now());
  Beginning beginning;
  if (remembered == nullptr && before != nullptr) {
    auto others = usable_by(backend, *before);
    beginning.stands_in = !others.endpoints.empty();
    if (beginning.stands_in) first = std::move(others);
  }
  first.version = version;
  beginning.set = std::make_shared<const EndpointSet>(std::move(first));
  return beginning;
}

void Endpoints::add(const BackendSettings& backend, const EndpointSetPtr& before,
                    std::uint64_t version) {
  auto beginning = begin_with(backend, before, version);
  Entry& entry = entries_[backend.name];
  entry.settings = backend;
  entry.stands_in = beginning.stands_in;
  entry.source = make_source_(backend, std::move(beginning));
  publish(backend.name, entry.source->current());
  entry.source->start([this, name = backend.name](EndpointSetPtr set) { changed(name, set); });
}

void Endpoints::publish(const std::string& backend, const EndpointSetPtr& set) {
  next_version_ = std::max(next_version_, set->version + 1);
  if (on_change_) on_change_(backend, set);
}

void Endpoints::changed(const std::string& backend, const EndpointSetPtr& set) {
  const auto found = entries_.find(backend);
  if (found == entries_.end()) return;
  found->second.stands_in = false;
  if (is_found(found->second.settings.endpoints)) {
    memory_.remember(found->second.settings, *set);
    save_soon();
  }
  publish(backend, set);
}

void Endpoints::save_soon() {
  if (memory_.is_changed() && !Timer::armed()) loop_.timers().arm(*this, loop_.now() + kSaveDelay);
}

void Endpoints::save() {
  const auto saved = memory_.save();
  set_storage_error(saved);
  // A full disk may be emptied: what is known stays in memory until it can be written.
  if (!saved) loop_.timers().arm(*this, loop_.now() + kSaveRetry);
}

void Endpoints::set_storage_error(const Result<void>& result) {
  const auto error = result ? std::nullopt : std::optional(result.error());
  if (error) ++storage_failures_;
  if (std::exchange(storage_error_, error) != error && on_storage_) on_storage_(error);
}

EndpointSetPtr Endpoints::find(const std::string& backend) const {
  const auto found = entries_.find(backend);
  return found == entries_.end() ? nullptr : found->second.source->current();
}

bool Endpoints::ever_had_endpoint(const std::string& backend) const {
  const auto set = find(backend);
  return set != nullptr && set->ever_had_endpoint;
}

// Not a coroutine itself, which could outlive this object.
Task<void> Endpoints::look(const std::string& backend, Scope& scope) {
  const auto found = entries_.find(backend);
  if (found != entries_.end()) return found->second.source->look(scope);
  return nothing_to_look_for();
}

std::vector<Endpoints::Status> Endpoints::snapshot() const {
  std::vector<Status> all;
  for (const auto& [name, entry] : entries_)
    all.push_back({entry.source->kind(), entry.source->current()});
  return all;
}

}  // namespace epaulet
