#pragma once

#include <cstddef>
#include <string_view>

namespace epaulet::server {

/// Workers that the cgroup's CPU quota pays for: `cpu.max` rounded up, at least 1; 1 without a
/// quota. Never the host's cores: a small pod on a large node must not idle on all of them.
[[nodiscard]] std::size_t workers_by_quota();
/// The same from the text of `cpu.max`: "200000 100000" or "max 100000".
[[nodiscard]] std::size_t workers_by_quota(std::string_view cpu_max);

}  // namespace epaulet::server
