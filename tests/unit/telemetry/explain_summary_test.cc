#include "telemetry/explain_summary.h"

#include <gtest/gtest.h>

#include <cerrno>

#include "base/error_table.h"
#include "records.h"

namespace epaulet::telemetry {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

TEST(Summary, names_the_rule_and_the_caller_of_a_refusal) {
  auto record = refused(ErrorCode::forbidden, 403);
  record.peer = intern("spiffe://cluster.local/ns/default/sa/other");
  EXPECT_EQ(summary_of(record, false),
            "inbound api2.default refused GET with 403: rule \"internal\" (api2.yaml:9:5) does not "
            "admit spiffe://cluster.local/ns/default/sa/other");
}

TEST(Summary, names_the_roles_where_the_trace_has_them) {
  auto record = refused(ErrorCode::forbidden, 403);
  record.peer = intern("spiffe://cluster.local/ns/default/sa/other");
  record.trace.add(kStart, Stage::authorize, Event::roles_compared, intern("admin"), 0);
  EXPECT_EQ(summary_of(record, false),
            "inbound api2.default refused GET with 403: rule \"internal\" (api2.yaml:9:5) allows "
            "[admin] only; spiffe://cluster.local/ns/default/sa/other holds no role");
  record.trace.add(kStart, Stage::authorize, Event::roles_compared, 0, intern("user, guest"));
  EXPECT_EQ(
      summary_of(record, false),
      "inbound api2.default refused GET with 403: rule \"internal\" (api2.yaml:9:5) denies it "
      "to spiffe://cluster.local/ns/default/sa/other, who holds [user, guest]");
}

TEST(Summary, says_that_the_answer_is_anothers) {
  auto record = exchange(Direction::outbound);
  record.status = 200;
  record.attempts = 0;
  record.shared = true;
  record.endpoint = intern("10.0.0.9:8080");
  record.trace.add(kStart, Stage::limit, Event::followed, intern("answered"), 1'500'000);
  for (const bool slow : {false, true}) {
    EXPECT_EQ(summary_of(record, slow),
              "outbound api2.default gave GET the answer 200 of 10.0.0.9:8080 that another request "
              "which asked the same got after 1.500 s");
  }
}

TEST(Summary, says_that_no_rule_matched) {
  auto record = refused(ErrorCode::unauthenticated, 401);
  record.rule = record.rule_origin = 0;
  EXPECT_EQ(summary_of(record, false),
            "inbound api2.default refused GET with 401: no rule of `access` admits the anonymous "
            "caller");
}

TEST(Summary, says_what_is_wrong_with_a_token) {
  auto record = refused(ErrorCode::token_invalid, 401);
  record.trace.add(kStart, Stage::authenticate, Event::token_refused, intern("expired"));
  EXPECT_EQ(summary_of(record, false),
            "inbound api2.default refused GET with 401: the token is not valid: expired");
  EXPECT_EQ(
      summary_of(refused(ErrorCode::token_required, 401), false),
      "inbound api2.default refused GET with 401: rule \"internal\" (api2.yaml:9:5) requires a "
      "token, and the anonymous caller sent none");
}

TEST(Summary, names_the_attempt_the_endpoint_and_the_errno) {
  auto record = exchange(Direction::outbound);
  record.status = 502;
  record.status_is_ours = true;
  record.attempts = 3;
  record.upstream = address("10.0.0.9:8080");
  record.error =
      Error(ErrorCode::connect_refused, Side::upstream, Stage::connect, Retry::safe, ECONNREFUSED);
  EXPECT_EQ(summary_of(record, false),
            "outbound api2.default answered GET with 502 (route \"default\"): attempt 3 to "
            "10.0.0.9:8080 failed at connect: the endpoint refused the connection (Connection "
            "refused)");
}

TEST(Summary, says_what_a_handshake_presented) {
  auto record = exchange(Direction::outbound);
  record.status = 502;
  record.status_is_ours = true;
  record.endpoint = intern("10.0.0.9:8080");
  record.error = Error(ErrorCode::tls_identity_unexpected, Side::upstream, Stage::tls);
  record.trace.add(kStart, Stage::tls, Event::upstream_tls_failed,
                   intern("presented spiffe://a/b, expected spiffe://a/c"));
  EXPECT_EQ(summary_of(record, false),
            "outbound api2.default answered GET with 502 (route \"default\"): attempt 1 to "
            "10.0.0.9:8080 failed at tls: the peer proved another identity than the one expected: "
            "presented spiffe://a/b, expected spiffe://a/c");
}

TEST(Summary, tells_a_broken_answer_from_none) {
  auto record = exchange();
  record.upstream = address("10.0.0.9:8080");
  record.error = Error(ErrorCode::reset_in_response, Side::upstream, Stage::relay);
  EXPECT_EQ(summary_of(record, false),
            "inbound api2.default broke off the answer 200 to GET: attempt 1 to the app at "
            "10.0.0.9:8080 failed at relay: the upstream reset the connection in the middle of its "
            "response");
  record.status = 0;
  record.error = Error(ErrorCode::downstream_reset, Side::downstream, Stage::receive);
  EXPECT_EQ(summary_of(record, false),
            "inbound api2.default gave no answer to GET: the caller reset the connection");
}

TEST(Summary, hands_on_what_the_next_sidecar_says) {
  auto record = exchange(Direction::outbound);
  record.status = 403;
  record.endpoint = intern("10.0.0.9:8080");
  record.trace.add(kStart, Stage::receive, Event::upstream_reason,
                   intern("epaulet; error=http_request_denied; details=\"forbidden\""));
  EXPECT_EQ(
      summary_of(record, false),
      "outbound api2.default got 403 for GET from 10.0.0.9:8080, whose sidecar says: epaulet; "
      "error=http_request_denied; details=\"forbidden\"");
  EXPECT_EQ(remedy_of(record),
            "ask the next sidecar: `epaulet explain 0123456789abcdef0123456789abcdef` there");
}

TEST(Summary, says_where_the_time_went) {
  auto record = exchange(Direction::outbound, seconds(3));
  record.end += milliseconds(250);
  record.endpoint = intern("10.0.0.9:8080");
  EXPECT_EQ(
      summary_of(record, true),
      "outbound api2.default took 3.250 s for GET (status 200), 3.000 s of it waiting for the "
      "answer of 10.0.0.9:8080");
}

TEST(Summary, of_connections_names_both_ends) {
  auto handshake = connection(ConnectionRecord::Kind::handshake, ErrorCode::tls_peer_untrusted);
  handshake.diagnosis = intern("presented CN=x, trusted: CN=y");
  EXPECT_EQ(summary_of(handshake),
            "inbound api2.default ended the handshake from 10.0.0.7:40000 to 10.0.0.9:8080: the "
            "peer's certificate does not chain to our trust bundle: presented CN=x, trusted: CN=y");

  auto port =
      connection(ConnectionRecord::Kind::refused, ErrorCode::port_not_declared, Stage::route);
  port.error.detail = 9999;
  EXPECT_EQ(summary_of(port),
            "inbound api2.default refused the connection from 10.0.0.7:40000 to 10.0.0.9:8080: the "
            "port is not in `workload.ports`: 9999");

  auto by_rule =
      connection(ConnectionRecord::Kind::refused, ErrorCode::forbidden, Stage::authorize);
  by_rule.rule = intern("internal");
  by_rule.peer = intern("spiffe://a/b");
  EXPECT_EQ(
      summary_of(by_rule),
      "inbound api2.default refused the connection from 10.0.0.7:40000 to 10.0.0.9:8080: rule "
      "\"internal\" does not admit spiffe://a/b");
}

TEST(Summary, has_words_for_every_error) {
  for (int i = 1; i < static_cast<int>(ErrorCode::count_); ++i) {
    auto record = exchange(Direction::outbound);
    record.error = Error(static_cast<ErrorCode>(i), Side::upstream, Stage::receive);
    record.status_is_ours = true;
    const auto text = summary_of(record, false);
    EXPECT_NE(text.find(describe(record.error.code).summary), std::string::npos) << text;
    EXPECT_FALSE(text.ends_with('.')) << text;
  }
}

}  // namespace
}  // namespace epaulet::telemetry
