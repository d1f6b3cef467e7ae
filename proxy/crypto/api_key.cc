#include "crypto/api_key.h"

#include <fmt/format.h>
#include <openssl/rand.h>

#include <algorithm>
#include <array>
#include <optional>

#include "base/ascii.h"
#include "base/assert.h"
#include "base/limits.h"
#include "crypto/jose_base64.h"
#include "crypto/jose_hash.h"

namespace epaulet {
namespace {

constexpr std::string_view kHashScheme = "sha256:";
constexpr std::string_view kDrawnPrefix = "epk_";

std::optional<unsigned> digit(char c) {
  if (c >= '0' && c <= '9') return static_cast<unsigned>(c - '0');
  const char low = to_lower(c);
  if (low >= 'a' && low <= 'f') return static_cast<unsigned>(low - 'a' + 10);
  return std::nullopt;
}

std::optional<Sha256> read_hash(std::string_view digits) {
  Sha256 hash{};
  if (digits.size() != 2 * hash.size()) return std::nullopt;
  for (std::size_t i = 0; i < hash.size(); ++i) {
    const auto high = digit(digits[2 * i]);
    const auto low = digit(digits[2 * i + 1]);
    if (!high || !low) return std::nullopt;
    hash[i] = static_cast<std::uint8_t>(*high << 4 | *low);
  }
  return hash;
}

}  // namespace

std::string draw_api_key() {
  std::array<unsigned char, 32> bytes{};
  EPAULET_ASSERT(RAND_bytes(bytes.data(), static_cast<int>(bytes.size())) == 1);
  return std::string(kDrawnPrefix) +
         encode_base64url({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
}

std::string flaw_of_api_key(std::string_view key) {
  if (key.size() < limits::kApiKeyBytesMin)
    return fmt::format("it is shorter than {} characters: draw one with `epaulet key new`",
                       limits::kApiKeyBytesMin);
  if (key.size() > limits::kApiKeyBytesMax)
    return fmt::format("it is longer than {} characters", limits::kApiKeyBytesMax);
  const bool is_visible =
      std::all_of(key.begin(), key.end(), [](char c) { return c > 0x20 && c < 0x7f; });
  return is_visible ? "" : "it has blanks, or characters that a header does not carry";
}

std::string write_api_key_hash(const Sha256& hash) {
  return std::string(kHashScheme) + hex(hash);
}

Checked<std::vector<Sha256>> read_api_keys(std::string_view text, std::string_view name) {
  std::vector<Sha256> hashes;
  bool says_something = false;
  for (std::size_t number = 1; !text.empty(); ++number) {
    const auto end = text.find('\n');
    auto line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (line.ends_with('\r')) line.remove_suffix(1);
    line = trim(line);
    says_something = says_something || !line.empty();
    if (line.empty() || line.front() == '#') continue;
    if (line.starts_with(kHashScheme)) {
      const auto hash = read_hash(line.substr(kHashScheme.size()));
      if (!hash)
        return Reason(fmt::format("line {} of {}: behind sha256: there are not 64 hexadecimal "
                                  "digits",
                                  number, name),
                      "epaulet key hash prints such a line for a key on standard input");
      hashes.push_back(*hash);
      continue;
    }
    if (const auto flaw = flaw_of_api_key(line); !flaw.empty())
      return Reason(fmt::format("line {} of {} is no API key: {}", number, name, flaw),
                    "one key a line, or sha256: and its hash; # begins a comment");
    hashes.push_back(hash_token(line));
  }
  if (!says_something)
    return Reason(fmt::format("{} is empty", name),
                  "draw a key with epaulet key new, or write a comment (#) to have none");
  return hashes;
}

}  // namespace epaulet
