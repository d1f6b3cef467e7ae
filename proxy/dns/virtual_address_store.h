#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "config/settings.h"
#include "dns/virtual_address_table.h"
#include "dns/virtual_addresses.h"
#include "runtime/clock.h"

namespace epaulet {

/// The virtual addresses of this pod, kept in `virtual_addresses.json` of the state directory.
/// Control thread.
class VirtualAddressStore {
 public:
  /// Follows a validated configuration and writes the file if anything changed. Never fails: an
  /// address that cannot be remembered is still an address, and the same one after a restart unless
  /// two names collide.
  [[nodiscard]] VirtualAddressTablePtr apply(const Settings& settings, WallTime now);

  /// Why the state directory could not be read or written in the last apply(). config_invalid: the
  /// file was not ours and has been replaced.
  [[nodiscard]] const std::optional<Error>& storage_error() const { return storage_error_; }
  /// Services that got no address because the networks or the table are full.
  [[nodiscard]] const std::vector<std::string>& without_address() const { return without_address_; }

 private:
  void load(const std::string& path);

  std::optional<std::string> state_dir_;
  std::vector<VirtualAddressBook::Entry> entries_;
  std::optional<Error> storage_error_;
  std::vector<std::string> without_address_;
};

}  // namespace epaulet
