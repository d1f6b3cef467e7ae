#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/address.h"
#include "config/settings.h"
#include "http/message.h"
#include "policy/roles.h"

namespace epaulet {

/// Whose word about clients outside of the mesh counts (`ingress` of the configuration). Immutable;
/// asking allocates nothing.
class Ingress {
 public:
  Ingress() = default;  ///< Nobody's.
  explicit Ingress(const IngressSettings& settings);

  /// `peer`: a proven SPIFFE ID; "" is trusted by nobody.
  [[nodiscard]] bool trusts(std::string_view peer) const;
  /// Whether an identity field may pass where an ingress vouches for it. In any case, but in no
  /// other spelling: what an ingress lets through of its client must not become it.
  [[nodiscard]] bool passes(std::string_view field) const;
  /// Whether trusted ingresses name their clients, so that a request without is refused.
  [[nodiscard]] bool names_clients() const { return field_ != ClientAddressField::none; }
  /// The client of a request from a trusted ingress. Nothing: it names none, not so many as `hops`
  /// says, or something that is no address. Fields that are removed do not count.
  [[nodiscard]] std::optional<IpAddress> client_of(const http::RequestHead& head) const;

 private:
  std::vector<IdentityPattern> trusted_;
  std::vector<std::string> passing_;
  ClientAddressField field_ = ClientAddressField::none;
  std::size_t hops_ = 1;
};

/// "x-forwarded-for" and the like; "" for none.
[[nodiscard]] std::string_view name_of(ClientAddressField field);

}  // namespace epaulet
