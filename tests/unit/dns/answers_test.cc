#include "dns/answers.h"

#include <gtest/gtest.h>

#include "base/limits.h"
#include "tests/unit/dns/bytes.h"

namespace epaulet::test {
namespace {

using namespace std::chrono_literals;
using Next = DnsDecision::Next;

class AnswersTest : public testing::Test {
 protected:
  static Settings settings() {
    Settings made;
    made.workload.service = "api.default";
    made.services["api2.default"].name = "api2.default";
    made.services["api2.default"].default_backend = "api2.default";
    made.services["api2.default"].ports = {{80, PortProtocol::http}};
    made.services["full"].name = "full";
    made.dns.virtual_v6 = *IpNetwork::parse("fd00:e9a0::/32");
    return made;
  }
  static DnsViewPtr view_with(bool v6) { return view_with(v6, settings()); }
  static DnsViewPtr view_with(bool v6, const Settings& settings) {
    const IpNetwork v4_network = *IpNetwork::parse("240.0.0.0/4");
    const auto v6_network = v6 ? IpNetwork::parse("fd00:e9a0::/32") : std::nullopt;
    std::vector<VirtualAddress> addresses{{"api2.default", *IpAddress::parse("240.1.2.3"), {}}};
    if (v6) addresses[0].v6 = IpAddress::parse("fd00:e9a0::1");
    return make_dns_view(
        settings, std::make_shared<VirtualAddressTable>(v4_network, v6_network, addresses), {});
  }
  DnsDecision read(const DnsBytes& bytes, bool over_tcp = false) const {
    return read_query(*view, bytes, over_tcp);
  }
  DnsDecision read(const DnsMessage& message, bool over_tcp = false) const {
    return read(write_dns_message(message, 4096), over_tcp);
  }
  static DnsMessage parsed(const DnsReply& reply) {
    auto message = read_dns_message(reply.bytes);
    EXPECT_TRUE(message);
    return message ? std::move(*message) : DnsMessage{};
  }
  DnsMessage ask_service(std::string_view name, RecordType type) const {
    const auto decision = read(query_bytes(name, type));
    EXPECT_EQ(decision.next, Next::service);
    return parsed(answer_service(*view, *decision.query, *decision.service));
  }
  DnsReply forward(const DnsMessage& query, const DnsMessage& upstream,
                   bool over_tcp = false) const {
    const auto decision = read(query, over_tcp);
    EXPECT_EQ(decision.next, Next::forward);
    return answer_forwarded(*view, *decision.query, write_dns_message(upstream, 65535));
  }

  /// How long a resolver may keep that there is nothing: RFC 2308 section 5, the smaller of the
  /// two.
  static std::uint32_t kept_for_s(const DnsMessage& answer) {
    EXPECT_EQ(answer.authorities.size(), 1u);
    const auto& soa = answer.authorities.at(0);
    EXPECT_EQ(soa.ttl, std::get<SoaData>(soa.data).minimum);
    return soa.ttl;
  }

  DnsViewPtr view = view_with(true);
};

TEST_F(AnswersTest, a_configured_name_is_ours_and_any_other_is_forwarded) {
  EXPECT_EQ(read(query_bytes("API2.default.svc.cluster.local.")).next, Next::service);
  EXPECT_EQ(read(query_bytes("example.com")).next, Next::forward);
}

TEST_F(AnswersTest, answers_a_with_the_virtual_address) {
  const auto answer = ask_service("Api2.Default", RecordType::a);
  EXPECT_EQ(answer.header.id, 0x1234);
  EXPECT_TRUE(answer.header.is_response && answer.header.authoritative &&
              answer.header.recursion_available);
  EXPECT_TRUE(answer.header.recursion_desired);
  EXPECT_EQ(answer.header.rcode, Rcode::noerror);
  ASSERT_EQ(answer.answers.size(), 1u);
  EXPECT_EQ(answer.answers[0], address_record("api2.default", "240.1.2.3", 30));
  // As it was asked: some resolvers check the case (draft-vixie-dnsext-dns0x20).
  EXPECT_EQ(answer.questions[0].name.to_text(), "Api2.Default");
}

TEST_F(AnswersTest, answers_aaaa_with_the_virtual_address) {
  const auto answer = ask_service("api2.default", RecordType::aaaa);
  ASSERT_EQ(answer.answers.size(), 1u);
  EXPECT_EQ(answer.answers[0], address_record("api2.default", "fd00:e9a0::1", 30));
}

TEST_F(AnswersTest, a_known_name_without_aaaa_is_no_error_and_empty) {
  view = view_with(false);
  const auto answer = ask_service("api2.default.svc.cluster.local", RecordType::aaaa);
  EXPECT_EQ(answer.header.rcode, Rcode::noerror);
  EXPECT_TRUE(answer.answers.empty());
  ASSERT_EQ(answer.authorities.size(), 1u);
  EXPECT_EQ(answer.authorities[0].type, RecordType::soa);
  EXPECT_EQ(answer.authorities[0].owner, name_of("cluster.local"));
}

TEST_F(AnswersTest, other_types_of_a_known_name_are_no_error_and_empty) {
  for (const auto type : {RecordType::https, RecordType::srv, RecordType::txt, RecordType::ptr,
                          RecordType::soa, static_cast<RecordType>(4711)}) {
    const auto answer = ask_service("api2.default", type);
    EXPECT_EQ(answer.header.rcode, Rcode::noerror) << to_text(type);
    EXPECT_TRUE(answer.answers.empty()) << to_text(type);
    EXPECT_EQ(answer.authorities.size(), 1u) << to_text(type);
  }
}

TEST_F(AnswersTest, what_a_known_name_does_not_have_is_kept_as_long_as_what_it_has) {
  auto slow = settings();
  slow.dns.ttl = std::chrono::seconds(40);
  for (const auto& [made, seconds] : {std::pair(settings(), 30u), std::pair(slow, 40u)}) {
    view = view_with(false, made);
    EXPECT_EQ(ask_service("api2.default", RecordType::a).answers.at(0).ttl, seconds);
    for (const auto* name : {"api2.default", "_http._tcp.api2.default"})
      EXPECT_EQ(kept_for_s(ask_service(name, RecordType::aaaa)), seconds) << name;
  }
}

TEST_F(AnswersTest, any_gets_the_addresses) {
  EXPECT_EQ(ask_service("api2.default", RecordType::any).answers.size(), 2u);
}

TEST_F(AnswersTest, a_named_port_gets_srv_and_the_addresses_beside_it) {
  for (const auto type : {RecordType::srv, RecordType::any}) {
    const auto answer = ask_service("_Http._tcp.Api2.default.svc.cluster.local", type);
    EXPECT_EQ(answer.header.rcode, Rcode::noerror);
    EXPECT_TRUE(answer.header.authoritative);
    const auto target = name_of("Api2.default.svc.cluster.local");
    const DnsRecord srv{answer.questions.at(0).name, RecordType::srv, kClassIn, 30,
                        SrvData{0, 100, 80, target}};
    EXPECT_EQ(answer.answers, std::vector{srv});
    EXPECT_EQ(std::get<SrvData>(answer.answers.at(0).data).target.to_text(), target.to_text());
    EXPECT_EQ(answer.additionals,
              (std::vector{address_record(target.to_text(), "240.1.2.3", 30),
                           address_record(target.to_text(), "fd00:e9a0::1", 30)}));
  }
}

TEST_F(AnswersTest, a_named_port_has_no_other_records) {
  for (const auto type : {RecordType::a, RecordType::aaaa, RecordType::txt}) {
    const auto answer = ask_service("_http._tcp.api2.default", type);
    EXPECT_EQ(answer.header.rcode, Rcode::noerror);
    EXPECT_TRUE(answer.answers.empty() && answer.additionals.empty());
    EXPECT_EQ(answer.authorities.size(), 1u);
  }
}

TEST_F(AnswersTest, other_ports_of_our_names_are_asked_for_upstream) {
  for (const auto* name :
       {"_grpc._tcp.api2.default", "_http._udp.api2.default", "_http._tcp.api9.default"}) {
    EXPECT_EQ(read(query_bytes(name, RecordType::srv)).next, Next::forward) << name;
  }
}

TEST_F(AnswersTest, what_stands_beside_srv_is_left_out_before_anything_is_cut) {
  const std::string label(63, 'a');
  const std::string name = label + "." + label + "." + label + "." + std::string(26, 'a');
  Settings long_name = settings();
  auto& service = long_name.services[name];
  service.name = name;
  service.ports = {{80, PortProtocol::http}};
  const VirtualAddress address{name, *IpAddress::parse("240.1.2.4"),
                               IpAddress::parse("fd00:e9a0::2")};
  view = make_dns_view(long_name,
                       std::make_shared<VirtualAddressTable>(*IpNetwork::parse("240.0.0.0/4"),
                                                             IpNetwork::parse("fd00:e9a0::/32"),
                                                             std::vector{address}),
                       {});
  const auto decision = read(query_bytes("_http._tcp." + name, RecordType::srv));
  ASSERT_EQ(decision.next, Next::service);
  const auto reply = answer_service(*view, *decision.query, *decision.service);
  EXPECT_LE(reply.bytes.size(), 512u);
  const auto answer = parsed(reply);
  EXPECT_FALSE(answer.header.truncated);
  EXPECT_EQ(answer.answers.size(), 1u);
  EXPECT_TRUE(answer.additionals.empty());
  const auto over_tcp = read(query_bytes("_http._tcp." + name, RecordType::srv), true);
  EXPECT_EQ(parsed(answer_service(*view, *over_tcp.query, *over_tcp.service)).additionals.size(),
            2u);
}

TEST_F(AnswersTest, a_service_without_virtual_address_is_a_failure_of_ours) {
  const auto decision = read(query_bytes("full"));
  const auto reply = answer_service(*view, *decision.query, *decision.service);
  EXPECT_EQ(parsed(reply).header.rcode, Rcode::servfail);
  EXPECT_EQ(reply.result, DnsResult::no_address_free);
  EXPECT_NE(reply.error.code, ErrorCode::none);
}

TEST_F(AnswersTest, what_was_never_deployed_does_not_exist_for_a_second) {
  for (const auto type : {RecordType::a, RecordType::aaaa, RecordType::https}) {
    const auto decision = read(query_bytes("api2.default", type));
    const auto reply = answer_not_deployed(*view, *decision.query, *decision.service);
    const auto answer = parsed(reply);
    EXPECT_EQ(answer.header.rcode, Rcode::nxdomain);
    ASSERT_EQ(answer.authorities.size(), 1u);
    EXPECT_EQ(answer.authorities[0].ttl, 1u);
    EXPECT_EQ(std::get<SoaData>(answer.authorities[0].data).minimum, 1u);
    EXPECT_EQ(answer.authorities[0].owner, name_of("default"));
    EXPECT_EQ(reply.error.code, ErrorCode::never_had_endpoint);
    EXPECT_EQ(reply.result, DnsResult::not_deployed);
  }
}

TEST_F(AnswersTest, that_nothing_is_deployed_is_kept_for_the_configured_time) {
  for (const auto& [configured, seconds] :
       {std::pair(0ms, 0u), std::pair(900ms, 0u), std::pair(3000ms, 3u), std::pair(5000ms, 5u)}) {
    auto made = settings();
    made.dns.negative_ttl = configured;
    view = view_with(true, made);
    const auto decision = read(query_bytes("api2.default"));
    const auto answer = parsed(answer_not_deployed(*view, *decision.query, *decision.service));
    EXPECT_EQ(kept_for_s(answer), seconds);
    EXPECT_EQ(ask_service("api2.default", RecordType::a).answers.at(0).ttl, 30u) << "only that";
  }
}

TEST_F(AnswersTest, says_why_to_who_understands_edns) {
  auto query = query_message("api2.default");
  query.edns = Edns{1232, 0, true, ""};
  const auto decision = read(query);
  const auto answer = parsed(answer_not_deployed(*view, *decision.query, *decision.service));
  ASSERT_TRUE(answer.edns);
  EXPECT_TRUE(answer.edns->dnssec_ok);
  EXPECT_NE(
      answer.edns->options.find("service api2.default is configured but has never had an endpoint"),
      std::string::npos);
}

TEST_F(AnswersTest, sends_no_edns_to_who_did_not) {
  const auto decision = read(query_bytes("api2.default"));
  EXPECT_FALSE(parsed(answer_not_deployed(*view, *decision.query, *decision.service)).edns);
  EXPECT_FALSE(parsed(answer_service(*view, *decision.query, *decision.service)).edns);
}

TEST_F(AnswersTest, drops_what_has_no_id_and_what_is_itself_an_answer) {
  EXPECT_EQ(read(bytes_of("1234 0100 0001")).next, Next::drop);
  EXPECT_EQ(read(DnsBytes{}).next, Next::drop);
  EXPECT_EQ(read(response_message("api2.default", RecordType::a, Rcode::noerror)).next, Next::drop);
}

TEST_F(AnswersTest, malformed_queries_get_formerr_under_their_id) {
  auto no_question = query_message("x");
  no_question.questions.clear();
  auto two_questions = query_message("x");
  two_questions.questions.push_back(two_questions.questions[0]);
  auto with_answer = query_message("x");
  with_answer.answers.push_back(address_record("x", "10.0.0.1"));
  auto too_long = query_bytes("x");
  too_long.resize(limits::kDnsMessageBytesMax + 1);
  auto cut = query_bytes("api2.default");
  cut.pop_back();
  for (const auto& bytes :
       {write_dns_message(no_question, 4096), write_dns_message(two_questions, 4096),
        write_dns_message(with_answer, 4096), query_bytes("x", RecordType::opt), too_long, cut}) {
    const auto decision = read(bytes);
    ASSERT_EQ(decision.next, Next::reply);
    const auto answer = parsed(decision.reply);
    EXPECT_EQ(answer.header.rcode, Rcode::formerr);
    EXPECT_EQ(answer.header.id, 0x1234);
    EXPECT_TRUE(answer.header.is_response);
    EXPECT_EQ(decision.reply.result, DnsResult::malformed);
    EXPECT_EQ(decision.reply.error.code, ErrorCode::dns_refused);
  }
}

TEST_F(AnswersTest, other_operations_classes_transfers_and_versions_are_not_implemented) {
  auto update = query_message("api2.default");
  update.header.opcode = 5;
  auto chaos = query_message("version.bind");
  chaos.questions[0].klass = 3;
  for (const auto& query : {update, chaos, query_message("api2.default", RecordType::axfr),
                            query_message("example.com", RecordType::ixfr)}) {
    const auto decision = read(query);
    ASSERT_EQ(decision.next, Next::reply);
    EXPECT_EQ(parsed(decision.reply).header.rcode, Rcode::notimp);
    EXPECT_EQ(decision.reply.result, DnsResult::not_supported);
  }
  auto version = query_message("example.com");
  version.edns = Edns{1232, 1, false, ""};
  const auto decision = read(version);
  ASSERT_EQ(decision.next, Next::reply);
  EXPECT_EQ(parsed(decision.reply).header.rcode, Rcode::badvers);
  EXPECT_EQ(parsed(decision.reply).edns->version, 0);
}

TEST_F(AnswersTest, forwards_the_answer_byte_for_byte_under_the_clients_id) {
  auto upstream = response_message("example.com", RecordType::a, Rcode::noerror);
  upstream.answers = {alias_record("example.com", "b.example"),
                      address_record("b.example", "192.0.2.1")};
  upstream.header.id = 0x9999;
  const auto reply = forward(query_message("example.com"), upstream);
  upstream.header.id = 0x1234;
  EXPECT_EQ(reply.bytes, write_dns_message(upstream, 512));
  EXPECT_EQ(reply.result, DnsResult::forwarded);
  EXPECT_EQ(reply.error.code, ErrorCode::none);
}

TEST_F(AnswersTest, asks_upstream_with_the_clients_question_and_flags_and_an_opt_of_our_own) {
  auto query = query_message("eXample.com", RecordType::txt);
  query.header.checking_disabled = query.header.authentic_data = true;
  query.edns = Edns{65535, 0, true,
                    std::string("\x00\x0a\x00\x08"
                                "12345678",
                                12)};
  const auto asked = write_dns_message(query, 4096);
  const auto sent = read_dns_message(upstream_query(*read(asked).query, asked));
  ASSERT_TRUE(sent);
  EXPECT_EQ(sent->header, query.header);
  EXPECT_EQ(sent->questions.at(0).name.to_text(), "eXample.com");
  ASSERT_TRUE(sent->edns);
  EXPECT_EQ(*sent->edns, (Edns{4096, 0, true, ""}));

  const auto plain = query_bytes("example.com");
  EXPECT_EQ(upstream_query(*read(plain).query, plain), plain);
}

TEST_F(AnswersTest, asks_upstream_what_may_be_signed_as_it_came) {
  auto query = query_message("example.com");
  query.edns = Edns{1232, 0, false, std::string("\x00\x03\x00\x00", 4)};
  query.additionals.push_back({name_of("key"), static_cast<RecordType>(250), 255, 0, "signature"});
  const auto asked = write_dns_message(query, 4096);
  EXPECT_EQ(upstream_query(*read(asked).query, asked), asked);
}

TEST_F(AnswersTest, gives_the_name_back_as_it_was_asked) {
  const auto upstream = response_message("example.com", RecordType::a, Rcode::noerror);
  const auto answer = parsed(forward(query_message("exAMPle.cOm"), upstream));
  EXPECT_EQ(answer.questions.at(0).name.to_text(), "exAMPle.cOm");
  // What is no answer to this question is not made one.
  const auto other = response_message("example.net", RecordType::a, Rcode::noerror);
  EXPECT_EQ(parsed(forward(query_message("exAMPle.cOm"), other)).questions.at(0).name.to_text(),
            "example.net");
}

TEST_F(AnswersTest, whoever_sent_edns_gets_edns_though_the_upstream_has_none) {
  auto query = query_message("example.com");
  query.edns = Edns{1232, 0, true, ""};
  auto upstream = response_message("example.com", RecordType::a, Rcode::noerror);
  upstream.answers = {address_record("example.com", "192.0.2.1")};
  upstream.additionals = {address_record("ns.example.com", "192.0.2.2")};
  const auto answer = parsed(forward(query, upstream));
  ASSERT_TRUE(answer.edns);
  EXPECT_EQ(*answer.edns, (Edns{1232, 0, true, ""}));
  EXPECT_EQ(answer.answers, upstream.answers);
  EXPECT_EQ(answer.additionals, upstream.additionals);
  EXPECT_FALSE(parsed(forward(query_message("example.com"), upstream)).edns);
  // The upstream's own is kept with what it says.
  upstream.edns = Edns{4096, 0, true, ""};
  upstream.edns->add_extended_error(3, "stale");
  EXPECT_EQ(*parsed(forward(query, upstream)).edns, *upstream.edns);
}

TEST_F(AnswersTest, an_unknown_name_stays_unknown) {
  const auto reply = forward(query_message("nowhere.example"),
                             response_message("nowhere.example", RecordType::a, Rcode::nxdomain));
  EXPECT_EQ(parsed(reply).header.rcode, Rcode::nxdomain);
  EXPECT_EQ(reply.result, DnsResult::forwarded_unknown);
  EXPECT_EQ(reply.error.code, ErrorCode::none);
}

TEST_F(AnswersTest, an_unknown_name_is_kept_for_as_long_as_its_own_zone_says) {
  for (const bool asks_edns : {false, true}) {
    auto query = query_message("nowhere.example");
    if (asks_edns) query.edns = Edns{1232, 0, true, ""};
    auto upstream = response_message("nowhere.example", RecordType::a, Rcode::nxdomain);
    const SoaData zone{name_of("ns.example"), name_of("admin.example"), 7, 3600, 600, 86400, 900};
    upstream.authorities = {{name_of("example"), RecordType::soa, kClassIn, 450, zone}};
    const auto answer = parsed(forward(query, upstream));
    EXPECT_EQ(answer.header.rcode, Rcode::nxdomain);
    EXPECT_EQ(answer.authorities, upstream.authorities) << "as it is: a resolver judges by both";
    EXPECT_EQ(answer.edns.has_value(), asks_edns);
  }
}

TEST_F(AnswersTest, the_upstreams_refusal_passes_and_counts_as_one) {
  const auto reply = forward(query_message("x.example"),
                             response_message("x.example", RecordType::a, Rcode::refused));
  EXPECT_EQ(parsed(reply).header.rcode, Rcode::refused);
  EXPECT_EQ(reply.result, DnsResult::forward_failed);
  EXPECT_EQ(reply.error.code, ErrorCode::dns_failed);
  EXPECT_EQ(reply.error.detail, 5);
}

TEST_F(AnswersTest, cuts_what_the_client_cannot_take) {
  auto upstream = response_message("big.example", RecordType::txt, Rcode::noerror);
  const DnsRecord text{name_of("big.example"), RecordType::txt, kClassIn, 60,
                       std::string(100, '\x10')};
  upstream.answers.assign(20, text);
  const auto plain = query_message("big.example", RecordType::txt);
  const auto cut = parsed(forward(plain, upstream));
  EXPECT_TRUE(cut.header.truncated);
  EXPECT_TRUE(cut.answers.empty());
  EXPECT_LE(forward(plain, upstream).bytes.size(), 512u);

  EXPECT_EQ(parsed(forward(plain, upstream, true)).answers.size(), 20u);

  auto large = plain;
  large.edns = Edns{4096, 0, false, ""};
  EXPECT_EQ(parsed(forward(large, upstream)).answers.size(), 20u);
  large.edns->udp_payload_bytes = 1232;
  EXPECT_TRUE(parsed(forward(large, upstream)).header.truncated);
  large.edns->udp_payload_bytes = 1;  // RFC 6891 section 6.2.3: below 512 means 512.
  EXPECT_TRUE(parsed(forward(large, upstream)).header.truncated);
}

TEST_F(AnswersTest, an_upstream_answer_with_a_virtual_address_is_refused) {
  for (const std::string address : {"240.1.2.3", "240.9.9.9", "fd00:e9a0::1"}) {
    auto upstream = response_message("evil.example", RecordType::a, Rcode::noerror);
    upstream.answers = {address_record("evil.example", "192.0.2.1"),
                        address_record("evil.example", address)};
    const auto reply = forward(query_message("evil.example"), upstream);
    EXPECT_EQ(parsed(reply).header.rcode, Rcode::refused) << address;
    EXPECT_TRUE(parsed(reply).answers.empty()) << address;
    EXPECT_EQ(reply.result, DnsResult::forward_rejected) << address;
  }
}

TEST_F(AnswersTest, a_virtual_address_beside_srv_is_refused_too) {
  auto upstream = response_message("_http._tcp.evil.example", RecordType::srv, Rcode::noerror);
  upstream.additionals = {address_record("target.evil.example", "240.1.2.3")};
  const auto reply = forward(query_message("_http._tcp.evil.example", RecordType::srv), upstream);
  EXPECT_EQ(parsed(reply).header.rcode, Rcode::refused);
}

/// Aliases, then what the upstream knows at their end.
class ServiceAliasTest : public AnswersTest {
 protected:
  static DnsMessage upstream(std::initializer_list<std::string_view> names) {
    const std::vector<std::string_view> way(names);
    auto message = response_message(way[0], RecordType::a, Rcode::noerror);
    for (std::size_t i = 0; i + 1 < way.size(); ++i)
      message.answers.push_back(alias_record(way[i], way[i + 1], 7));
    message.answers.push_back(address_record(way.back(), "10.96.0.7"));
    return message;
  }
  std::optional<ServiceAlias> find(const DnsMessage& message,
                                   RecordType type = RecordType::a) const {
    const auto decision = read(query_bytes(message.questions[0].name.to_text(), type));
    EXPECT_EQ(decision.next, Next::forward);
    return find_service_alias(*view, *decision.query, write_dns_message(message, 65535));
  }
};

TEST_F(ServiceAliasTest, an_alias_in_the_cluster_domain_leads_to_the_virtual_address) {
  const auto message = upstream({"Old.default.svc.cluster.local", "older.svc.cluster.local",
                                 "api2.default.svc.cluster.local"});
  const auto alias = find(message);
  ASSERT_TRUE(alias);
  EXPECT_EQ(alias->service->name, "api2.default");
  const auto decision = read(query_bytes("Old.default.svc.cluster.local"));
  const auto reply = answer_service_alias(*view, *decision.query, *alias);
  const auto answer = parsed(reply);
  ASSERT_EQ(answer.answers.size(), 3u);
  EXPECT_EQ(answer.answers[0], message.answers[0]);
  EXPECT_EQ(answer.answers[1], message.answers[1]);
  EXPECT_EQ(answer.answers[2], address_record("api2.default.svc.cluster.local", "240.1.2.3", 30));
  EXPECT_FALSE(answer.header.authoritative);
  EXPECT_EQ(answer.questions[0].name.to_text(), "Old.default.svc.cluster.local");
  EXPECT_EQ(reply.result, DnsResult::virtual_address);
}

TEST_F(ServiceAliasTest, an_alias_in_a_search_domain_does_too_though_its_end_is_unknown) {
  view = make_dns_view(settings(), view->addresses, {"corp.example"});
  auto message = upstream({"old.corp.example", "api2.default.svc.cluster.local"});
  message.answers.pop_back();
  message.header.rcode = Rcode::nxdomain;
  EXPECT_TRUE(find(message));
}

TEST_F(ServiceAliasTest, a_family_without_virtual_addresses_is_an_alias_into_nothing) {
  view = view_with(false);
  const auto alias =
      find(upstream({"old.default.svc.cluster.local", "api2.default.svc.cluster.local"}),
           RecordType::aaaa);
  ASSERT_TRUE(alias);
  const auto decision = read(query_bytes("old.default.svc.cluster.local", RecordType::aaaa));
  const auto answer = parsed(answer_service_alias(*view, *decision.query, *alias));
  EXPECT_EQ(answer.header.rcode, Rcode::noerror);
  EXPECT_EQ(answer.answers.size(), 1u);
  ASSERT_EQ(answer.authorities.size(), 1u);
  EXPECT_EQ(answer.authorities[0].owner, name_of("cluster.local"));
}

TEST_F(ServiceAliasTest, nobody_elsewhere_leads_an_app_to_our_services) {
  EXPECT_FALSE(find(upstream({"www.evil.example", "api2.default.svc.cluster.local"})));
  EXPECT_FALSE(find(
      upstream({"a.default.svc.cluster.local", "evil.example", "api2.default.svc.cluster.local"})));
}

TEST_F(ServiceAliasTest, other_ends_other_types_and_circles_stay_as_they_are) {
  EXPECT_FALSE(find(upstream({"old.default.svc.cluster.local"})));
  EXPECT_FALSE(find(upstream({"old.default.svc.cluster.local", "www.example"})));
  EXPECT_FALSE(find(upstream({"old.default.svc.cluster.local", "api2.default.svc.cluster.local"}),
                    RecordType::https));
  EXPECT_FALSE(find(upstream({"a.cluster.local", "b.cluster.local", "a.cluster.local"})));
}

TEST_F(AnswersTest, an_upstream_answer_that_is_nonsense_is_a_failure) {
  const auto decision = read(query_bytes("example.com"));
  for (const auto& bytes :
       {bytes_of("12"), query_bytes("example.com"), bytes_of("1234 8180 0001 0001 0000 0000")}) {
    const auto reply = answer_forwarded(*view, *decision.query, bytes);
    EXPECT_EQ(parsed(reply).header.rcode, Rcode::servfail);
    EXPECT_EQ(reply.result, DnsResult::forward_failed);
  }
}

TEST_F(AnswersTest, failures_are_servfail_and_loops_are_refused) {
  const auto decision = read(query_bytes("example.com"));
  const Error failed(ErrorCode::dns_failed, Side::upstream, Stage::dns);
  EXPECT_EQ(answer_failure(*decision.query, DnsResult::forward_failed, failed).rcode,
            Rcode::servfail);
  EXPECT_EQ(answer_failure(*decision.query, DnsResult::overloaded, failed).rcode, Rcode::servfail);
  EXPECT_EQ(answer_failure(*decision.query, DnsResult::looped, failed).rcode, Rcode::refused);
}

TEST_F(AnswersTest, the_longest_name_fits_or_is_cut_never_more) {
  Settings long_names = settings();
  const std::string label(61, 'a');
  const std::string name = label + "." + label + "." + label + "." + label + ".abcde";
  long_names.services[name].name = name;
  view = make_dns_view(long_names, view->addresses, {});
  auto query = query_message(name);
  query.edns = Edns{512, 0, false, ""};
  const auto decision = read(query);
  ASSERT_EQ(decision.next, Next::service);
  EXPECT_LE(answer_not_deployed(*view, *decision.query, *decision.service).bytes.size(), 512u);
  EXPECT_LE(answer_service(*view, *decision.query, *decision.service).bytes.size(), 512u);
}

}  // namespace
}  // namespace epaulet::test
