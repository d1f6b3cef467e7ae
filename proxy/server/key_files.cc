#include "server/key_files.h"

#include <fmt/format.h>

#include <fstream>

#include "base/limits.h"

namespace epaulet::server {

std::optional<std::string> read_file(const std::string& path, std::size_t bytes_max) {
  std::ifstream file(path, std::ios::binary | std::ios::ate);
  if (!file) return std::nullopt;
  const auto size = static_cast<std::streamoff>(file.tellg());
  if (size < 0 || static_cast<std::size_t>(size) > bytes_max) return std::nullopt;
  std::string text(static_cast<std::size_t>(size), '\0');
  file.seekg(0);
  file.read(text.data(), size);
  text.resize(static_cast<std::size_t>(file.gcount()));
  return text;
}

KeyFiles load_key_files(const Settings& settings) {
  KeyFiles loaded;
  for (const auto& [name, issuer] : settings.issuers) {
    const auto text = read_file(issuer.keys_file, limits::kJwksBytesMax);
    if (!text) {
      loaded.problems += fmt::format(
          "{}: cannot read {}, the keys of issuer {}\n  look at the path and its permissions; at "
          "most 1 MiB\n",
          issuer.origin.to_string(), issuer.keys_file, name);
      continue;
    }
    auto parsed = JwkSet::parse(*text, issuer.keys_file);
    if (!parsed) {
      loaded.problems +=
          fmt::format("{}: {}\n", issuer.origin.to_string(), parsed.error().to_string());
      continue;
    }
    for (const auto& skipped : parsed->skipped()) {
      loaded.warnings.push_back(fmt::format("{}: {}", issuer.origin.to_string(), skipped));
    }
    loaded.content[issuer.keys_file] = *text;
    loaded.keys.emplace(name, std::move(*parsed));
  }
  return loaded;
}

}  // namespace epaulet::server
