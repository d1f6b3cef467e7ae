#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/address.h"
#include "base/result.h"
#include "config/settings.h"
#include "discovery/endpoint_set.h"
#include "runtime/clock.h"

namespace epaulet {

/// Whether an endpoint with this identity ("": the directory has told none) is one of the backend's
/// as it is configured now. The file may name other identities than it did when the endpoint was
/// found, and its word goes before the directory's; whom DNS has told of, only the file's
/// identities make an endpoint.
[[nodiscard]] bool may_be_dialled(const std::string& identity, const BackendSettings& backend);

/// What survives a restart: the last good endpoints of each backend that is asked for, and that it
/// ever had one. The file is `endpoints.json` in the state directory.
class EndpointMemory {
 public:
  struct Entry {
    std::string dns;  ///< What was asked (`directory:` before a name of the directory's): another
                      ///< name or port is another backend, whatever it is called.
    std::uint16_t port = 0;
    std::vector<SocketAddress> endpoints;  ///< May be empty: there were some once.
    /// Seconds since 1970 when the backend left the configuration; 0 while it is there.
    std::int64_t gone_since = 0;
    /// Of those endpoints whose identity the directory has told.
    std::map<SocketAddress, std::string> identities = {};
    std::map<SocketAddress, std::string> zones = {};  ///< The same of zones.
    /// Of topology hints: zones, with commas between.
    std::map<SocketAddress, std::string> for_zones = {};
    std::vector<IpAddress> service_addresses = {};

    friend bool operator==(const Entry&, const Entry&) = default;
  };
  using Entries = std::map<std::string, Entry>;

  /// An entry whose backend left the configuration is forgotten after this.
  static constexpr std::chrono::hours kKeepUnused{24};

  /// `state_dir` "": nothing is read or written.
  explicit EndpointMemory(std::string state_dir);

  /// Reads the file; a missing one is an empty memory. Errors: io_failed; config_invalid if it is
  /// not ours, in which case the memory starts empty and the next save() replaces it.
  [[nodiscard]] Result<void> load();
  [[nodiscard]] Result<void> save();
  [[nodiscard]] bool is_changed() const { return changed_; }

  /// The set that an earlier process left for this backend, or null. Version 0.
  [[nodiscard]] EndpointSetPtr recall(const BackendSettings& backend, WallTime now) const;
  /// Takes note of a set that has or had endpoints; others are not worth remembering.
  void remember(const BackendSettings& backend, const EndpointSet& set);
  /// Follows a new configuration: what is no longer in it is forgotten after kKeepUnused.
  void retain(const std::map<std::string, BackendSettings>& backends, WallTime now);

  [[nodiscard]] static std::string to_json(const Entries& entries);
  [[nodiscard]] static Result<Entries> from_json(std::string_view text);

 private:
  [[nodiscard]] std::string path() const { return state_dir_ + "/endpoints.json"; }

  std::string state_dir_;
  Entries entries_;
  bool changed_ = false;
};

}  // namespace epaulet
