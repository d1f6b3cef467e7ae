#pragma once

#include <cctype>
#include <string>
#include <string_view>
#include <vector>

namespace epaulet {

/// Percent-decoded once, by a reader that leaves incomplete encodings alone.
[[nodiscard]] inline std::string decoded_once(std::string_view path) {
  std::string plain;
  for (std::size_t at = 0; at < path.size(); ++at) {
    if (path[at] == '%' && at + 2 < path.size() &&
        std::isxdigit(static_cast<unsigned char>(path[at + 1])) != 0 &&
        std::isxdigit(static_cast<unsigned char>(path[at + 2])) != 0) {
      plain += static_cast<char>(std::stoi(std::string(path.substr(at + 1, 2)), nullptr, 16));
      at += 2;
    } else {
      plain += path[at];
    }
  }
  return plain;
}

/// What the boldest of a dozen servers makes of a path: decoded once, backslashes taken for
/// slashes, parameters cut, dots resolved, empty segments dropped.
[[nodiscard]] inline std::string boldest_reading(std::string_view path) {
  const std::string plain = decoded_once(path);
  std::vector<std::string> kept;
  std::string segment;
  for (std::size_t at = 0; at <= plain.size(); ++at) {
    if (at < plain.size() && plain[at] != '/' && plain[at] != '\\') {
      segment += plain[at];
      continue;
    }
    segment = segment.substr(0, segment.find(';'));
    if (segment == ".." && !kept.empty()) kept.pop_back();
    if (!segment.empty() && segment != "." && segment != "..") kept.push_back(segment);
    segment.clear();
  }
  std::string out;
  for (const auto& one : kept) out += "/" + one;
  return out;
}

/// What the most modest server makes of it: decoded once, split at its raw slashes.
[[nodiscard]] inline std::string modest_reading(std::string_view path) {
  std::string out;
  for (std::size_t at = 0; at < path.size();) {
    const auto slash = std::min(path.find('/', at + 1), path.size());
    if (slash > at + 1) out += "/" + decoded_once(path.substr(at + 1, slash - at - 1));
    at = slash;
  }
  return out;
}

}  // namespace epaulet
