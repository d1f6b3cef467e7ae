#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "config/shaping_settings.h"
#include "http/message.h"

namespace epaulet {

/// The method that a preflight asks for; "" if the request is none. What counts for one is what
/// the Fetch standard makes one: OPTIONS with both fields that only browsers write.
[[nodiscard]] std::string_view preflight_method(const http::RequestHead& request);

/// `cors` of a route: which pages of other origins may read its answers, and what they may send.
/// Browsers enforce it; it admits nobody, and keeps nobody out who is no browser. Immutable.
class Cors {
 public:
  explicit Cors(const CorsSettings& settings);

  /// Whether pages of the origin that the request names may do this. `credentials` of a page come
  /// as a Cookie; a script's own Authorization is a field like any other, which `allow_headers`
  /// decides.
  [[nodiscard]] bool lets(const http::RequestHead& request) const;

  /// What an answer to the request says of all this, instead of what the app says.
  void apply(const http::RequestHead& request, http::ResponseHead& response) const;
  /// The same for an answer of ours: lines are added.
  void add_lines(const http::RequestHead& request, http::AddedFields& lines) const;
  /// Complete lines without those that an app says of it.
  [[nodiscard]] static std::string without_app_words(std::string_view lines);
  /// Of the answer to a preflight that lets() is true for.
  void add_preflight_lines(const http::RequestHead& request, http::AddedFields& lines) const;

 private:
  struct AllowedOrigin {
    std::string before;       ///< The scheme, or all of it.
    std::string after;        ///< What ends the host, port included.
    bool is_pattern = false;  ///< Something stands between them.
  };

  [[nodiscard]] bool allows(std::string_view origin) const;
  [[nodiscard]] bool is_public() const { return allows_any_ && !allow_credentials_; }
  void add_origin(const http::RequestHead& request, http::AddedFields& lines) const;

  std::vector<AllowedOrigin> origins_;
  bool allows_any_ = false;
  bool allow_credentials_ = false;
  bool any_method_ = false;
  bool any_header_ = false;
  bool exposes_any_ = false;
  std::string methods_;  ///< As they are said; so are the next three.
  std::string headers_;
  std::string exposed_;
  std::string max_age_;
};

}  // namespace epaulet
