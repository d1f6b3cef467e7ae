#include "k8s/api/client.h"

#include <cstdlib>

#include "base/error_table.h"
#include "base/limits.h"
#include "crypto/pem_file.h"
#include "http/http1/client_connection.h"
#include "tls/stream.h"

namespace epaulet::kube {
namespace {

constexpr std::size_t kRootsMax = 64;

Reason unreachable(const SocketAddress& address, const Error& error) {
  return Reason("the API server " + address.to_string() +
                    " cannot be reached: " + std::string(describe(error.code).summary),
                "is it up, and may this pod dial it?");
}

Checked<std::string> read_token(const std::string& path) {
  auto text = read_pem_file(path);
  if (!text) return text.error();
  while (!text->empty() && static_cast<unsigned char>(text->back()) <= ' ') text->pop_back();
  for (const char c : *text) {
    if (c <= ' ' || c > '~') text->clear();  // Nothing that a header could be split by.
    if (text->empty()) break;
  }
  if (text->empty()) return Reason(path + " holds no token", "mount the service account's token");
  return text;
}

}  // namespace

Checked<SocketAddress> api_address(const std::string& text) {
  std::string wanted = text;
  if (wanted.empty()) {
    const char* host = std::getenv("KUBERNETES_SERVICE_HOST");
    const char* port = std::getenv("KUBERNETES_SERVICE_PORT");
    if (host == nullptr || port == nullptr)
      return Reason(
          "there is no KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT in the "
          "environment",
          "run in a pod, or say where the API server is: --kubernetes-api 10.96.0.1:443");
    const std::string name = host;
    wanted = name.find(':') == name.npos ? name + ":" + port : "[" + name + "]:" + port;
  }
  const auto address = SocketAddress::parse(wanted);
  if (!address)
    return Reason(wanted + " is no address with a port",
                  "for example 10.96.0.1:443 or [fd00::1]:443");
  return *address;
}

ApiStream::ApiStream(SocketAddress address,
                     std::unique_ptr<http::http1::ClientConnection> connection,
                     std::uint16_t status)
    : address_(address), connection_(std::move(connection)), status_(status) {}

ApiStream::~ApiStream() = default;

Task<Checked<std::string_view>> ApiStream::pull(Scope& scope) {
  auto& body = connection_->body();
  while (!body.complete()) {
    const auto chunk = co_await body.pull(scope);
    if (!chunk) co_return unreachable(address_, chunk.error());
    if (chunk->bytes.empty()) continue;
    co_return std::string_view(reinterpret_cast<const char*>(chunk->bytes.data()),
                               chunk->bytes.size());
  }
  co_return std::string_view();
}

Task<Checked<ApiAnswer>> ApiStream::rest(std::size_t bytes_max, Scope& scope) {
  ApiAnswer answer;
  answer.status = status_;
  while (!answer.is_cut) {
    const auto piece = co_await pull(scope);
    if (!piece) co_return piece.error();
    if (piece->empty()) break;
    answer.is_cut = answer.body.size() + piece->size() > bytes_max;
    if (!answer.is_cut) answer.body.append(*piece);
  }
  co_return std::move(answer);
}

Task<Checked<ApiAnswer>> ApiClient::post(std::string_view path, std::string_view json,
                                         Scope& scope) {
  return send(Verb::post, path, json, scope);
}

Task<Checked<ApiAnswer>> ApiClient::patch(std::string_view path, std::string_view json,
                                          Scope& scope) {
  return send(Verb::patch, path, json, scope);
}

Task<Checked<ApiAnswer>> ApiClient::send(Verb verb, std::string_view path, std::string_view json,
                                         Scope& scope) {
  const auto stream = co_await ask(verb, path, json, scope);
  if (!stream) co_return stream.error();
  auto answer = co_await (*stream)->rest(kAnswerBytesMax, scope);
  if (answer && answer->is_cut)
    co_return Reason("the answer of the API server is too long", "is another server there?");
  co_return std::move(answer);
}

Task<Checked<ApiAnswer>> ApiClient::get(std::string_view path, std::size_t bytes_max, Scope& scope,
                                        std::string_view accept) {
  const auto stream = co_await ask(Verb::get, path, {}, scope, accept);
  if (!stream) co_return stream.error();
  co_return co_await (*stream)->rest(bytes_max, scope);
}

Task<Checked<ApiStreamPtr>> ApiClient::open(std::string_view path, Scope& scope) {
  return ask(Verb::get, path, {}, scope);
}

Task<Checked<ApiStreamPtr>> ApiClient::ask(Verb verb, std::string_view path, std::string_view json,
                                           Scope& scope, std::string_view accept) {
  const auto token = read_token(access_.token_file);
  if (!token) co_return token.error();
  const auto pem = read_pem_file(access_.ca_file);
  if (!pem) co_return pem.error();
  auto roots = Certificate::parse_pem(*pem, access_.ca_file, kRootsMax);
  if (!roots) co_return roots.error();
  const auto host = access_.address.ip.to_string();
  auto context = TlsContext::for_web_client(std::move(*roots), host);
  if (!context) co_return context.error();

  auto lower = co_await dialer_.dial(access_.address, scope);
  if (!lower) co_return unreachable(access_.address, lower.error());
  const TlsClientOptions options;  // An address is no server name (RFC 6066 section 3).
  auto stream = TlsStream::client(std::move(*lower), std::move(*context), options);
  auto& tls = *stream;
  const auto shaken = co_await tls.handshake(scope);
  if (!shaken) {
    co_return Reason("TLS with the API server " + access_.address.to_string() +
                         " failed: " + tls.report().diagnosis,
                     "does " + access_.ca_file + " belong to it?");
  }
  const http::http1::HeadLimits head_limits;
  auto connection = std::make_unique<http::http1::ClientConnection>(std::move(stream), head_limits);
  const std::string authority = access_.address.to_string();
  http::RequestHead request;
  request.method_text = verb == Verb::get ? "GET" : verb == Verb::post ? "POST" : "PATCH";
  request.method = http::method_of(request.method_text);
  request.target = path;
  request.path = path;
  request.authority = authority;
  if (verb != Verb::get) {
    request.framing = {http::Framing::Kind::length, json.size()};
    request.added.add("Content-Type",
                      verb == Verb::post ? "application/json" : "application/merge-patch+json");
    request.added.add("Content-Length", std::to_string(json.size()));
  }
  request.added.add("Accept", accept);
  request.added.add("Authorization", "Bearer " + *token);
  connection->begin_request(request, "User-Agent: epaulet\r\nConnection: close\r\n");
  const http::Chunk all(verb == Verb::get ? ConstBytes() : as_bytes(json), true);
  const auto sent = co_await connection->writer().push(all, scope);
  if (!sent) co_return unreachable(access_.address, sent.error());
  http::ResponseHead response;
  for (;;) {
    const auto head = co_await connection->read_head(request.method, response, scope);
    if (!head) co_return unreachable(access_.address, head.error());
    if (!response.informational()) break;
  }
  co_return std::make_unique<ApiStream>(access_.address, std::move(connection), response.status);
}

}  // namespace epaulet::kube
