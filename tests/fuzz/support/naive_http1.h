#pragma once

#include <cctype>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "http/message.h"

/// The oracle of the HTTP/1 codec: the same rules written a second time, as plainly as possible,
/// with strings, copies and no state machine. Unit tests and fuzz targets compare the two; neither
/// may be written from the other.
namespace epaulet::naive {

inline std::string lower_case(std::string_view text) {
  std::string out;
  for (const char c : text) {
    out.push_back(c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c);
  }
  return out;
}

inline std::string strip(std::string text) {
  const auto first = text.find_first_not_of(" \t");
  if (first == std::string::npos) return "";
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

/// `a` `separator` `b` -> {a, b}; always at least one piece.
inline std::vector<std::string> split(const std::string& text, const std::string& separator) {
  std::vector<std::string> pieces;
  std::size_t from = 0;
  for (;;) {
    const auto to = text.find(separator, from);
    pieces.push_back(text.substr(from, to - from));
    if (to == std::string::npos) return pieces;
    from = to + separator.size();
  }
}

inline bool only(const std::string& text, const std::string& allowed) {
  return text.find_first_not_of(allowed) == std::string::npos;
}

inline const std::string kDigits = "0123456789";
inline const std::string kHex = "0123456789abcdefABCDEF";
inline const std::string kLetters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
inline const std::string kTokens = kDigits + kLetters + "!#$%&'*+-.^_`|~";

inline bool is_text(const std::string& text) {
  for (const char c : text) {
    const auto octet = static_cast<unsigned char>(c);
    if ((octet < 32 && octet != 9) || octet == 127) return false;
  }
  return true;
}

struct Fields {
  bool ok = false;
  std::vector<std::pair<std::string, std::string>> list;  ///< Lower-case name, stripped value.

  [[nodiscard]] std::vector<std::string> values(const std::string& name) const {
    std::vector<std::string> out;
    for (const auto& [known, value] : list) {
      if (known == name) out.push_back(value);
    }
    return out;
  }
  /// Members of all fields of this name, lower case.
  [[nodiscard]] std::vector<std::string> members(const std::string& name) const {
    std::vector<std::string> out;
    for (const auto& value : values(name)) {
      for (const auto& member : split(value, ",")) {
        if (!strip(member).empty()) out.push_back(lower_case(strip(member)));
      }
    }
    return out;
  }
  [[nodiscard]] bool has_member(const std::string& name, const std::string& wanted) const {
    for (const auto& member : members(name)) {
      if (member == wanted) return true;
    }
    return false;
  }
};

inline std::string dashed(std::string name) {
  for (char& c : name) {
    if (c == '_') c = '-';
  }
  return name;
}

inline bool read_field_line(const std::string& line, Fields& fields) {
  const auto colon = line.find(':');
  if (colon == std::string::npos || colon == 0) return false;
  const auto name = lower_case(line.substr(0, colon));
  if (!only(name, kTokens) || !is_text(line.substr(colon + 1))) return false;
  fields.list.emplace_back(name, strip(line.substr(colon + 1)));
  return true;
}

struct Message {
  bool ok = false;
  std::string start;
  Fields fields;
};

inline Message read_message(std::string_view head, std::size_t fields_max) {
  Message message;
  const std::string text(head);
  // Exactly one empty line, at the end.
  if (text.size() < 4 || text.find("\r\n\r\n") != text.size() - 4) return message;
  auto lines = split(text.substr(0, text.size() - 4), "\r\n");
  message.start = lines.front();
  lines.erase(lines.begin());
  if (lines.size() > fields_max) return message;
  for (const auto& line : lines) {
    if (!read_field_line(line, message.fields)) return message;
  }
  for (const auto& [name, value] : message.fields.list) {
    const auto meant = dashed(name);
    if (meant != name && (meant == "content-length" || meant == "transfer-encoding"))
      return message;
  }
  for (const auto& option : message.fields.members("connection")) {
    const auto meant = dashed(option);
    for (const auto* sacred : {"host", "content-length", "transfer-encoding", "expect",
                               "authorization", "x-request-id", "cookie"}) {
      if (option == sacred) return message;
    }
    if (meant == "content-length" || meant == "transfer-encoding") return message;
    if (meant.substr(0, 10) == "x-epaulet-") return message;
  }
  message.ok = is_text(message.start);
  return message;
}

/// Minor version 0 or 1, or nothing.
inline std::optional<int> read_version(const std::string& version) {
  if (version.size() != 8 || version.substr(0, 7) != "HTTP/1." ||
      !only(version.substr(7), kDigits)) {
    return std::nullopt;
  }
  return version[7] == '0' ? 0 : 1;
}

/// Host and port as text, both lower case; "" as port if there is none.
inline std::optional<std::pair<std::string, std::string>> read_authority(const std::string& text) {
  std::string host = text;
  std::string port;
  if (!text.empty() && text[0] == '[') {
    const auto closing = text.find(']');
    if (closing == std::string::npos) return std::nullopt;
    host = text.substr(0, closing + 1);
    const auto inside = host.substr(1, closing - 1);
    if (inside.size() < 2 || !only(inside, kHex + ":.") || inside.find(':') == std::string::npos) {
      return std::nullopt;
    }
    if (text.size() > host.size() && text[host.size()] != ':') return std::nullopt;
    if (text.size() > host.size()) port = text.substr(host.size());
  } else {
    const auto colon = text.find(':');
    host = text.substr(0, colon);
    if (host.empty() || !only(host, kDigits + kLetters + "-._~")) return std::nullopt;
    if (colon != std::string::npos) port = text.substr(colon);
  }
  if (!port.empty()) {
    port = port.substr(1);
    if (port.empty() || port.size() > 5 || !only(port, kDigits) || std::stoi(port) > 65535) {
      return std::nullopt;
    }
    port = std::to_string(std::stoi(port));
  }
  return std::pair(lower_case(host), port);
}

struct Head {
  bool ok = false;
  http::Framing::Kind kind = http::Framing::Kind::none;
  std::uint64_t length = 0;
  bool keep_alive = false;
  std::string path;
  std::string query;
  std::string authority;
  int status = 0;
};

/// Content-Length if there is exactly one good one; nothing if it is absent; `ok` false if it is
/// bad.
struct Length {
  bool ok = true;
  std::optional<std::uint64_t> value;
};
inline Length read_length(const Fields& fields) {
  Length length;
  const auto values = fields.values("content-length");
  if (values.empty()) return length;
  length.ok = values.size() == 1 && !values[0].empty() && values[0].size() <= 19 &&
              only(values[0], kDigits) && std::stoull(values[0]) <= 0x7fffffffffffffffULL;
  if (length.ok) length.value = std::stoull(values[0]);
  return length;
}

/// Absent, chunked, or refused.
inline bool read_codings(const Fields& fields, bool http11, bool& chunked) {
  const auto values = fields.values("transfer-encoding");
  chunked = !values.empty();
  if (values.empty()) return true;
  return http11 && values.size() == 1 && lower_case(values[0]) == "chunked" &&
         fields.values("content-length").empty();
}

inline bool keeps_alive(const Fields& fields, bool http11) {
  if (fields.has_member("connection", "close")) return false;
  return http11 || fields.has_member("connection", "keep-alive");
}

inline void set_path(Head& head, const std::string& text) {
  head.path = text.substr(0, text.find('?'));
  if (text.find('?') != std::string::npos) head.query = text.substr(text.find('?') + 1);
}

/// A request head behind its empty lines, or refused.
inline Head read_request(std::string_view bytes, std::size_t fields_max) {
  Head head;
  while (bytes.substr(0, 2) == "\r\n") bytes.remove_prefix(2);
  const auto message = read_message(bytes, fields_max);
  if (!message.ok) return head;
  const auto parts = split(message.start, " ");
  if (parts.size() != 3 || parts[0].empty() || !only(parts[0], kTokens)) return head;
  const auto& method = parts[0];
  const auto& target = parts[1];
  const auto version = read_version(parts[2]);
  if (!version || target.empty()) return head;
  for (const char c : target) {
    if (static_cast<unsigned char>(c) <= 32 || static_cast<unsigned char>(c) >= 127 || c == '#')
      return head;
  }

  const auto hosts = message.fields.values("host");
  if (hosts.size() > 1 || (*version == 1 && hosts.empty())) return head;
  if (!hosts.empty() && !hosts[0].empty() && !read_authority(hosts[0])) return head;
  std::string in_target;
  if (method == "CONNECT") {
    const auto authority = read_authority(target);
    if (!authority || authority->second.empty()) return head;
    in_target = target;
    if (!hosts.empty()) {
      const auto host = read_authority(hosts[0]);
      if (!host || host->first != authority->first) return head;
      if (!host->second.empty() && host->second != authority->second) return head;
    }
  } else if (target[0] == '/') {
    set_path(head, target);
  } else if (target == "*") {
    if (method != "OPTIONS") return head;
    head.path = "*";
  } else {
    if (lower_case(target.substr(0, 7)) != "http://") return head;
    in_target = target.substr(7, target.find_first_of("/?", 7) - 7);
    const auto authority = read_authority(in_target);
    if (!authority) return head;
    if (!hosts.empty()) {
      const auto host = read_authority(hosts[0]);
      const auto port = [](const std::string& text) { return text.empty() ? "80" : text; };
      if (!host || host->first != authority->first ||
          port(host->second) != port(authority->second)) {
        return head;
      }
    }
    set_path(head, target.substr(7 + in_target.size()));
    if (head.path.empty()) head.path = "/";
  }
  head.authority = !in_target.empty() ? in_target : hosts.empty() ? "" : hosts[0];

  bool chunked = false;
  const auto length = read_length(message.fields);
  if (!read_codings(message.fields, *version == 1, chunked) || !length.ok) return head;
  if (method == "CONNECT" && (chunked || length.value.value_or(0) > 0)) return head;
  if (chunked) head.kind = http::Framing::Kind::chunked;
  if (length.value.value_or(0) > 0) {
    head.kind = http::Framing::Kind::length;
    head.length = *length.value;
  }
  head.keep_alive = keeps_alive(message.fields, *version == 1);
  if (*version == 1) {
    for (const auto& expectation : message.fields.members("expect")) {
      if (expectation != "100-continue") return head;
    }
    const bool upgrades = message.fields.has_member("connection", "upgrade");
    if (upgrades && message.fields.values("upgrade").size() > 1) return head;
  }
  head.ok = true;
  return head;
}

inline Head read_response(std::string_view bytes, std::size_t fields_max, http::Method method) {
  Head head;
  const auto message = read_message(bytes, fields_max);
  if (!message.ok || message.start.size() < 12) return head;
  const auto version = read_version(message.start.substr(0, 8));
  const auto code = message.start.substr(9, 3);
  if (!version || message.start[8] != ' ' || !only(code, kDigits) || std::stoi(code) < 100)
    return head;
  if (message.start.size() > 12 && message.start[12] != ' ') return head;
  head.status = std::stoi(code);

  bool chunked = false;
  const auto length = read_length(message.fields);
  if (!read_codings(message.fields, *version == 1, chunked) || !length.ok) return head;
  const bool announced = chunked || length.value.value_or(0) > 0;
  const bool tunnel = method == http::Method::connect && head.status >= 200 && head.status < 300;
  head.keep_alive = keeps_alive(message.fields, *version == 1);
  if (head.status < 200) {
    if (announced) return head;
  } else if (head.status == 204 || tunnel) {
    if (announced) head.keep_alive = false;
  } else if (head.status == 304 || method == http::Method::head) {
    // Nothing follows, whatever is announced.
  } else if (chunked) {
    head.kind = http::Framing::Kind::chunked;
  } else if (!length.value) {
    head.kind = http::Framing::Kind::until_close;
    head.keep_alive = false;
  } else if (*length.value > 0) {
    head.kind = http::Framing::Kind::length;
    head.length = *length.value;
  }
  if (head.status == 101 && message.fields.values("upgrade").size() > 1) return head;
  head.ok = true;
  return head;
}

}  // namespace epaulet::naive
