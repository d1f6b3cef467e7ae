#pragma once

#include <map>
#include <string>
#include <vector>

#include "config/gateway_documents.h"
#include "config/scalar.h"
#include "config/settings.h"
#include "config/source_text.h"

namespace epaulet::config {

/// A name or SPIFFE ID that stands somewhere in the file and must fit the rest of it.
struct Mention {
  Mentions kind = Mentions::nothing;
  std::string text;
  std::string path;  ///< Of keys, to the mention.
  Place place;
  const SourceText* source = nullptr;  ///< Where the place is.
};

/// What is let through, but not as somebody may have meant it.
struct Notice {
  Origin origin;
  std::string message;
  std::string remedy;
};

/// Settings while they are read: what the user wrote, and what must be compared once all is known.
struct Draft {
  Settings settings;
  /// From `services.NAME.endpoints`, `tls` and `limits`: short for a backend of the same name.
  std::map<std::string, BackendSettings> inline_backends;
  std::vector<Mention> mentions;
  std::vector<gateway::Route> gateway_routes;
  std::vector<Notice> notices;
};

}  // namespace epaulet::config
