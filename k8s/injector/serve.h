#pragma once

#include "k8s/injector/files.h"
#include "k8s/injector/settings.h"

namespace epaulet::injector {

/// `epaulet-injector serve`.
struct ServeOptions {
  InjectorSettings settings;  ///< All but `roots`, which are in a file.
  InjectorFiles::Paths files{"/etc/epaulet-injector/certificate", "/etc/epaulet-injector/ca.pem",
                             ""};
  std::string listen = "[::]:15017";  ///< HTTPS.
  std::string status = "[::]:15027";  ///< /metrics, /ready and /live, without TLS; "": none.
  /// Seconds after SIGTERM for which it goes on: API servers are still led to it.
  std::uint32_t linger = 5;
};

/// Until SIGTERM or SIGINT; SIGHUP reads the files at once. The exit status. Its log is JSON lines
/// on standard output.
[[nodiscard]] int serve(const ServeOptions& options);

}  // namespace epaulet::injector
