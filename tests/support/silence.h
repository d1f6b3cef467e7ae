#pragma once

#include "base/address.h"

namespace epaulet::test {

/// From now on nothing arrives of what the two send each other on their connections in memory, ends
/// and resets included: a cable is pulled. Connections made later are as ever
/// (MemoryNetwork::set_silent() is about those).
void silence_between(IpAddress one, IpAddress other);

}  // namespace epaulet::test
