#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "base/address.h"
#include "base/result.h"
#include "discovery/endpoint_set.h"
#include "runtime/scope.h"
#include "runtime/task.h"

namespace epaulet {

/// What a name stands for now.
struct Addresses {
  /// Never empty. Both families; sorted, without duplicates.
  std::vector<IpAddress> addresses;
  /// The smallest of all records that led here, CNAMEs included.
  std::chrono::seconds ttl{0};
  /// The query for that family was not answered: what was known of it before is still the best
  /// knowledge.
  bool v4_failed = false;
  bool v6_failed = false;
};

/// What a name's SRV records stand for now (RFC 2782).
struct ServiceEndpoints {
  /// Never empty. The targets of the lowest priority that has addresses at all, each address with
  /// its target's port and weight.
  std::vector<Endpoint> endpoints;
  /// The smallest of all records that led here.
  std::chrono::seconds ttl{0};
  /// Some target could not be asked for: what was known before may still be right.
  bool is_partial = false;
};

/// Asks the upstream DNS. A seam: dns/ puts c-ares behind it, tests a script.
class Resolver {
 public:
  virtual ~Resolver() = default;
  /// `name` is absolute, no search domain is tried. Errors:
  /// - dns_name_unknown: an authoritative no, NXDOMAIN or neither A nor AAAA;
  /// - dns_failed: no server gave a usable answer, so nothing is known;
  /// - the scope's error.
  /// The resolver may be destroyed before the task: it then ends with `cancelled` or the scope's
  /// error.
  virtual Task<Result<Addresses>> resolve(std::string name, Scope& scope) = 0;
  /// The same for SRV.
  virtual Task<Result<ServiceEndpoints>> resolve_service(std::string name, Scope& scope) = 0;
};

}  // namespace epaulet
