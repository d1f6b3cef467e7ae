#pragma once

#include <string>

namespace epaulet::kube {

/// `epaulet-directory`.
struct DirectoryOptions {
  std::string listen = "[::]:15016";  ///< HTTPS.
  std::string status = "[::]:15026";  ///< /metrics, /ready and /live, without TLS; "": none.
  std::string trust_domain = "cluster.local";
  std::string kubernetes_api;  ///< ADDRESS:PORT; "": as the kubelet tells pods.
  std::string kubernetes_credentials = "/var/run/secrets/kubernetes.io/serviceaccount";
  /// Our own certificate: files (cert.pem, key.pem, ca.pem), or the identity service's.
  std::string identity_dir;
  std::string identity_service;
  std::string identity_ca;
  std::string identity_token;
};

/// Until SIGTERM or SIGINT. The exit status. Its log is JSON lines on standard output.
[[nodiscard]] int serve(const DirectoryOptions& options);

}  // namespace epaulet::kube
