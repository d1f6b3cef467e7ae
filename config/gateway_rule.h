#pragma once

#include <array>
#include <string>
#include <vector>

#include "config/gateway_translate.h"

namespace epaulet::config::gateway {

/// A match of a rule, with all that holds for its requests.
struct Entry {
  /// Larger comes first, in this order. HTTPRoute: an exact path, or else an expression, characters
  /// of either or of a prefix, a method, headers, parameters; GRPCRoute: exact names, or else an
  /// expression, characters of service and method, headers.
  std::array<std::size_t, 5> rank{};
  const Route* route = nullptr;
  std::size_t rule = 0;
  std::size_t match = 0;
  std::size_t part = 0;    ///< Of a rule whose backends have filters of their own: which backend.
  bool is_whole = true;    ///< The rule has one part.
  RouteSettings settings;  ///< Without name.
};

/// Names of services and backends as our own file has them.
class Names {
 public:
  explicit Names(const Settings& settings);

  /// The service of settings that is the Service; nothing if there is none.
  [[nodiscard]] const ServiceSettings* service(const std::string& name,
                                               const std::string& name_space) const;
  /// The backend that has the Service's endpoints at this port, made in `out.backends` if the
  /// directory knows it; "" if there is none.
  [[nodiscard]] std::string backend(const ServiceRef& to, const std::string& name_space,
                                    Translation& out) const;
  /// A backend like `backend` whose sessions go by a cookie, made in `out.backends` if it is none.
  [[nodiscard]] std::string with_sessions(const std::string& backend, const SessionKeySettings& by,
                                          Translation& out) const;
  /// Of the workload; "": not known.
  [[nodiscard]] const std::string& own_name_space() const { return own_name_space_; }

 private:
  [[nodiscard]] std::vector<std::string> spellings(const std::string& name,
                                                   const std::string& name_space) const;
  const Settings& settings_;
  std::string own_name_space_;
};

/// Appends an entry for each match of a rule.
void translate_rule(const Route& route, std::size_t index, const Names& names, Translation& out,
                    std::vector<Entry>& entries);

}  // namespace epaulet::config::gateway
