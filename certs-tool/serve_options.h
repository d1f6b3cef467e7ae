#pragma once

#include <chrono>
#include <string>

#include "crypto/ca.h"

namespace epaulet::certs {

/// `epaulet-certs serve`.
struct ServeOptions {
  std::string ca_folder;
  std::string listen = "[::]:15014";  ///< HTTPS.
  std::string status = "[::]:15024";  ///< /metrics, /ready and /live, without TLS; "": none.
  std::chrono::seconds lifetime = kLeafLifetime;  ///< Of what it signs.
  /// Takes tokens of service accounts, which an API server judges.
  bool kubernetes = false;
  std::string kubernetes_api;  ///< ADDRESS:PORT; "": as the kubelet tells pods.
  std::string kubernetes_credentials = "/var/run/secrets/kubernetes.io/serviceaccount";
  std::string token_audience = "epaulet-identity";  ///< Of those tokens.
  std::uint32_t rate = 10;  ///< Connections a second from one address; four times that at once.
};

}  // namespace epaulet::certs
