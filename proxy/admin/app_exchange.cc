#include "admin/app_exchange.h"

#include "base/limits.h"
#include "http/http1/client_connection.h"
#include "tls/context.h"
#include "tls/stream.h"

namespace epaulet::admin {

Task<Result<StreamPtr>> AppClient::dial(SocketAddress to, bool tls, Scope& scope) {
  auto lower = co_await dialer_.dial(to, scope);
  if (!lower || !tls) co_return std::move(lower);
  if (scope.cancelled()) co_return *scope.cancelled();  // This may be gone.
  if (tls_ == nullptr) tls_ = TlsContext::for_unverified_client();
  const TlsClientOptions options;  // An address is no server name (RFC 6066 section 3).
  auto stream = TlsStream::client(std::move(*lower), tls_, options);
  const auto shaken = co_await stream->handshake(scope);
  if (!shaken) co_return shaken.error();
  co_return StreamPtr(std::move(stream));
}

Task<Result<std::unique_ptr<http::ClientStream>>> AppClient::get(SocketAddress to,
                                                                 AppRequest request,
                                                                 http::ResponseHead& response,
                                                                 Scope& scope) {
  auto stream = co_await dial(to, request.tls, scope);
  if (!stream) co_return stream.error();
  const http::http1::HeadLimits head_limits;
  auto app = std::make_unique<http::http1::ClientConnection>(std::move(*stream), head_limits);
  const std::string authority = request.host.empty() ? to.to_string() : request.host;
  http::RequestHead head;
  head.method = http::Method::get;
  head.method_text = "GET";
  head.target = request.path;
  head.path = request.path;
  head.authority = authority;
  request.lines += "Connection: close\r\n";
  app->begin_request(head, request.lines);
  const auto sent = co_await app->writer().flush(scope);
  if (!sent) co_return sent.error();
  for (std::size_t i = 0; i <= limits::kInformationalResponsesMax; ++i) {
    const auto read = co_await app->read_head(http::Method::get, response, scope);
    if (!read) co_return read.error();
    if (!response.informational()) co_return std::unique_ptr<http::ClientStream>(std::move(app));
  }
  co_return Error(ErrorCode::response_malformed, Side::upstream, Stage::receive);
}

}  // namespace epaulet::admin
