#pragma once

#include <string>
#include <string_view>

#include "redirect/failure.h"
#include "redirect/iptables.h"
#include "redirect/program.h"

namespace epaulet::redirect {

/// What it means that `iptables-restore` or `iptables-save` failed, and what to do about it.
/// `script` is what it was given: the line that it names is quoted.
[[nodiscard]] Failure iptables_complaint(const Iptables& iptables, const std::string& program,
                                         const ProgramEnd& end, std::string_view script);

}  // namespace epaulet::redirect
