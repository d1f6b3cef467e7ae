#pragma once

#include <map>
#include <string>

#include "crypto/jwk.h"
#include "policy/api_keys.h"
#include "policy/key_demand.h"
#include "policy/sent_credentials.h"

namespace epaulet {

/// What callers' credentials are checked with, and what we send on behalf of the app: read from the
/// files and variables that the configuration names, and fetched from the URLs.
struct CallerKeys {
  std::map<std::string, JwkSetPtr> issuers;  ///< By the issuer's name.
  /// Of issuers whose keys are fetched, whether they have come or not.
  std::map<std::string, KeyDemandPtr> demands{};
  ApiKeyHashes api_keys;
  std::map<std::string, SentCredentialsPtr> sent;  ///< By service, where it has any.
};

}  // namespace epaulet
