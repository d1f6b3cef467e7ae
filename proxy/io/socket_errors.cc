#include "io/socket_errors.h"

#include <cerrno>

namespace epaulet {

Error transfer_error(int error_number, Stage stage) {
  switch (error_number) {
    case ECONNRESET:
    case EPIPE:
    case ECONNABORTED:
    case ENOTCONN:
      return {ErrorCode::upstream_reset, Side::self, stage, Retry::if_idempotent, error_number};
    default:
      return {ErrorCode::io_failed, Side::self, stage, Retry::if_idempotent, error_number};
  }
}

Error connect_error(int error_number) {
  auto code = ErrorCode::connect_failed;
  switch (error_number) {
    case ECONNREFUSED:
      code = ErrorCode::connect_refused;
      break;
    case ENETUNREACH:
    case EHOSTUNREACH:
    case ENETDOWN:
    case EHOSTDOWN:
    case EADDRNOTAVAIL:
    case EACCES:
    case EPERM:
    case EAFNOSUPPORT:
      code = ErrorCode::connect_unreachable;
      break;
    case ETIMEDOUT:
      code = ErrorCode::connect_timeout;
      break;
    case EMFILE:
    case ENFILE:
      code = ErrorCode::descriptors_exhausted;
      break;
    case ENOBUFS:
    case ENOMEM:
      code = ErrorCode::memory_exhausted;
      break;
    default:
      break;
  }
  return {code, Side::upstream, Stage::connect, Retry::safe, error_number};
}

Error accept_error(int error_number) {
  auto code = ErrorCode::io_failed;
  if (error_number == EMFILE || error_number == ENFILE) code = ErrorCode::descriptors_exhausted;
  if (error_number == ENOBUFS || error_number == ENOMEM) code = ErrorCode::memory_exhausted;
  return {code, Side::self, Stage::accept, Retry::never, error_number};
}

}  // namespace epaulet
