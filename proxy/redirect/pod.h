#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/address.h"
#include "redirect/failure.h"
#include "redirect/options.h"

namespace epaulet::redirect {

struct InterfaceAddress {
  std::string interface;
  IpAddress address;
};

/// What the network namespace we run in looks like.
struct Pod {
  bool loopback_is_up = false;
  bool has_ipv6_loopback = false;           ///< ::1 can be bound, so IPv6 can be redirected to it.
  std::vector<InterfaceAddress> addresses;  ///< Of all interfaces but `lo`.
};

[[nodiscard]] OrFailure<Pod> look_at_pod();

/// The first global (neither link-local nor loopback) IPv6 address, if the pod has one.
[[nodiscard]] std::optional<InterfaceAddress> global_ipv6(const Pod& pod);

/// What makes it impossible to install `options` in this pod; nothing if it can be tried.
[[nodiscard]] std::optional<Failure> obstacle(const Pod& pod, const RedirectOptions& options);

/// Is IPv6 to be redirected and checked here?
[[nodiscard]] bool wants_ipv6(const Pod& pod, const RedirectOptions& options);

/// The loopback addresses among the `nameserver` lines of a resolv.conf (resolv.conf(5)).
[[nodiscard]] std::vector<IpAddress> loopback_nameservers(std::string_view resolv_conf);

}  // namespace epaulet::redirect
