#pragma once

#include <gtest/gtest.h>

#include "mesh.h"
#include "peer.h"

/// Short names for tests.
namespace epaulet::sim {

using Framing = BodyScript::Framing;
using Abort = RequestScript::Abort;
using Fault = AnswerScript::Fault;
using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;
using telemetry::Counter;
using telemetry::Gauge;

inline BodyScript body(Framing framing, std::size_t bytes, std::size_t piece = SIZE_MAX) {
  BodyScript script;
  script.framing = framing;
  script.bytes = bytes;
  script.piece = piece;
  return script;
}

inline RequestScript request(std::string method = "GET",
                             BodyScript script = body(Framing::none, 0)) {
  RequestScript scripted;
  scripted.method = std::move(method);
  scripted.body = script;
  return scripted;
}

inline AnswerScript answer(BodyScript script = body(Framing::length, 10), int status = 200) {
  AnswerScript scripted;
  scripted.status = status;
  scripted.body = script;
  return scripted;
}

/// The first `deliveries` deliveries suffer the fault.
inline AnswerScript faulty(Fault fault, unsigned deliveries = 1000,
                           BodyScript script = body(Framing::length, 10)) {
  AnswerScript scripted = answer(script);
  scripted.fault = fault;
  scripted.faulty_deliveries = deliveries;
  return scripted;
}

/// The caller got the app's answer whole, and the app the request, once.
inline void expect_delivered_once(Mesh& mesh, int id) {
  const Exchanged& exchanged = mesh[id];
  SCOPED_TRACE(mesh.story(id));
  EXPECT_TRUE(exchanged.answered);
  EXPECT_EQ(exchanged.response.status(), exchanged.answer.status);
  EXPECT_TRUE(exchanged.response.body == body_text(id, false, exchanged.answer.body.bytes))
      << exchanged.response.body.size() << " of " << exchanged.answer.body.bytes;
  ASSERT_EQ(exchanged.deliveries.size(), 1u);
  EXPECT_TRUE(exchanged.deliveries[0].whole);
  EXPECT_TRUE(exchanged.deliveries[0].request.body ==
              body_text(id, true, exchanged.request.body.bytes))
      << exchanged.deliveries[0].request.body.size() << " of " << exchanged.request.body.bytes;
}

/// The caller got an answer of the sidecars' own.
inline void expect_refused(Mesh& mesh, int id, int status) {
  SCOPED_TRACE(mesh.story(id));
  EXPECT_TRUE(mesh[id].answered);
  EXPECT_EQ(mesh[id].response.status(), status);
  EXPECT_FALSE(mesh[id].response.field("x-answers"));
}

/// How the exchange ended, as the sidecar reported it: exactly once.
inline ErrorCode outcome(const Sidecar& sidecar, int id) {
  std::size_t reports = 0;
  ErrorCode code = ErrorCode::internal;
  for (const auto& record : sidecar.exchanges()) {
    if (record.request_id.view() != id_text(id)) continue;
    ++reports;
    code = record.error.code;
  }
  EXPECT_EQ(reports, 1u) << id_text(id);
  return code;
}

/// A caller of mail.default: is greeted, then says a line a second for as long as it is heard,
/// thirty of them at most.
inline Task<void> chat(Mesh& mesh) {
  Scope scope(mesh.client_loop);
  const auto dialer = mesh.network.dialer(mesh.client_loop, Mesh::kCaller);
  auto dialled = co_await dialer->dial(Mesh::kMail, scope);
  if (!dialled) co_return;
  Peer peer(std::move(*dialled), scope, MessageReader::Kind::response);
  bool heard = co_await peer.read_more();
  for (int i = 0; heard && i < 30; ++i) {
    (void)co_await sleep_until(scope, mesh.client_loop.now() + seconds(1));
    heard = co_await peer.write("a line\r\n");
    if (heard) heard = co_await peer.read_more();
  }
  (void)co_await peer.finish();
}

}  // namespace epaulet::sim
