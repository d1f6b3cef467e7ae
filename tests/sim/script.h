#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "message_reader.h"
#include "runtime/clock.h"

/// What the two ends of each exchange are to do, and what they saw.
namespace epaulet::sim {

struct BodyScript {
  enum class Framing { none, length, chunked, until_close };
  Framing framing = Framing::none;
  std::size_t bytes = 0;
  std::size_t piece = SIZE_MAX;       ///< Written (and chunked) in pieces of this size.
  std::chrono::nanoseconds pause{0};  ///< Before each piece.
  bool trailers = false;              ///< With Framing::chunked.
  FieldList forged_trailers{};        ///< Behind those; a request's must not arrive.
};

struct RequestScript {
  std::string method = "GET";
  std::string path = "/";
  FieldList fields;
  BodyScript body;
  bool http10 = false;
  bool keep_alive = true;   ///< HTTP/1.1: without Connection: close. HTTP/1.0: with keep-alive.
  bool half_close = false;  ///< A FIN behind the request.
  enum class Abort { never, in_body, waiting, in_response } abort = Abort::never;
  std::size_t abort_after = 0;  ///< Bytes of the body, or of the response's body.
  std::chrono::nanoseconds abort_wait{0};

  // HTTP/2 alone.
  bool http2 = false;
  std::chrono::nanoseconds start{0};  ///< Asked so long after its connection began.
  std::chrono::nanoseconds stall{0};  ///< The caller reads nothing of the answer for so long.
  std::uint32_t reset_code = 8;       ///< With an abort.
  bool grpc = false;
  std::optional<std::chrono::milliseconds> grpc_timeout{};
};

struct AnswerScript {
  int status = 200;
  BodyScript body{BodyScript::Framing::length, 0, SIZE_MAX, std::chrono::nanoseconds(0), false};
  FieldList fields;
  bool http10 = false;
  bool close = false;
  unsigned informational = 0;
  std::chrono::nanoseconds think{0};
  enum class Fault {
    none,
    close_before_response,
    reset_before_response,
    close_in_body,
    reset_in_body,
    garbage,
    silence,
  } fault = Fault::none;
  unsigned faulty_deliveries = 0;  ///< The first so many deliveries suffer the fault.
  int failing_status = 0;          ///< Instead of a fault: they are answered with this status.
  std::optional<std::size_t> early_after;  ///< Answers once so much of the body has come.
  bool reads_rest = true;                  ///< Of the request, after an early answer.

  // HTTP/2 alone. There the faults that close are a connection's end, those that reset a stream's,
  // and garbage is a malformed head.
  unsigned refusals = 0;              ///< The first so many are refused (REFUSED_STREAM).
  std::chrono::nanoseconds stall{0};  ///< The app reads nothing of the request for so long.
  std::uint32_t reset_code = 2;
};

/// One request as the app saw it.
struct Delivery {
  TimePoint at{};
  TimePoint head_sent{};  ///< When it began its final answer; zero if it did not.
  Message request;
  bool whole = false;
};

struct Exchanged {
  RequestScript request;
  AnswerScript answer;

  // What the client did and saw.
  bool head_sent = false;
  bool request_sent = false;
  bool aborted = false;
  TimePoint sent_at{};
  TimePoint head_at{};  ///< Of the response.
  TimePoint ended_at{};
  Message response;
  std::vector<Message> informational;
  bool answered = false;     ///< A complete response was read.
  bool never_asked = false;  ///< The connection had ended before its turn.

  // HTTP/2 alone.
  std::optional<std::uint32_t> reset_code;  ///< Without a complete answer: its stream's end.
  bool connection_lost = false;             ///< The same: its connection's.
  bool upload_stuck = false;  ///< Nobody took the rest of the request, nor stopped it.
  unsigned refused = 0;       ///< Times that the app did.

  // What the app saw.
  std::vector<Delivery> deliveries;
};

/// All exchanges of a simulation by number.
using Ledger = std::map<int, Exchanged>;

/// The bytes of a body, recognisable by exchange and side.
[[nodiscard]] std::string body_text(int id, bool of_request, std::size_t bytes);
/// Name of exchange `id` on the wire: its request id.
[[nodiscard]] std::string id_text(int id);
[[nodiscard]] int id_of(const Message& request);

[[nodiscard]] FieldList trailers_of(int id);
/// Those of a body as they go over HTTP/2; `answers_grpc`: with the status of a call that went
/// well.
[[nodiscard]] FieldList http2_trailers(const BodyScript& body, int id, bool answers_grpc = false);
/// Head fields that frame the body.
[[nodiscard]] std::string framing_lines(const BodyScript& body);
/// A piece of a body as it goes on the wire; the last one ends a chunked body.
[[nodiscard]] std::string framed_piece(const BodyScript& body, std::string_view piece, bool last,
                                       int id);

}  // namespace epaulet::sim
