#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/settings.h"

namespace epaulet {

/// A service that the in-pod DNS answers for.
struct NamedService {
  std::string name;                   ///< As in the configuration: the key of `Settings::services`.
  std::vector<std::string> backends;  ///< Its default backend and those of its routes; no
                                      ///< duplicates. None: all of its routes redirect.
  /// By name in lower case: those written, and `http` for the only port declared so.
  std::map<std::string, std::uint16_t, std::less<>> ports;
};

/// Which service a queried name means, in all the forms that an app's resolver makes of one name.
///
/// With cluster domain `cluster.local` and workload namespace `default` (from `workload.service`,
/// else "default"):
/// - the configured name itself, whatever it looks like;
/// - `api2.default` (name and namespace): `api2.default.svc`, `api2.default.svc.cluster.local`,
/// and, since that is
///   our own namespace, `api2`;
/// - `my-event-server` (a name alone stands in our own namespace): `my-event-server.default` and
/// what follows from it;
/// - `api2.default.svc` and `api2.default.svc.cluster.local` in the configuration mean
/// `api2.default`;
/// - each of these with a search suffix behind it, because a resolver with `ndots:5` tries those
/// first:
///   `default.svc.cluster.local`, `svc.cluster.local`, `cluster.local`, and the `search` list of
///   /etc/resolv.conf. Answering them saves the round trips, and keeps working when the upstream
///   server does not.
/// Other names of three labels and more (`api.example.com`) have only themselves and the search
/// forms.
///
/// If a name could mean two services, the most literal reading wins: configured name, then cluster
/// form, then cluster form of a name alone, then search form; among equals the first in the
/// alphabet.
///
/// Forms are derived from the query, not stored: ten thousand services are ten thousand entries.
/// Immutable.
class NameTable {
 public:
  /// `search`: suffixes of /etc/resolv.conf, without dots at the ends.
  NameTable(const Settings& settings, const std::vector<std::string>& search);

  /// `key`: DomainName::key(), lower case, no final dot. Null: not ours. Valid as long as the
  /// table.
  [[nodiscard]] const NamedService* find(std::string_view key) const;

  /// A named port of a service, `_http._tcp.api2.default` (RFC 2782), with the service in any form.
  struct Port {
    const NamedService* service = nullptr;
    std::uint16_t port = 0;
  };
  /// Nothing: not ours, or a port that has no such name here.
  [[nodiscard]] std::optional<Port> find_port(std::string_view key) const;

  [[nodiscard]] const std::vector<NamedService>& services() const { return services_; }
  /// Longest first.
  [[nodiscard]] const std::vector<std::string>& search_suffixes() const { return search_; }

 private:
  using Index = std::map<std::string, std::size_t, std::less<>>;

  [[nodiscard]] const NamedService* find_without_search(std::string_view key) const;
  [[nodiscard]] std::string cluster_form(std::string_view key) const;
  [[nodiscard]] const NamedService* at(const Index& index, std::string_view key) const;

  std::string namespace_;
  std::string svc_suffix_;  // ".svc.cluster.local"
  std::vector<std::string> search_;
  std::vector<NamedService> services_;
  Index exact_;    // By configured name, in lower case.
  Index cluster_;  // By "name.namespace".
};

}  // namespace epaulet
