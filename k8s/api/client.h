#pragma once

#include <string>

#include "base/address.h"
#include "crypto/reason.h"
#include "io/dialer.h"
#include "runtime/scope.h"
#include "runtime/task.h"

namespace epaulet::kube {

/// Where an API server is, and how one proves who one is to it. The files are those that pods have
/// of their service account; they are read for each request, since the kubelet renews them.
struct ApiAccess {
  SocketAddress address;
  std::string ca_file = "/var/run/secrets/kubernetes.io/serviceaccount/ca.crt";
  std::string token_file = "/var/run/secrets/kubernetes.io/serviceaccount/token";
};

/// A reason: `text` is no ADDRESS:PORT; "" is what the kubelet has put into our environment, and
/// that is not there.
[[nodiscard]] Checked<SocketAddress> api_address(const std::string& text);

struct ApiAnswer {
  std::uint16_t status = 0;
  std::string body;
};

/// Speaks to an API server: one connection a request, HTTPS, its certificate verified for its
/// address. A loop's own.
class ApiClient {
 public:
  static constexpr std::size_t kAnswerBytesMax = 256 * 1024;

  /// `dialer`: outlives this.
  ApiClient(Dialer& dialer, ApiAccess access) : dialer_(dialer), access_(std::move(access)) {}

  /// A reason: there is no answer; it holds no secret. `path` and `json` live until it has ended;
  /// `scope` has the deadline.
  Task<Checked<ApiAnswer>> post(std::string_view path, std::string_view json, Scope& scope);

 private:
  Dialer& dialer_;
  ApiAccess access_;
};

}  // namespace epaulet::kube
