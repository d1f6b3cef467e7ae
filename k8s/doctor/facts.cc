#include "k8s/doctor/facts.h"

#include <fmt/format.h>

#include <set>

#include "admin/client.h"
#include "k8s/doctor/certificates.h"
#include "k8s/doctor/checks.h"

namespace epaulet::kube {
namespace {

/// One namespace's, or all.
std::string listed(std::string_view api, std::string_view what, const std::string& name_space) {
  return name_space.empty() ? fmt::format("{}/{}", api, what)
                            : fmt::format("{}/namespaces/{}/{}", api, name_space, what);
}

std::string paged(const std::string& path) {
  return path + (path.find('?') == path.npos ? "?" : "&") + "limit=250";
}

class Gathering {
 public:
  Gathering(FactSource& source, const Question& question, WallTime now)
      : source_(source), question_(question), facts_(now) {}

  /// Whole lists, and single objects. What takes time is the way to the API server and back.
  void ask(const std::vector<std::string>& lists, const std::vector<std::string>& objects) {
    std::vector<std::string> paths;
    for (const auto& path : lists) paths.push_back(paged(path));
    paths.insert(paths.end(), objects.begin(), objects.end());
    auto told = source_.get_all(paths);
    for (std::size_t i = 0; i < lists.size(); ++i) complete(lists[i], std::move(told[i]));
    for (std::size_t i = 0; i < objects.size(); ++i)
      facts_.put(objects[i], std::move(told[lists.size() + i]));
  }

  void before() {
    ask({std::string(paths::kNamespaces), std::string(paths::kWebhooks),
         std::string(paths::kLeases)},
        {std::string(paths::kVersion), paths::secret(question_, question_.ca_secret)});
  }

  void installation() {
    ask({std::string(paths::kNamespaces), std::string(paths::kWebhooks),
         paths::deployments(question_), paths::services(question_),
         paths::endpoint_slices(question_), paths::pods(question_), paths::replica_sets(question_),
         paths::failed_creates(question_), paths::successful_creates(question_),
         std::string(paths::kLeases)},
        {std::string(paths::kVersion), paths::secret(question_, question_.ca_secret),
         paths::role_binding("epaulet-identity"), paths::role_binding("epaulet-directory"),
         paths::role("epaulet-identity"), paths::role("epaulet-directory")});
    auto named = config_maps();
    named.push_back(paths::secret(question_, serving_secret(facts_, question_)));
    std::vector<std::string> lists;
    if (is_by_cni(facts_, question_)) {
      lists = {std::string(paths::kNodes), paths::cni_pods(question_)};
      named.push_back(paths::daemon_set(question_));
    }
    ask(lists, named);
  }

  Facts take() { return std::move(facts_); }

 private:
  /// The pages behind the first.
  void complete(const std::string& path, Fact all) {
    auto* whole = all.is_there() ? all.document.if_object() : nullptr;
    for (std::size_t page = 1; whole != nullptr && page < kPagesMax; ++page) {
      const std::string next(text_at(*whole, {"metadata", "continue"}));
      if (next.empty()) break;
      Fact more = source_.get(paged(path) + "&continue=" + admin::percent_encoded(next));
      auto* rest = more.is_there() ? more.document.if_object() : nullptr;
      if (rest == nullptr) {  // A list that changed too much is begun anew, by whoever asks again.
        all.status = 0;
        all.why = more.why;
        break;
      }
      auto& items = kube::array_at(*whole, "items");
      for (auto& item : kube::array_at(*rest, "items")) items.push_back(std::move(item));
      (*whole)["metadata"] = (*rest)["metadata"];
    }
    facts_.put(path, std::move(all));
  }

  /// What pods say that they read.
  [[nodiscard]] std::vector<std::string> config_maps() const {
    constexpr std::size_t kMax = 500;
    std::set<std::string> wanted;
    for (const auto& each : facts_.items(paths::pods(question_))) {
      const auto* pod = each.if_object();
      if (pod == nullptr) continue;
      for (const auto& name : config_maps_of(*pod))
        wanted.insert(paths::config_map(text_at(*pod, {"metadata", "namespace"}), name));
    }
    std::vector<std::string> some;
    for (const auto& path : wanted) {
      if (some.size() < kMax) some.push_back(path);
    }
    return some;
  }

  FactSource& source_;
  const Question& question_;
  Facts facts_;
};

}  // namespace

std::vector<Fact> FactSource::get_all(const std::vector<std::string>& paths) {
  std::vector<Fact> facts;
  facts.reserve(paths.size());
  for (const auto& path : paths) facts.push_back(get(path));
  return facts;
}

const Fact& Facts::at(std::string_view path) const {
  static const Fact kNobodyAsked;
  const auto found = facts_.find(path);
  return found == facts_.end() ? kNobodyAsked : found->second;
}

const json::object* Facts::object(std::string_view path) const {
  const auto& fact = at(path);
  return fact.is_there() ? fact.document.if_object() : nullptr;
}

const json::array& Facts::items(std::string_view path) const {
  static const json::array kNone;
  const auto* whole = object(path);
  const auto* items = whole == nullptr ? nullptr : array_in(*whole, "items");
  return items == nullptr ? kNone : *items;
}

namespace paths {

std::string pods(const Question& question) {
  return listed("/api/v1", "pods", question.name_space);
}
std::string replica_sets(const Question& question) {
  return listed("/apis/apps/v1", "replicasets", question.name_space);
}
std::string failed_creates(const Question& question) {
  return listed("/api/v1", "events", question.name_space) + "?fieldSelector=reason%3DFailedCreate";
}
std::string successful_creates(const Question& question) {
  return listed("/api/v1", "events", question.name_space) +
         "?fieldSelector=reason%3DSuccessfulCreate";
}
std::string deployments(const Question& question) {
  return listed("/apis/apps/v1", "deployments", question.system_namespace);
}
std::string daemon_set(const Question& question) {
  return listed("/apis/apps/v1", "daemonsets/epaulet-cni", question.system_namespace);
}
/// Of all pods there: a selector would be one more thing to encode.
std::string cni_pods(const Question& question) {
  return listed("/api/v1", "pods", question.system_namespace);
}
std::string services(const Question& question) {
  return listed("/api/v1", "services", question.system_namespace);
}
std::string endpoint_slices(const Question& question) {
  return listed("/apis/discovery.k8s.io/v1", "endpointslices", question.system_namespace);
}
std::string secret(const Question& question, std::string_view name) {
  return fmt::format("/api/v1/namespaces/{}/secrets/{}", question.system_namespace, name);
}
std::string config_map(std::string_view name_space, std::string_view name) {
  return fmt::format("/api/v1/namespaces/{}/configmaps/{}", name_space, name);
}
std::string role_binding(std::string_view name) {
  return fmt::format("/apis/rbac.authorization.k8s.io/v1/clusterrolebindings/{}", name);
}

std::string role(std::string_view name) {
  return fmt::format("/apis/rbac.authorization.k8s.io/v1/clusterroles/{}", name);
}

}  // namespace paths

Facts gather_before(FactSource& source, const Question& question, WallTime now) {
  Gathering gathering(source, question, now);
  gathering.before();
  return gathering.take();
}

Facts gather(FactSource& source, const Question& question, WallTime now) {
  Gathering gathering(source, question, now);
  gathering.installation();
  return gathering.take();
}

std::string_view text_at(const json::object& in, std::initializer_list<std::string_view> path) {
  const json::object* at = &in;
  std::size_t left = path.size();
  for (const auto key : path) {
    if (--left == 0) return text_in(*at, key);
    at = object_in(*at, key);
    if (at == nullptr) return {};
  }
  return {};
}

const json::object* find_object(const json::object& in,
                                std::initializer_list<std::string_view> path) {
  const json::object* at = &in;
  for (const auto key : path) {
    at = object_in(*at, key);
    if (at == nullptr) return nullptr;
  }
  return at;
}

std::string full_name(const json::object& object) {
  return fmt::format("{}/{}", text_at(object, {"metadata", "namespace"}),
                     text_at(object, {"metadata", "name"}));
}

}  // namespace epaulet::kube
