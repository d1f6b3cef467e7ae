#include "server/descriptor_quota.h"

#include <algorithm>

#include "base/limits.h"

namespace epaulet::server {
namespace {

/// Standard streams, loops, listeners, DNS sockets, files that are being read.
constexpr std::uint64_t kProcessDescriptors = 48;
constexpr std::uint64_t kWorkerDescriptors = 8;
/// Admin, metrics and health ports.
constexpr std::uint64_t kSurfaces = 3;

}  // namespace

DescriptorQuota share_descriptors(std::uint64_t descriptors, std::size_t workers) {
  const std::uint64_t control = kSurfaces * limits::kAdminConnectionsMax +
                                limits::kDnsTcpConnectionsMax + kProcessDescriptors +
                                kWorkerDescriptors * workers;
  // With a very low limit the ports of the control thread share half of it.
  const std::uint64_t left = descriptors - std::min(control, descriptors / 2);
  DescriptorQuota quota;
  quota.idle_per_worker = static_cast<std::size_t>(
      std::min<std::uint64_t>(limits::kIdleConnectionsMax, left / 4 / workers));
  const std::uint64_t in_use = left - quota.idle_per_worker * workers;
  quota.connections =
      static_cast<std::uint32_t>(std::clamp<std::uint64_t>(in_use / 2, 1, 1'000'000));
  return quota;
}

}  // namespace epaulet::server
