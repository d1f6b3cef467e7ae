#include "web/connect.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error_table.h"
#include "base/limits.h"
#include "crypto/pem_file.h"
#include "tls/stream.h"

namespace epaulet::web {
namespace {

/// Enough for one that is far away; of more addresses than fit the time, the last are not tried.
constexpr std::chrono::seconds kLeastPerAddress{1};

/// Each address has an even part of what time is left, so that one that swallows everything does
/// not use it all up.
Task<Result<StreamPtr>> dial_in_part(Dialer& dialer, SocketAddress address, std::size_t left,
                                     Scope& scope) {
  Scope part(scope);
  if (const auto end = scope.deadline()) {
    const auto now = scope.loop().now();
    const auto share = (*end - now) / static_cast<std::int64_t>(left);
    part.set_deadline(now + std::max<std::chrono::nanoseconds>(share, kLeastPerAddress),
                      {ErrorCode::connect_timeout, Side::upstream, Stage::connect});
  }
  co_return co_await dialer.dial(address, part);
}

Task<Result<StreamPtr>> dial(Seams seams, const Url& url, Scope& scope) {
  if (url.address) {
    const SocketAddress address{*url.address, url.port};
    co_return co_await seams.dialer.dial(address, scope);
  }
  const auto found = co_await seams.resolver.resolve(url.host, scope);
  if (!found) co_return found.error();
  Result<StreamPtr> last = Error(ErrorCode::connect_failed, Side::upstream, Stage::connect);
  auto left = found->addresses.size();
  for (const auto& ip : found->addresses) {
    const SocketAddress address{ip, url.port};
    last = co_await dial_in_part(seams.dialer, address, left--, scope);
    if (last || scope.cancelled()) co_return last;
  }
  co_return last;
}

Checked<std::shared_ptr<const TlsContext>> context_for(const Url& url, const std::string& ca_file) {
  if (ca_file.empty()) return TlsContext::for_web_client(std::nullopt, url.host);
  const auto text = read_pem_file(ca_file);
  if (!text) return text.error();
  auto roots = Certificate::parse_pem(*text, ca_file, limits::kBundleCertificatesMax);
  if (!roots) return roots.error();
  return TlsContext::for_web_client(std::move(*roots), url.host);
}

ConnectFailure untrusted(Reason why) {
  ConnectFailure failure;
  failure.kind = Failing::untrusted;
  failure.why = std::move(why);
  return failure;
}

}  // namespace

ConnectFailure unreachable(const Url& url, KeyNames keys, const Error& error) {
  ConnectFailure failure;
  failure.why =
      Reason(fmt::format("{} cannot be reached: {}", url.authority, describe(error.code).summary),
             error.code == ErrorCode::dns_name_unknown
                 ? fmt::format("`{}` says the full name: no search domain is tried", keys.url)
                 : fmt::format("is it up, and `{}` right?", keys.url));
  return failure;
}

Task<Connected> connect(Seams seams, const Url& url, const std::string& ca_file, KeyNames keys,
                        Scope& scope) {
  std::shared_ptr<const TlsContext> context;
  if (url.tls) {
    auto made = context_for(url, ca_file);
    if (!made) co_return untrusted(made.error());
    context = std::move(*made);
  }
  auto lower = co_await dial(seams, url, scope);
  if (!lower) co_return unreachable(url, keys, lower.error());
  if (!url.tls) co_return std::move(*lower);
  TlsClientOptions options;
  if (!url.address) options.server_name = url.host;
  auto secured = TlsStream::client(std::move(*lower), std::move(context), options);
  const auto shaken = co_await secured->handshake(scope);
  if (!shaken) {
    co_return untrusted(
        Reason(fmt::format("TLS with {} failed: {}", url.authority, secured->report().diagnosis),
               fmt::format("`{}` names the roots of a private authority", keys.ca)));
  }
  co_return StreamPtr(std::move(secured));
}

}  // namespace epaulet::web
