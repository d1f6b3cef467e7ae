#pragma once

#include <cstdint>
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

  /// Tries once more to write what could not be written; nothing if all was.
  void write_again();

  /// Why the state directory could not be read or written, the last time. config_invalid: the file
  /// was not ours and has been replaced.
  [[nodiscard]] const std::optional<Error>& storage_error() const { return storage_error_; }
  /// Since the start.
  [[nodiscard]] std::uint64_t storage_failures() const { return storage_failures_; }
  /// Services that got no address because the networks or the table are full.
  [[nodiscard]] const std::vector<std::string>& without_address() const { return without_address_; }

 private:
  void load();
  void write();
  [[nodiscard]] std::string path() const { return *state_dir_ + "/virtual_addresses.json"; }

  std::optional<std::string> state_dir_;
  std::vector<VirtualAddressBook::Entry> entries_;
  std::optional<Error> storage_error_;
  bool is_unwritten_ = false;
  std::uint64_t storage_failures_ = 0;
  std::vector<std::string> without_address_;
};

}  // namespace epaulet
