#include "telemetry/explain_text.h"

#include <gtest/gtest.h>

#include "records.h"
#include "telemetry/explain.h"

namespace epaulet::telemetry {
namespace {

std::string page_of(const ExchangeRecord& record) {
  LogWake wake;
  LogRing ring(wake);
  WorkerTelemetry shard(ring, Random(1));
  shard.report(record, kWall);
  return Explain({&shard}).all();
}

TEST(ExplainText, lists_one_record_after_the_other) {
  EXPECT_EQ(explain_list_text(page_of(refused(ErrorCode::unauthenticated, 401))).value(),
            "2025-10-09T08:53:20.000000Z  exchange   0123456789abcdef0123456789abcdef  401 "
            "unauthenticated\n"
            "    inbound api2.default refused GET with 401: rule \"internal\" (api2.yaml:9:5) does "
            "not admit the anonymous caller\n");
}

TEST(ExplainText, tells_one_record_with_its_timeline) {
  auto record = exchange(Direction::outbound);
  record.status = 502;
  record.status_is_ours = true;
  record.error = Error(ErrorCode::connect_refused, Side::upstream, Stage::connect);
  record.trace.add(kStart + std::chrono::microseconds(120), Stage::connect, Event::dialling,
                   intern("10.0.0.9:8080"));
  record.trace.add(kStart + std::chrono::microseconds(1320), Stage::connect, Event::attempt_failed,
                   static_cast<std::uint32_t>(ErrorCode::connect_refused), 111);
  EXPECT_EQ(explain_record_text(page_of(record)).value(),
            R"(exchange  0123456789abcdef0123456789abcdef  2025-10-09T08:53:20.000000Z
  outbound api2.default answered GET with 502 (route "default"): attempt 1 to its endpoint failed at connect: the endpoint refused the connection
  remedy     look whether the process listens on that port

  outcome    502 connect_refused
  direction  outbound
  service    api2.default
  route      default
  method     GET
  downstream 10.0.0.7:40000
  attempt 1  endpoint=10.0.0.9:8080  reused=false  outcome=connect_refused  stage=connect

       0.120 ms  connect      dialling           endpoint=10.0.0.9:8080
       1.320 ms  connect      attempt_failed     outcome=connect_refused  detail=111
)");
}

TEST(ExplainText, says_so_when_there_is_nothing) {
  EXPECT_EQ(explain_list_text(R"({"records":[]})").value(),
            "nothing failed or was slow, as far as this sidecar remembers\n");
}

TEST(ExplainText, keeps_control_characters_from_the_terminal) {
  const auto text = explain_list_text(
      "{\"records\":[{\"kind\":\"dns\",\"summary\":\"a\\u001b[2Jb\\u009bc\\nd\xC3\xA9\"}]}");
  ASSERT_TRUE(text);
  EXPECT_EQ(text->find('\x1b'), std::string::npos);
  EXPECT_NE(text->find("a?[2Jb?c?d\xC3\xA9"), std::string::npos);
}

TEST(ExplainText, refuses_what_is_not_such_a_page) {
  for (const char* page : {"", "{", "[]", "{}", R"({"records":1})", R"({"records":[1]})"}) {
    EXPECT_FALSE(explain_list_text(page)) << page;
    EXPECT_FALSE(explain_record_text(page)) << page;
  }
}

TEST(ExplainText, survives_members_of_other_types) {
  EXPECT_TRUE(explain_record_text(
      R"({"records":[{"id":1,"rule":"x","events":[1,{"at_us":"y"}],"attempts":[2],"status":{}}]})"));
}

}  // namespace
}  // namespace epaulet::telemetry
