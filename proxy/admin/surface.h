#pragma once

#include <map>
#include <string>
#include <string_view>

#include "admin/page.h"
#include "http/message.h"

namespace epaulet::admin {

/// Who may ask for the pages of a listener.
enum class Audience : std::uint8_t {
  /// Programs in this pod. Pages name principals, so a browser must not be led here: the Host must
  /// be loopback's (else a name that an attacker points to 127.0.0.1 would do, which is DNS
  /// rebinding), and no Origin is allowed.
  local,
  /// Whoever reaches the port: scrapers and probes. Pages name no principals.
  anybody,
};

/// The pages of one listener. Read-only: GET and HEAD, nothing changes anything.
class Surface {
 public:
  explicit Surface(Audience audience) : audience_(audience) {}

  void add(std::string path, Handler handler) { pages_[std::move(path)] = std::move(handler); }

  /// The answer to a request: the page, or 403, 404 or 405. Pure, but for what the handler does.
  [[nodiscard]] Response answer(const http::RequestHead& request) const;
  /// Why the request is refused whatever page it asks for; `status` 0: it is not.
  [[nodiscard]] Response refuse(const http::RequestHead& request) const;

 private:
  Audience audience_;
  std::map<std::string, Handler, std::less<>> pages_;
};

/// "localhost", "127.0.0.1" or "[::1]", with or without a port.
[[nodiscard]] bool is_loopback_authority(std::string_view authority);

}  // namespace epaulet::admin
