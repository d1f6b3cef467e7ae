#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "admin/surfaces.h"
#include "support/admin_network.h"

namespace epaulet::admin {

struct AdminWorld : testing::Test, AdminNetwork {};

/// Pages with a word each, so that a test sees which one it got.
inline AdminSources word_sources() {
  AdminSources sources;
  sources.config = [] { return "\"config\""; };
  sources.services = [] { return "\"services\""; };
  sources.endpoints = [] { return "\"endpoints\""; };
  sources.certs = [] { return "\"certs\""; };
  sources.explain = [] { return "\"all\""; };
  sources.explain_one = [](std::string_view id) -> std::optional<std::string> {
    if (id == "known") return "\"one\"";
    return std::nullopt;
  };
  sources.readiness = [] { return Readiness{true, {}}; };
  return sources;
}

}  // namespace epaulet::admin
