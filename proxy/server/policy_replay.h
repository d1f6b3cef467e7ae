#pragma once

#include <cstdint>
#include <istream>
#include <map>
#include <string>

#include "config/settings.h"
#include "policy/ingress.h"
#include "policy/roles.h"
#include "server/what_if.h"

namespace epaulet::server {

/// What another configuration would have said to requests that an access log has recorded.
///
/// The log keeps of an inbound exchange: method, peer, the caller's address, the rule that decided
/// and what came of it; of one that was let in also the port. It keeps no path, host, header, token
/// or key, so where a rule of the new configuration looks at these, or a role may come from a token
/// or key, the answer is `unknown` unless all that is possible comes to the same. A token or key
/// that was good is taken to be good, and a trusted ingress to have named some client. Connections
/// that are not HTTP are known fully.
class PolicyReplay {
 public:
  explicit PolicyReplay(const Settings& settings);

  enum class Change : std::uint8_t { none, newly_denied, newly_allowed, unknown };
  /// Counts one line of the log; lines that are about something else are skipped.
  void add(std::string_view line);

  struct Group {
    std::uint64_t count = 0;
    std::string sample;  ///< The id of one of them.
  };
  /// By what there is to say of them, for newly_denied, newly_allowed and unknown.
  [[nodiscard]] const std::map<std::pair<Change, std::string>, Group>& groups() const {
    return groups_;
  }
  [[nodiscard]] std::uint64_t count(Change change) const;
  [[nodiscard]] std::uint64_t skipped() const { return skipped_; }

  /// What may come of it.
  struct Possible {
    bool allow = false;
    bool deny = false;
  };
  [[nodiscard]] Possible possible(const std::string& method, const std::string& peer,
                                  const std::string& address,
                                  std::optional<std::uint16_t> port) const;

  /// Whoever asks, and whatever for: the port is not declared, or strict and there is no peer.
  [[nodiscard]] bool is_closed_to(const std::string& peer, std::uint16_t port) const;

 private:
  enum class Fits : std::uint8_t { no, perhaps, yes };
  [[nodiscard]] static Fits fits(const AccessRuleSettings& rule, const std::string& method,
                                 std::optional<std::uint16_t> port);
  [[nodiscard]] RoleSet set_of(const std::vector<std::string>& names) const;
  [[nodiscard]] Possible decide(const AccessRuleSettings& rule, const RoleSet& sure,
                                const RoleSet& perhaps) const;

  const Settings& settings_;
  RoleTable roles_;
  WhatIf what_if_;
  Ingress ingress_;
  RoleSet by_credentials_;  ///< Roles that a token or key may give.
  RoleSet by_network_;      ///< Roles that an address may give.
  std::map<std::pair<Change, std::string>, Group> groups_;
  std::map<Change, std::uint64_t> counts_;
  std::uint64_t skipped_ = 0;
};

}  // namespace epaulet::server
