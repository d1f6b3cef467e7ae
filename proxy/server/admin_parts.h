#pragma once

#include "server/process.h"

namespace epaulet::server {

struct Process::AdminParts {};

}  // namespace epaulet::server
