#pragma once

#include "base/error.h"

namespace epaulet {

/// errno of recv, send or shutdown on a connected socket.
[[nodiscard]] Error transfer_error(int error_number, Stage stage);
/// errno of connect.
[[nodiscard]] Error connect_error(int error_number);
/// errno of accept or socket.
[[nodiscard]] Error accept_error(int error_number);

}  // namespace epaulet
