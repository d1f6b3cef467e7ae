#pragma once

#include <array>
#include <string_view>

#include "balance/picker.h"
#include "config/settings.h"
#include "http/message.h"
#include "runtime/random.h"

namespace epaulet::path {

struct Shared;

/// What `balance.by` finds in a request: with the same key, the same endpoint.
struct Session {
  balance::SessionKey key;
  /// The cookie that the caller is to bring from now on; empty: it has one, or needs none.
  [[nodiscard]] std::string_view new_cookie() const {
    return {cookie.data(), begins ? cookie.size() : 0};
  }

  bool begins = false;
  std::array<char, 32> cookie{};
};

/// The session of a request under the settings of its backend. Where a cookie makes it and the
/// request brings none, it begins here, with a random key that says nothing of the endpoint.
[[nodiscard]] Session session_of(const Shared& shared, const BalanceSettings& balance,
                                 const http::RequestHead& request, Random& random);
/// Of a connection that nobody understands: by its source or not at all.
[[nodiscard]] Session session_of(const Shared& shared, const BalanceSettings& balance);

/// Tells the caller of a session that began by a cookie, unless the app itself sets one of that
/// name.
void set_cookie(http::ResponseHead& response, const Session& session, const SessionKeySettings& by);

/// The value of a cookie in the Cookie fields of a request (RFC 6265 section 4.2.1); empty if it is
/// not there.
[[nodiscard]] std::string_view find_cookie(const http::RequestHead& request, std::string_view name);

}  // namespace epaulet::path
