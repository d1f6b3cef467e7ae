#pragma once

#include <cstddef>
#include <cstdint>

namespace epaulet::server {

/// What the process's descriptors are for. Together they never exceed the limit, so whoever is
/// admitted never lacks one, nor do the control thread's ports.
struct DescriptorQuota {
  std::uint32_t connections = 0;    ///< Served at once; an upstream's descriptor for each besides.
  std::size_t idle_per_worker = 0;  ///< Upstream connections in each worker's pool.
};

/// `workers`: at least one.
[[nodiscard]] DescriptorQuota share_descriptors(std::uint64_t descriptors, std::size_t workers);

}  // namespace epaulet::server
