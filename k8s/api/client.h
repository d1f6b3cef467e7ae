#pragma once

#include <memory>
#include <string>

#include "base/address.h"
#include "crypto/reason.h"
#include "io/dialer.h"
#include "runtime/scope.h"
#include "runtime/task.h"

namespace epaulet::http::http1 {
class ClientConnection;
}

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
  bool is_cut = false;  ///< It is longer than was asked for, and `body` has its beginning alone.
  std::string body;
};

/// An answer whose body comes piece by piece.
class ApiStream {
 public:
  ApiStream(SocketAddress address, std::unique_ptr<http::http1::ClientConnection> connection,
            std::uint16_t status);
  ~ApiStream();
  [[nodiscard]] std::uint16_t status() const { return status_; }
  /// The next piece, valid until the next call; "" at the end.
  Task<Checked<std::string_view>> pull(Scope& scope);
  /// All that is left, as far as it is not longer.
  Task<Checked<ApiAnswer>> rest(std::size_t bytes_max, Scope& scope);

 private:
  SocketAddress address_;
  std::unique_ptr<http::http1::ClientConnection> connection_;
  std::uint16_t status_;
};
using ApiStreamPtr = std::unique_ptr<ApiStream>;

/// Speaks to an API server: one connection a request, HTTPS, its certificate verified for its
/// address. A loop's own.
class ApiClient {
 public:
  static constexpr std::size_t kAnswerBytesMax = 256 * 1024;
  static constexpr std::string_view kJson = "application/json";
  /// Of objects what is in `metadata` alone.
  static constexpr std::string_view kNamesJson =
      "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1";

  /// `dialer`: outlives this.
  ApiClient(Dialer& dialer, ApiAccess access) : dialer_(dialer), access_(std::move(access)) {}

  /// A reason: there is no answer; it holds no secret. `path` and `json` live until it has ended;
  /// `scope` has the deadline.
  Task<Checked<ApiAnswer>> post(std::string_view path, std::string_view json, Scope& scope);
  /// The same with a merge patch (RFC 7386).
  Task<Checked<ApiAnswer>> patch(std::string_view path, std::string_view json, Scope& scope);
  /// `bytes_max`: of the answer, which says so if it is longer.
  Task<Checked<ApiAnswer>> get(std::string_view path, std::size_t bytes_max, Scope& scope,
                               std::string_view accept = kJson);
  /// As soon as its head is there.
  Task<Checked<ApiStreamPtr>> open(std::string_view path, Scope& scope);

 private:
  enum class Verb : std::uint8_t { get, post, patch };
  Task<Checked<ApiAnswer>> send(Verb verb, std::string_view path, std::string_view json,
                                Scope& scope);
  Task<Checked<ApiStreamPtr>> ask(Verb verb, std::string_view path, std::string_view json,
                                  Scope& scope, std::string_view accept = kJson);

  Dialer& dialer_;
  ApiAccess access_;
};

}  // namespace epaulet::kube
