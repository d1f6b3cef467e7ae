#include "route/fault.h"

namespace epaulet {

Fault::Fault(const FaultSettings& settings)
    : match_(std::vector<std::string>{}, {}, {}, settings.headers),
      delay_(settings.delay),
      abort_(settings.abort) {}

Fault::Injected Fault::draw(const http::RequestHead& head, bool is_grpc, double for_delay,
                            double for_abort) const {
  Injected injected;
  if (!match_.matches(head)) return injected;
  if (delay_ && for_delay < delay_->share) injected.delay = delay_->time;
  if (!abort_ || (abort_->grpc_status && !is_grpc) || for_abort >= abort_->share) return injected;
  injected.status = abort_->status.value_or(200);
  injected.grpc_status = abort_->grpc_status ? static_cast<std::uint8_t>(*abort_->grpc_status)
                                             : grpc_status_of_http(injected.status);
  return injected;
}

std::uint8_t grpc_status_of_http(std::uint16_t status) {
  const auto as = [](GrpcStatus mapped) { return static_cast<std::uint8_t>(mapped); };
  switch (status) {
    case 400:
      return as(GrpcStatus::internal);
    case 401:
      return as(GrpcStatus::unauthenticated);
    case 403:
      return as(GrpcStatus::permission_denied);
    case 404:
      return as(GrpcStatus::unimplemented);
    case 429:
    case 502:
    case 503:
    case 504:
      return as(GrpcStatus::unavailable);
    default:
      return as(GrpcStatus::unknown);
  }
}

}  // namespace epaulet
