#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "redirect/failure.h"
#include "redirect/options.h"

/// Our rules by way of iptables' programs.
namespace epaulet::redirect {

/// Which of the kernel's two machines a set of programs drives: nf_tables or the older x_tables.
enum class Flavour : std::uint8_t { nft, legacy };

/// One installed set of programs: `iptables<infix>-restore`, `ip6tables<infix>-save` and so on.
struct Iptables {
  Flavour flavour = Flavour::nft;
  std::string infix;  ///< "", "-nft" or "-legacy".

  [[nodiscard]] std::string program(bool v4, std::string_view what) const {
    return (v4 ? "iptables" : "ip6tables") + infix + "-" + std::string(what);
  }
  /// As the result names it.
  [[nodiscard]] std::string_view name() const {
    return flavour == Flavour::nft ? "iptables-nft" : "iptables-legacy";
  }
};

/// One for each flavour that is installed, the system's choice (`iptables-restore`) first.
[[nodiscard]] std::vector<Iptables> installed_iptables();

/// From what `iptables-restore --version` prints; before 1.8 there was only one and it did not say.
[[nodiscard]] Flavour flavour_of(std::string_view version);

/// Installs the rules in every family that the kernel has. Each table of each family is one
/// transaction; if one fails, those that went before are taken back, unless older rules of ours
/// stood there: then they stay, and so does what is new.
[[nodiscard]] OrFailure<void> install_with(const Iptables& iptables,
                                           const RedirectOptions& options);

/// Removes our chains and the jumps to them, whether or not they are there.
[[nodiscard]] OrFailure<void> remove_with(const Iptables& iptables);

/// How many packets the rule `inbound-guard` of a family has dropped; nothing if it is not there.
[[nodiscard]] std::optional<std::uint64_t> guard_drops(const Iptables& iptables, bool v4);

}  // namespace epaulet::redirect
