#pragma once

#include <boost/json/object.hpp>
#include <string>

#include "crypto/certificate.h"
#include "crypto/key.h"

namespace epaulet::certs {

/// What a command tells: the same for a person and for a program.
struct Report {
  std::string text;
  boost::json::object json;
  bool ok = true;
};

/// Lines for a person, each indented by `indent` spaces.
[[nodiscard]] std::string describe(const Certificate& certificate, WallTime now,
                                   std::size_t indent);
[[nodiscard]] boost::json::object to_json(const Certificate& certificate, WallTime now);

/// "name      value\n", so that values stand in one column.
[[nodiscard]] std::string line(std::size_t indent, std::string_view name, std::string_view value);

}  // namespace epaulet::certs
