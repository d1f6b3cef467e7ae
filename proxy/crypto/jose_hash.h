#pragma once

#include <string_view>

#include "crypto/digest.h"
#include "crypto/owned.h"

namespace epaulet {

/// SHA-256 of many short texts without an allocation for each: OpenSSL's one-shot functions fetch
/// the algorithm anew every time. One per worker.
class TokenHash {
 public:
  TokenHash();
  [[nodiscard]] Sha256 of(std::string_view text);

 private:
  Owned<evp_md_ctx_st> context_;
};

}  // namespace epaulet
