#pragma once

#include "tests/fuzz/support/connection_script.h"

/// What an input of http2_connection_fuzz.cc means: the same as connection_script.h, but a piece is
/// a frame. Its first three octets are type, flags and stream; the length is added, and what
/// follows is the payload. Type 0xFE: the rest is written as it stands. Both ends begin with what
/// HTTP/2 makes them begin with, the caller's preface and SETTINGS.
namespace epaulet::fuzz {

inline constexpr std::string_view kPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

inline std::string frame_of(std::string_view piece) {
  if (!piece.empty() && piece[0] == '\xfe') return std::string(piece.substr(1));
  std::string head(9, '\0');
  const std::string_view payload = piece.size() > 3 ? piece.substr(3) : std::string_view();
  head[0] = static_cast<char>(payload.size() >> 16);
  head[1] = static_cast<char>(payload.size() >> 8);
  head[2] = static_cast<char>(payload.size());
  head[3] = piece[0];
  head[4] = piece.size() > 1 ? piece[1] : '\0';
  head[8] = piece.size() > 2 ? piece[2] : '\0';
  return head.append(payload);
}

inline void make_frames(Steps& steps, std::string beginning) {
  for (Step& step : steps) {
    if (step.what == Step::What::say) step.bytes = frame_of(step.bytes);
    if (step.what == Step::What::hear_message) step.what = Step::What::hear_more;
  }
  steps.insert(steps.begin(), Step{Step::What::say, std::move(beginning)});
}

inline Script read_http2_script(std::string_view input) {
  Script script = read_script(input);
  script.http2 = true;
  const std::string settings = frame_of("\x04");
  make_frames(script.caller, std::string(kPreface) + settings);
  for (Steps& steps : script.app) make_frames(steps, settings);
  return script;
}

}  // namespace epaulet::fuzz
