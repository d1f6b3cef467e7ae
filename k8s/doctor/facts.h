#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "crypto/reason.h"
#include "crypto/wall_time.h"
#include "k8s/api/json_access.h"

namespace epaulet::kube {

/// What the API server said about one path.
struct Fact {
  std::uint16_t status =
      0;                 ///< 200, 403, 404 and the like; 0: it was not asked, or did not answer.
  json::value document;  ///< With 200.
  std::string why;       ///< With 0 and others: for people.

  [[nodiscard]] bool is_there() const { return status == 200; }
  [[nodiscard]] bool is_absent() const { return status == 404; }
};

/// Where facts come from: GET of a path of the API server.
class FactSource {
 public:
  virtual ~FactSource() = default;
  [[nodiscard]] virtual Fact get(const std::string& path) = 0;
  /// Each of them, in their order. A source that can asks several at once.
  [[nodiscard]] virtual std::vector<Fact> get_all(const std::vector<std::string>& paths);
};

/// What the doctor is asked about.
struct Question {
  std::string system_namespace = "epaulet-system";
  std::string ca_secret = "epaulet-ca";
  std::string name_space;  ///< Pods of this one alone; "": of all.
};

/// Everything that was heard, by path, and when. Checks read it and nothing else.
class Facts {
 public:
  explicit Facts(WallTime now) : now_(now) {}
  void put(std::string path, Fact fact) { facts_[std::move(path)] = std::move(fact); }

  [[nodiscard]] WallTime now() const { return now_; }
  /// Status 0 if nobody asked.
  [[nodiscard]] const Fact& at(std::string_view path) const;
  /// The items of a list; empty if there is none.
  [[nodiscard]] const json::array& items(std::string_view path) const;
  /// An object, if it is there.
  [[nodiscard]] const json::object* object(std::string_view path) const;

 private:
  WallTime now_;
  std::map<std::string, Fact, std::less<>> facts_;
};

namespace paths {
inline constexpr std::string_view kVersion = "/version";
inline constexpr std::string_view kNamespaces = "/api/v1/namespaces";
inline constexpr std::string_view kNodes = "/api/v1/nodes";
inline constexpr std::string_view kWebhooks =
    "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations";
inline constexpr std::string_view kLeases =
    "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases";
[[nodiscard]] std::string pods(const Question& question);
[[nodiscard]] std::string replica_sets(const Question& question);
/// What controllers said of pods that were not created, and of those that were.
[[nodiscard]] std::string failed_creates(const Question& question);
[[nodiscard]] std::string successful_creates(const Question& question);
[[nodiscard]] std::string deployments(const Question& question);
[[nodiscard]] std::string daemon_set(const Question& question);
[[nodiscard]] std::string cni_pods(const Question& question);
[[nodiscard]] std::string services(const Question& question);
[[nodiscard]] std::string endpoint_slices(const Question& question);
[[nodiscard]] std::string secret(const Question& question, std::string_view name);
[[nodiscard]] std::string config_map(std::string_view name_space, std::string_view name);
[[nodiscard]] std::string role_binding(std::string_view name);
[[nodiscard]] std::string role(std::string_view name);
}  // namespace paths

/// Before anything is installed.
[[nodiscard]] Facts gather_before(FactSource& source, const Question& question, WallTime now);
/// Of an installation and of what it serves. Lists come in pages; at most kPagesMax.
[[nodiscard]] Facts gather(FactSource& source, const Question& question, WallTime now);
inline constexpr std::size_t kPagesMax = 200;

/// `path` of members, as text; "" if there is none.
[[nodiscard]] std::string_view text_at(const json::object& in,
                                       std::initializer_list<std::string_view> path);
/// The object at `path`; null if there is none.
[[nodiscard]] const json::object* find_object(const json::object& in,
                                              std::initializer_list<std::string_view> path);
/// "NAMESPACE/NAME".
[[nodiscard]] std::string full_name(const json::object& object);

}  // namespace epaulet::kube
