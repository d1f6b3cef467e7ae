#pragma once

#include "config/context.h"

namespace epaulet::config {

/// What only the whole file can tell: that names exist, that ports do not collide, that what is
/// asked for can happen. Also completes the draft: backends of services join the others, and
/// defaults that depend on nothing are set. `source` turns origins into places.
void complete_and_validate(Draft& draft, const SourceText& source, Complaints& complaints);

}  // namespace epaulet::config
