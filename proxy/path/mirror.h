#pragma once

#include <string_view>

#include "http/body_digest.h"
#include "telemetry/telemetry.h"

/// `request_mirror` of a route: a copy of some of its requests goes to another backend, whose
/// answer nobody gets.
namespace epaulet::path {

class Exchange;
struct Plan;
struct Worker;

/// Tells whoever gets a copy that it is one; the next sidecar lets it pass
/// (policy/header_hygiene.h).
inline constexpr std::string_view kMirroredField = "x-epaulet-mirrored";

/// What came of a request and of its copy, each on its own way to its end; compared and counted
/// once both have let go of it. Of one worker.
class MirrorPair {
 public:
  struct Answer {
    std::uint16_t status = 0;
    http::BodyDigest body;
    bool is_whole = false;
  };

  MirrorPair(Exchange& exchange, std::uint32_t backend_index);
  MirrorPair(const MirrorPair&) = delete;
  MirrorPair& operator=(const MirrorPair&) = delete;
  ~MirrorPair();

  Answer original;
  Answer copy;
  const std::uint32_t to;             ///< The copy's backend, as the snapshot counts them.
  const telemetry::StringId backend;  ///< Its name.
  bool was_sent = false;              ///< The copy is under way, or was.
  bool is_too_large = false;          ///< Nobody would read its head, with all that was added.

 private:
  [[nodiscard]] telemetry::Counter result() const;
  void tell(telemetry::Counter result) const;

  Worker& worker_;
  const telemetry::StringId service_;
  const telemetry::StringId route_;
  const telemetry::RequestId request_id_;
};

/// Whether this request is copied is drawn here, for each backend that gets copies; then it is in
/// `exchange.mirrors`, unless a copy turns out not to be sent.
void draw_mirror(Exchange& exchange, const Plan& plan);
/// The request was sent, for the first time or again: so are its copies now, if any are to be, its
/// body was kept (limits::kReplayBytesMax) and there is room. Never waits.
void send_copy(Exchange& exchange, const Plan& plan);

}  // namespace epaulet::path
