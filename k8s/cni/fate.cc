#include "k8s/cni/fate.h"

#include "k8s/api/json_access.h"

namespace epaulet::cni {

bool is_for_good(std::uint16_t status, const boost::json::value& daemon_set, bool could_ask) {
  if (status == 404) return true;
  if (status == 401 || status == 403) return could_ask;
  const auto* object = status == 200 ? daemon_set.if_object() : nullptr;
  const auto* metadata = object == nullptr ? nullptr : kube::object_in(*object, "metadata");
  return metadata != nullptr && !kube::text_in(*metadata, "deletionTimestamp").empty();
}

}  // namespace epaulet::cni
