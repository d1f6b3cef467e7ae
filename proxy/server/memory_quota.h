#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace epaulet::server {

/// The memory that this process and its sockets may take: the lowest limit of its control group and
/// of those above it (memory.max, or memory.limit_in_bytes of version 1). Nothing: no limit.
[[nodiscard]] std::optional<std::uint64_t> memory_quota();

/// The same of the text of /proc/self/cgroup; `read` gives the content of a file, nothing where it
/// cannot be read.
[[nodiscard]] std::optional<std::uint64_t> memory_quota(
    std::string_view groups, const std::function<std::optional<std::string>(std::string)>& read);

/// How many connections fit into the quota, at least one: more would have the kernel kill the
/// process, and with it every request; those in excess are refused instead.
[[nodiscard]] std::uint32_t connections_by_quota(std::uint64_t bytes);

}  // namespace epaulet::server
