#pragma once

#include "http/http1/framing.h"
#include "http/http1/head_end.h"
#include "http/message.h"

namespace epaulet::http::http1 {

/// What the fields say that the data path needs, collected in the one pass over them.
struct FieldFacts {
  FramingFacts framing;  ///< `version` is the caller's to fill.
  std::string_view host;
  std::string_view upgrade;
  unsigned hosts = 0;
  unsigned upgrades = 0;
  bool expects_continue = false;
  bool expects_other = false;
  bool connection_close = false;
  bool connection_keep_alive = false;
  bool connection_upgrade = false;
};

/// Reads the field lines and the empty line behind them (RFC 9112 section 5) into `fields` and
/// `facts`.
///
/// `lines`: from the first field line to the end of the head; ends with an empty line, or it is
/// refused. Views in `fields` point into it. Refused are folded lines, empty or odd names, white
/// space before the colon, control characters, and a Connection that nominates what every recipient
/// needs.
[[nodiscard]] Result<void> parse_field_lines(std::string_view lines, const HeadLimits& limits,
                                             MessageKind kind, Fields& fields, FieldFacts& facts);

/// One field line without its CRLF: name, colon, value (RFC 9112 section 5.1). Fills name, value
/// and id. Also for trailer fields.
[[nodiscard]] Fault parse_field_line(std::string_view line, Field& field);

/// May a Connection field nominate `name`? Not what frames, routes or proves: RFC 9110
/// section 7.6.1 forbids senders to nominate what is meant for every recipient, and removing it
/// here would give the next hop another message than the one that was authorised.
[[nodiscard]] bool may_be_nominated(std::string_view name);

}  // namespace epaulet::http::http1
