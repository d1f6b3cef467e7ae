#pragma once

#include <string>
#include <string_view>
#include <variant>

#include "crypto/reason.h"
#include "discovery/resolver.h"
#include "io/dialer.h"
#include "runtime/scope.h"
#include "web/url.h"

/// Servers outside of the mesh that the control thread asks for itself.
namespace epaulet::web {

struct Seams {
  Resolver& resolver;
  Dialer& dialer;
};

enum class Failing : std::uint8_t {
  unreachable,  ///< No name, no connection, or it broke.
  untrusted,    ///< TLS: another host's certificate, or one that leads to no root of ours.
};
struct ConnectFailure {
  Failing kind = Failing::unreachable;
  Reason why;
};
using Connected = std::variant<StreamPtr, ConnectFailure>;

/// Keys of the configuration, for remedies.
struct KeyNames {
  std::string_view url;  ///< "keys.url"
  std::string_view ca;
};

/// One connection, each address of a name in its turn. With https the server proves the URL's host,
/// to the roots in `ca_file`, or to the system's if it is "". `scope` has the deadline. The
/// arguments outlive the task.
Task<Connected> connect(Seams seams, const Url& url, const std::string& ca_file, KeyNames keys,
                        Scope& scope);

/// Of a connection that breaks later.
[[nodiscard]] ConnectFailure unreachable(const Url& url, KeyNames keys, const Error& error);

}  // namespace epaulet::web
