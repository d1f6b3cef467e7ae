#include "server/admin_parts.h"

namespace epaulet::server {

void Process::start_admin() {}

}  // namespace epaulet::server
