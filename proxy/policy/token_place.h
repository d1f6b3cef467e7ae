#pragma once

#include <string>
#include <string_view>

#include "config/settings.h"
#include "crypto/jwt.h"
#include "http/message.h"

namespace epaulet {

/// Where in a request a token stands: behind `Bearer` in Authorization, in another header, in a
/// cookie, or in a parameter of the query. Immutable; looking allocates nothing.
class TokenPlace {
 public:
  explicit TokenPlace(const TokenPlaceSettings& settings);

  struct Found {
    bool is_there = false;
    std::string_view token;                     ///< Points into the head.
    TokenFailure failure = TokenFailure::none;  ///< `several`.
  };
  [[nodiscard]] Found find(const http::RequestHead& head) const;
  /// Takes it away from what is passed on.
  void strip(http::RequestHead& head) const;

  [[nodiscard]] bool is_query() const { return kind_ == Kind::query; }
  friend bool operator==(const TokenPlace&, const TokenPlace&) = default;
  /// Names it; no other place has the same.
  [[nodiscard]] std::string text() const;

 private:
  enum class Kind : std::uint8_t { authorization, header, cookie, query };
  Kind kind_ = Kind::authorization;
  std::string name_;
};

}  // namespace epaulet
