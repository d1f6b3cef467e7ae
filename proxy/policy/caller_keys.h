#pragma once

#include <map>
#include <string>

#include "crypto/jwk.h"
#include "policy/api_keys.h"
#include "policy/sent_credentials.h"

namespace epaulet {

/// What callers' credentials are checked with, and what we send on behalf of the app: read from the
/// files and variables that the configuration names.
struct CallerKeys {
  std::map<std::string, JwkSet> issuers;  ///< By the issuer's name.
  ApiKeyHashes api_keys;
  std::map<std::string, SentCredentialsPtr> sent;  ///< By service, where it has any.
};

}  // namespace epaulet
