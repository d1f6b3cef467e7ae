#pragma once

#include "route/cors.h"
#include "route/fault.h"
#include "route/header_edits.h"
#include "route/url_rewrite.h"

namespace epaulet {

/// What a route does to its requests and responses, compiled. Few have any.
struct Shaping {
  /// `paths`: the route's.
  Shaping(const ShapingSettings& settings, const std::vector<std::string>& paths) {
    if (settings.request_headers) request_headers.emplace(*settings.request_headers);
    if (settings.response_headers) response_headers.emplace(*settings.response_headers);
    if (settings.rewrite) rewrite.emplace(*settings.rewrite, paths);
    if (settings.redirect) redirect.emplace(*settings.redirect, paths);
    if (settings.fault) fault.emplace(*settings.fault);
    if (settings.cors) cors.emplace(*settings.cors);
  }

  std::optional<HeaderEdits> request_headers;
  std::optional<HeaderEdits> response_headers;
  std::optional<UrlRewrite> rewrite;
  std::optional<Redirect> redirect;
  std::optional<Fault> fault;
  std::optional<Cors> cors;
};

}  // namespace epaulet
