#pragma once

#include "config/context.h"

namespace epaulet::config {

/// What only all files together can tell: that names exist, that ports do not collide, that what is
/// asked for can happen. Also completes the draft: backends of services join the others, and
/// defaults that depend on nothing are set.
void complete_and_validate(Draft& draft, Complaints& complaints);

}  // namespace epaulet::config
