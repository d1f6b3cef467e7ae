#include "enroll/connect.h"

namespace epaulet::enroll {

Task<Result<StreamPtr>> connect(Resolver& resolver, Dialer& dialer, const ServiceUrl& url,
                                Scope& within) {
  if (url.address) {
    const SocketAddress address{*url.address, url.port};
    co_return co_await dialer.dial(address, within);
  }
  const auto found = co_await resolver.resolve(url.host, within);
  if (!found) co_return found.error();
  Result<StreamPtr> last = Error(ErrorCode::connect_failed, Side::upstream, Stage::connect);
  for (const auto& ip : found->addresses) {
    const SocketAddress address{ip, url.port};
    last = co_await dialer.dial(address, within);
    if (last || within.cancelled()) co_return last;
  }
  co_return last;
}

}  // namespace epaulet::enroll
