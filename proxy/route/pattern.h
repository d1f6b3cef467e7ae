#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

/// Patterns of paths and hosts, compiled once. Matching allocates nothing.
namespace epaulet {

/// How an application may read a request. `exact`: as it is written. `lenient`: as many frameworks
/// do by default (Express, Django and Flask among them): letters of a path and of a method match in
/// either case, a slash at a path's end does not count, HEAD runs what GET runs, and a field's name
/// is what CGI makes of it (http/cgi_name.h). Routes ask for the exact reading only; access rules
/// must allow a request in both.
enum class Reading : std::uint8_t { exact, lenient };

/// `/a/*/c` or `/a/**`. A segment `*` stands for one whole segment that is not empty; `**` as the
/// last one stands for any rest, also for none: `/a/**` matches `/a`, `/a/` and `/a/b/c`. All else
/// is compared byte by byte after percent-decoding both sides once, so that `/caf%c3%a9` and
/// `/caf%C3%A9` are one path, as they are for the app.
class PathPattern {
 public:
  /// Total: any text is some pattern. config/ refuses those that make no sense or never match.
  explicit PathPattern(std::string_view text);

  /// `path`: raw, without query. A pattern looks at no dot segments or encoded slashes:
  /// policy/path_hygiene.h comes first where that matters.
  [[nodiscard]] bool matches(std::string_view path, Reading reading = Reading::exact) const;
  /// How much of `path`, which it matches, its segments before `/**` stand for, with their slashes.
  [[nodiscard]] std::size_t prefix_bytes(std::string_view path) const;
  /// `/**`: also the path `*` of OPTIONS and the empty one of CONNECT.
  [[nodiscard]] bool matches_everything() const { return segments_.empty() && open_; }

 private:
  struct Segment {
    std::string text;  ///< Percent-decoded.
    bool any = false;  ///< `*`
  };
  std::vector<Segment> segments_;  ///< Without the empty one behind a slash at the end.
  bool ends_with_slash_ = false;
  bool open_ = false;  ///< `**`
};

/// `api.example`, or `*.example` for any name below it, however deep. Without regard to case, to
/// the port of the authority and to a dot at its end (the root: `api.example.` is the same host).
class HostPattern {
 public:
  explicit HostPattern(std::string_view text);
  [[nodiscard]] bool matches(std::string_view authority) const;

 private:
  std::string name_;  ///< Lower case; behind the `*` if any_below_: ".example".
  bool any_below_ = false;
};

/// The host of an authority: without port, without a dot at the end; an IPv6 address keeps its
/// brackets.
[[nodiscard]] std::string_view host_of(std::string_view authority);

}  // namespace epaulet
