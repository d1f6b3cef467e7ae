#include "telemetry/otlp_json.h"

#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <map>

#include "unit/telemetry/records.h"

namespace epaulet::telemetry {
namespace {

using boost::json::value;

constexpr std::string_view kTraceId = "4bf92f3577b34da6a3ce929d0e0e4736";

/// The only span of a request.
class Exported {
 public:
  explicit Exported(const ExchangeRecord& record, const SpanDetails& details,
                    const OtlpResource& resource = {"api.default", "api-0", "1.2"}) {
    const PackedSpan packed(details, record, kWall);
    const std::vector<std::string> all{std::string(packed.view())};
    root_ = boost::json::parse(otlp_request(resource, all));
  }

  [[nodiscard]] const value& resource() const {
    return root_.at("resourceSpans").at(0).at("resource");
  }
  [[nodiscard]] const value& span() const {
    return root_.at("resourceSpans").at(0).at("scopeSpans").at(0).at("spans").at(0);
  }
  [[nodiscard]] std::string text(std::string_view name) const {
    const auto* found = span().as_object().if_contains(name);
    return found == nullptr ? "" : std::string(found->as_string());
  }
  [[nodiscard]] static std::map<std::string, std::string> attributes(const value& of) {
    std::map<std::string, std::string> all;
    for (const auto& one : of.at("attributes").as_array()) {
      const auto& typed = one.at("value").as_object();
      EXPECT_EQ(typed.size(), 1u);
      const auto& [kind, content] = *typed.begin();
      const bool is_text = content.is_string();
      EXPECT_EQ(is_text, kind == "stringValue" || kind == "intValue") << one;
      const bool is_new =
          all.emplace(one.at("key").as_string().c_str(),
                      is_text ? std::string(content.as_string()) : boost::json::serialize(content))
              .second;
      EXPECT_TRUE(is_new) << one.at("key") << " twice";
    }
    return all;
  }
  [[nodiscard]] std::map<std::string, std::string> attributes() const { return attributes(span()); }

 private:
  value root_;
};

ExchangeRecord traced(ExchangeRecord record) {
  kTraceId.copy(record.trace_id.data(), 32);
  std::string_view("00f067aa0ba902b7").copy(record.span_id.data(), 16);
  return record;
}

SpanPlace below(std::string_view parent) {
  SpanPlace place;
  place.recorded = true;
  parent.copy(place.parent_id.data(), 16);
  return place;
}

TEST(OtlpJson, a_servers_span_has_ids_times_and_what_the_conventions_say) {
  const auto place = below("1111111111111111");
  SpanDetails details{place, {}, {}, {}};
  details.path = "/orders/7";
  details.host = "api2.default:81";
  details.port = 8080;
  const Exported one(traced(exchange()), details);
  EXPECT_EQ(one.text("traceId"), kTraceId);
  EXPECT_EQ(one.text("spanId"), "00f067aa0ba902b7");
  EXPECT_EQ(one.text("parentSpanId"), "1111111111111111");
  EXPECT_EQ(one.text("name"), "GET api2.default");
  EXPECT_EQ(one.span().at("kind"), 2);
  EXPECT_EQ(one.text("endTimeUnixNano"), "1760000000000000000");
  EXPECT_EQ(one.text("startTimeUnixNano"), "1759999999998000000");
  EXPECT_TRUE(one.span().at("status").as_object().empty());
  const auto said = one.attributes();
  EXPECT_EQ(said.at("http.request.method"), "GET");
  EXPECT_EQ(said.at("http.response.status_code"), "200");
  EXPECT_EQ(said.at("url.path"), "/orders/7");
  EXPECT_EQ(said.at("server.address"), "api2.default");
  EXPECT_EQ(said.at("server.port"), "81");
  EXPECT_EQ(said.at("client.address"), "10.0.0.7");
  EXPECT_EQ(said.at("network.peer.port"), "40000");
  EXPECT_EQ(said.at("network.protocol.version"), "1.1");
  EXPECT_EQ(said.at("epaulet.outcome"), "ok");
  EXPECT_FALSE(said.contains("url.query"));
  EXPECT_FALSE(said.contains("error.type"));
  EXPECT_FALSE(said.contains("rpc.system"));
  const auto resource = Exported::attributes(one.resource());
  EXPECT_EQ(resource.at("service.name"), "api.default");
  EXPECT_EQ(resource.at("service.instance.id"), "api-0");
  EXPECT_EQ(resource.at("telemetry.sdk.version"), "1.2");
}

TEST(OtlpJson, a_clients_span_has_its_retries_as_events) {
  auto record = traced(exchange(Direction::outbound));
  record.attempts = 3;
  record.status = 404;
  record.upstream = address("[fd00::1]:8080");
  record.trace.add(kStart + std::chrono::microseconds(30), Stage::connect, Event::attempt_failed,
                   static_cast<std::uint32_t>(ErrorCode::connect_refused));
  record.trace.add(kStart + std::chrono::microseconds(31), Stage::connect, Event::connected, 1);
  record.trace.add(kStart + std::chrono::microseconds(40), Stage::send, Event::retry_decided, 250);
  const SpanPlace place;
  SpanDetails details{place, {}, {}, {}};
  details.path = "/";
  details.host = "[fd00::9]";
  details.port = 80;
  const Exported one(record, details);
  EXPECT_EQ(one.text("parentSpanId"), "");
  EXPECT_EQ(one.span().at("kind"), 3);
  const auto said = one.attributes();
  EXPECT_EQ(said.at("http.request.resend_count"), "2");
  EXPECT_EQ(said.at("server.address"), "fd00::9");
  EXPECT_EQ(said.at("server.port"), "80");
  EXPECT_EQ(said.at("network.peer.address"), "fd00::1");
  EXPECT_EQ(said.at("error.type"), "404");
  EXPECT_EQ(one.span().at("status").at("code"), 2) << "to who asked, a 404 is an error";
  const auto& events = one.span().at("events").as_array();
  ASSERT_EQ(events.size(), 2u);
  EXPECT_EQ(events[0].at("name"), "attempt_failed");
  EXPECT_EQ(events[0].at("timeUnixNano"), "1759999999998030000");
  EXPECT_EQ(Exported::attributes(events[0]).at("epaulet.outcome"), "connect_refused");
  EXPECT_EQ(Exported::attributes(events[1]).at("epaulet.backoff_us"), "250");
}

TEST(OtlpJson, a_refusal_names_its_rule_and_is_no_error_of_the_server) {
  const auto place = below("1111111111111111");
  const auto refusal = traced(refused(ErrorCode::forbidden, 403));
  const Exported one(refusal, SpanDetails{place, {}, {}, {}});
  const auto said = one.attributes();
  EXPECT_EQ(said.at("epaulet.rule"), "internal");
  EXPECT_EQ(said.at("epaulet.outcome"), "forbidden");
  EXPECT_FALSE(said.contains("error.type"));
  EXPECT_TRUE(one.span().at("status").as_object().empty());
}

TEST(OtlpJson, a_grpc_call_is_told_as_one) {
  auto record = traced(exchange());
  record.grpc_status = 14;
  const SpanPlace place;
  SpanDetails details{place, {}, {}, {}};
  details.path = "/shop.v1.Orders/Get";
  details.http2 = details.grpc = true;
  const Exported one(record, details);
  EXPECT_EQ(one.text("name"), "shop.v1.Orders/Get");
  record.attempts = 0;
  EXPECT_NE(Exported(record, details).text("name"), "shop.v1.Orders/Get")
      << "of a call that was refused its caller invents the path";
  const auto said = one.attributes();
  EXPECT_EQ(said.at("rpc.system"), "grpc");
  EXPECT_EQ(said.at("rpc.service"), "shop.v1.Orders");
  EXPECT_EQ(said.at("rpc.method"), "Get");
  EXPECT_EQ(said.at("rpc.grpc.status_code"), "14");
  EXPECT_EQ(said.at("network.protocol.version"), "2");
  EXPECT_EQ(said.at("error.type"), "14");
}

TEST(OtlpJson, links_are_marked_as_a_guess) {
  SpanPlace place;
  place.links = std::make_unique<SpanLinks>();
  place.links->count = 2;
  place.links->ids[0] = {1, 2, 3};
  place.links->ids[1] = {4, 5, 6};
  const Exported one(traced(exchange(Direction::outbound)), SpanDetails{place, {}, {}, {}});
  const auto& links = one.span().at("links").as_array();
  ASSERT_EQ(links.size(), 2u);
  EXPECT_EQ(links[0].at("traceId"), "00000000000000010000000000000002");
  EXPECT_EQ(links[0].at("spanId"), "0000000000000003");
  EXPECT_EQ(Exported::attributes(links[1]).at("epaulet.trace.guess"), "true");
  EXPECT_EQ(one.attributes().at("epaulet.trace.guess"), "true");
}

TEST(OtlpJson, whatever_a_peer_writes_it_is_utf8_and_bounded) {
  const SpanPlace place;
  SpanDetails details{place, {}, {}, {}};
  const std::string path = "/\xff\xfe\x01" + std::string(5000, 'a');
  const std::string query(5000, '\x80');
  details.path = path;
  details.query = query;
  details.host = "h\"\\:99999";
  auto record = traced(exchange());
  record.method = {'B', 'R', 'E', '"', 'W'};
  const Exported one(record, details);
  const auto said = one.attributes();
  EXPECT_EQ(said.at("http.request.method"), "_OTHER");
  EXPECT_EQ(said.at("http.request.method_original"), "BRE\"W");
  EXPECT_LE(said.at("url.path").size(), 3 * limits::kSpanTextBytesMax);
  EXPECT_TRUE(said.at("url.path").starts_with("/\xef\xbf\xbd\xef\xbf\xbd\x01"));
  EXPECT_EQ(one.text("name"), "HTTP api2.default");
}

TEST(OtlpJson, what_a_collector_says_is_read) {
  const auto told =
      parse_otlp_answer(R"({"partialSuccess":{"rejectedSpans":"3","errorMessage":"too old"}})");
  EXPECT_EQ(told.rejected, 3u);
  EXPECT_EQ(told.why, "too old");
  EXPECT_EQ(parse_otlp_answer(R"({"partialSuccess":{"rejectedSpans":2}})").rejected, 2u);
  for (const std::string_view nothing :
       {"", "{}", "[]", "{", R"({"partialSuccess":{}})", R"({"partialSuccess":7})",
        R"({"partialSuccess":{"rejectedSpans":-1}})",
        R"({"partialSuccess":{"rejectedSpans":"x"}})"})
    EXPECT_EQ(parse_otlp_answer(nothing).rejected, 0u) << nothing;
}

}  // namespace
}  // namespace epaulet::telemetry
