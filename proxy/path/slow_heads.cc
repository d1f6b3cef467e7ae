#include "path/slow_heads.h"

namespace epaulet::path {

Duration SlowHeads::head_time() const {
  return connection_.worker.view->snapshot().inbound_timeouts.head;
}

void SlowHeads::watch() {
  if (!armed()) connection_.worker.loop.timers().arm(*this, connection_.now() + head_time());
}

void SlowHeads::on_timer() {
  const auto since = oldest();
  if (!since) return;
  const auto until = *since + head_time();
  if (until > connection_.now()) {
    connection_.worker.loop.timers().arm(*this, until);
  } else {
    connection_.scope.cancel({ErrorCode::head_timeout, Side::downstream, Stage::parse});
  }
}

}  // namespace epaulet::path
