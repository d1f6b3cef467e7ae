#pragma once

#include <memory>
#include <string>

#include "http/message.h"
#include "http/stream.h"
#include "io/dialer.h"
#include "runtime/scope.h"
#include "runtime/task.h"

namespace epaulet {
class TlsContext;
}

namespace epaulet::admin {

/// One request of ours to the app beside this sidecar.
struct AppRequest {
  std::string path;
  std::string host;   ///< "": the address.
  std::string lines;  ///< Further fields, each with CRLF.
  bool tls = false;
};

/// Asks the app, as who stands outside may not. A connection for each request; the control thread's
/// own. It may go while its tasks wait, once their scope is cancelled.
class AppClient {
 public:
  /// `dialer`: outlives this.
  explicit AppClient(Dialer& dialer) : dialer_(dialer) {}

  /// With TLS whatever certificate the app shows: it is in the same pod, where nobody stands
  /// between.
  Task<Result<StreamPtr>> dial(SocketAddress to, bool tls, Scope& scope);

  /// GET; the final head is in `response`, and the body can be pulled.
  Task<Result<std::unique_ptr<http::ClientStream>>> get(SocketAddress to, AppRequest request,
                                                        http::ResponseHead& response, Scope& scope);

 private:
  Dialer& dialer_;
  std::shared_ptr<const TlsContext> tls_;  ///< Made when it is needed first.
};

}  // namespace epaulet::admin
