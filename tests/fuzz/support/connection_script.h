#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

/// What an input of http1_connection_fuzz.cc means.
///
/// Three octets choose the world: the way and the configuration, the network, the seed of what the
/// simulation draws. The rest is what the caller and the app say, as it stands; octet 0xFF and the
/// one behind it are a direction:
///
///   c  what follows is said by the caller (as in the beginning)
///   a  ... by the app, on the next connection that it accepts; the last script serves all further
///   |  a piece ends: it is written by itself
///   0 to 7  a pause, kPauses
///   w  wait until something more was heard, or nothing more can be
///   m  wait until one more whole message was heard, or nothing more can be
///   f  FIN           r  reset
///   s  stop reading  g  go on reading
///   n  so many 'x' as the next octet says, times 64 (4, where bytes go one by one)
///   0xFF  the octet itself
namespace epaulet::fuzz {

enum class Way : std::uint8_t { outbound_http, outbound_auto, inbound, inbound_mesh };

struct Step {
  enum class What : std::uint8_t {
    say,
    pause,
    hear_more,
    hear_message,
    finish,
    reset,
    stop_reading,
    go_on_reading
  };
  What what = What::say;
  std::string bytes{};
  std::chrono::nanoseconds pause{0};
};
using Steps = std::vector<Step>;

struct Script {
  Way way = Way::outbound_http;
  unsigned configuration = 0;  ///< 0 to 3.
  std::size_t read_max = SIZE_MAX;
  std::size_t capacity = 64 * 1024;
  std::uint64_t seed = 0;
  Steps caller;
  std::vector<Steps> app;              ///< By connection; at least one.
  std::chrono::nanoseconds pauses{0};  ///< Of the caller.
  std::size_t said_bytes = 0;          ///< By the caller.
  bool http2 = false;                  ///< Pieces are frames: http2_script.h.
};

inline constexpr std::array<std::chrono::milliseconds, 8> kPauses{
    std::chrono::milliseconds(1),      std::chrono::milliseconds(12),
    std::chrono::milliseconds(200),    std::chrono::milliseconds(1'500),
    std::chrono::milliseconds(3'500),  std::chrono::milliseconds(6'000),
    std::chrono::milliseconds(11'000), std::chrono::milliseconds(25'000)};
inline constexpr std::size_t kOptionBytes = 3;
inline constexpr unsigned kPausesMax = 24;  ///< Further ones do not count.

inline Script read_script(std::string_view input) {
  static constexpr std::array<std::size_t, 4> kReads{SIZE_MAX, 1, 7, 1'000};
  static constexpr std::array<std::size_t, 4> kCapacities{64 * 1024, 16, 700, 8 * 1024};
  Script script;
  script.app.emplace_back();
  if (input.size() < kOptionBytes) return script;
  const auto option = [&](std::size_t i) { return static_cast<unsigned char>(input[i]); };
  script.way = static_cast<Way>(option(0) & 3);
  script.configuration = option(0) >> 2 & 3;
  script.read_max = kReads[option(1) & 3];
  script.capacity = kCapacities[option(1) >> 2 & 3];
  script.seed = option(2);
  input.remove_prefix(kOptionBytes);

  Steps* steps = &script.caller;
  std::string piece;
  const auto end_piece = [&] {
    if (piece.empty()) return;
    if (steps == &script.caller) script.said_bytes += piece.size();
    steps->push_back({Step::What::say, std::exchange(piece, {})});
  };
  const auto add = [&](Step::What what) {
    end_piece();
    steps->push_back({what});
  };
  const std::size_t many = script.read_max == 1 || script.capacity == 16 ? 4 : 64;
  unsigned paused = 0;
  bool app_spoke = false;
  for (std::size_t i = 0; i < input.size(); ++i) {
    if (input[i] != '\xff' || i + 1 == input.size()) {
      piece += input[i];
      continue;
    }
    const char direction = input[++i];
    switch (direction) {
      case 'c':
        end_piece();
        steps = &script.caller;
        break;
      case 'a':
        end_piece();
        if (std::exchange(app_spoke, true)) script.app.emplace_back();
        steps = &script.app.back();
        break;
      case '|':
        end_piece();
        break;
      case 'w':
        add(Step::What::hear_more);
        break;
      case 'm':
        add(Step::What::hear_message);
        break;
      case 'f':
        add(Step::What::finish);
        break;
      case 'r':
        add(Step::What::reset);
        break;
      case 's':
        add(Step::What::stop_reading);
        break;
      case 'g':
        add(Step::What::go_on_reading);
        break;
      case 'n':
        if (i + 1 < input.size()) {
          piece.append(many * static_cast<unsigned char>(input[++i]), 'x');
        }
        break;
      case '\xff':
        piece += direction;
        break;
      default:
        if (direction < '0' || direction > '7' || ++paused > kPausesMax) break;
        add(Step::What::pause);
        steps->back().pause = kPauses[static_cast<std::size_t>(direction - '0')];
        if (steps == &script.caller) script.pauses += steps->back().pause;
    }
  }
  end_piece();
  return script;
}

}  // namespace epaulet::fuzz
