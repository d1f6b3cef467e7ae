#include "k8s/cni/fate.h"

#include "k8s/api/json_access.h"

namespace epaulet::cni {
namespace {

bool is_refusal(std::uint16_t status) {
  return status == 401 || status == 403;
}

}  // namespace

bool is_for_good(std::uint16_t status, const boost::json::value& daemon_set, bool could_ask) {
  if (status == 404) return true;
  if (is_refusal(status)) return could_ask;
  const auto* object = status == 200 ? daemon_set.if_object() : nullptr;
  const auto* metadata = object == nullptr ? nullptr : kube::object_in(*object, "metadata");
  return metadata != nullptr && !kube::text_in(*metadata, "deletionTimestamp").empty();
}

bool is_for_good(const std::function<Said()>& ask, bool could_ask,
                 const std::function<void()>& pause) {
  Said said = ask();
  for (int asks = 1; asks < kAsksMax && could_ask && is_refusal(said.status); ++asks) {
    pause();
    said = ask();
  }
  return is_for_good(said.status, said.document, could_ask);
}

}  // namespace epaulet::cni
