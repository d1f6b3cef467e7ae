#include "crypto/path_secret.h"

#include <openssl/crypto.h>
#include <openssl/rand.h>

#include <algorithm>
#include <array>

#include "base/assert.h"
#include "crypto/digest.h"

namespace epaulet {
namespace {

constexpr std::size_t kBytes = 16;

}  // namespace

std::string draw_path_secret() {
  std::array<std::uint8_t, kBytes> bytes{};
  EPAULET_ASSERT(RAND_bytes(bytes.data(), static_cast<int>(bytes.size())) == 1);
  return hex(bytes);
}

bool is_path_secret(std::string_view text) {
  const auto is_digit = [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); };
  return text.size() == 2 * kBytes && std::all_of(text.begin(), text.end(), is_digit);
}

bool is_same_secret(std::string_view one, std::string_view other) {
  return one.size() == other.size() && CRYPTO_memcmp(one.data(), other.data(), one.size()) == 0;
}

}  // namespace epaulet
