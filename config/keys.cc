#include "config/keys.h"

#include <algorithm>

#include "config/binding.h"
#include "config/context.h"

namespace epaulet::config {
namespace {

constexpr Key kRootKeys[] = {
    key<&Settings::workload>("workload", kWorkload, "", "The app beside this sidecar."),
    key<&Settings::identity>("identity", kIdentity, "", "Who this workload is."),
    key<&Settings::directory>("directory", kDirectory, "",
                              "epaulet-directory, which knows the services of a Kubernetes "
                              "cluster; absent: none."),
    key<&Settings::listen>("listen", kListen, "", "The sidecar's own ports; all different."),
    key<&Settings::dns>("dns", kDns, "", "Names for the app."),
    key<&Settings::egress>("egress", kEgress, "allow",
                           "Whether the app may dial addresses that no service stands for."),
    key<&Settings::issuers>("issuers", kIssuers, "", "Issuers of bearer tokens, by name."),
    key<&Settings::api_keys>("api_keys", kApiKeys, "", "API keys that callers may show."),
    key<&Settings::roles>(
        "roles", kRoles, "",
        "Roles, by name, each a list of ways to hold it. anyone and authenticated "
        "are built in."),
    key<&Settings::access, &AccessSettings::rules>(
        "access", kAccess, "",
        "Who may do what, inbound: rules that deny are asked first, then the first rule that "
        "matches decides by its allow, and nothing falls through. What no rule allows is refused."),
    key<&Settings::access, &AccessSettings::invalid_token_status>(
        "invalid_token", kInvalidTokenStatus, "401",
        "The status that a request with an invalid token gets, 401 or 403."),
    key<&Settings::access, &AccessSettings::mode>(
        "access_mode", kAccessMode, "enforce",
        "audit: nothing is refused by access, nor for an invalid token or key; what would have "
        "been is told in log, metrics and explain."),
    key<&Settings::ingress>("ingress", kIngress, "",
                            "Whose word about clients outside of the mesh counts."),
    key<&Settings::services>("services", kServices, "", "What the app may dial, by name."),
    key<&Settings::backends>("backends", kBackends, "",
                             "What serves, by name; a service with endpoints has its own."),
    key<&Settings::timeouts>("timeouts", kTimeouts, "",
                             "How long things may take; services and routes override key by key."),
    key<&Settings::retries>("retries", kRetries, "",
                            "What is tried again; services and routes override key by key."),
    key<&Settings::rate_limits>("rate_limits", kRateLimits, "",
                                "How many requests callers of this app may make, inbound, after "
                                "access; all that match hold. Beyond them: 429."),
    key<&Settings::concurrency>(
        "concurrency", kConcurrency, "",
        "How much the app is asked at once, inbound, found from how fast it answers; beyond it: "
        "503. Absent: any number."),
    group("limits", kLimits, "How much at once; backends override key by key."),
    key<&Settings::log>("log", kLog, "", "What is written down."),
    key<&Settings::explain>("explain", kExplain, "", "What is kept for epaulet explain."),
    key<&Settings::tracing>("tracing", kTracing, "", "Traces."),
    key<&Settings::drain>("drain", kDrain, "", "How the process ends."),
    group("state", kState, "What outlives the process."),
    key<&Settings::workers>("workers", kWorkers, "",
                            "Worker threads, 1 to 64; absent: the cgroup's cpu.max, else 1."),
};

/// `access` is a list in the file, but an object of the settings.
void close_root(void* object, Context& context) {
  context.note_origin("access", static_cast<Settings*>(object)->access.origin);
}

struct FutureKey {
  std::string_view object;  ///< "": any.
  std::string_view key;
};

/// What the design promises for later versions.
constexpr FutureKey kFutureKeys[] = {
    {"service", "fallback"},   {"service", "health"},     {"backend", "health"},
    {"service", "background"}, {"service", "cluster_ip"}, {"identity", "bootstrap"},
};

/// The shapes below one key, each with its path.
void visit_shape(const std::string& path, const Shape& shape,
                 const std::function<void(const std::string&, const Key&)>& visit) {
  if (shape.map != nullptr) {
    visit_shape(path + "." + std::string(shape.map->key_noun), shape.map->value, visit);
  } else if (shape.list != nullptr) {
    visit_shape(path + "[]", shape.list->element, visit);
  } else if (shape.object != nullptr) {
    for (const Key& key : shape.object->keys) {
      const std::string key_path = (path.empty() ? "" : path + ".") + std::string(key.name);
      visit(key_path, key);
      visit_shape(key_path, key.shape, visit);
    }
  }
}

}  // namespace

const Object kRoot{"root", "Configuration of epaulet.", kRootKeys, origin_of<Settings>, close_root};

bool is_future_key(std::string_view object, std::string_view key) {
  return std::any_of(std::begin(kFutureKeys), std::end(kFutureKeys), [&](const FutureKey& future) {
    return future.key == key && (future.object.empty() || future.object == object);
  });
}

void for_each_key(const std::function<void(const std::string& path, const Key& key)>& visit) {
  visit_shape("", kRoot, visit);
}

}  // namespace epaulet::config
