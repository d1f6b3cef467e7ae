#include "dns/server.h"

#include <gtest/gtest.h>

#include <deque>
#include <optional>

#include "base/limits.h"
#include "dns/virtual_addresses.h"
#include "io/ops.h"
#include "tests/support/memory_network.h"
#include "tests/support/sim_loop.h"
#include "tests/unit/discovery/fake_resolver.h"
#include "tests/unit/dns/fake_upstream.h"

namespace epaulet::test {
namespace {

using namespace std::chrono_literals;

const SocketAddress kServer = *SocketAddress::parse("127.0.0.1:15053");
const SocketAddress kClient = *SocketAddress::parse("127.0.0.1:40000");
constexpr const char* kUpstreamName = "api2.default.svc.cluster.local";

/// Both queues of a UDP socket.
struct Wire {
  struct Datagram {
    DnsBytes bytes;
    SocketAddress peer;
  };
  std::deque<Datagram> to_server;
  std::vector<Datagram> from_server;
};

class FakeSocket final : public DatagramSocket {
 public:
  FakeSocket(Loop& loop, Wire& wire) : loop_(loop), wire_(wire) {}
  ~FakeSocket() override { EXPECT_EQ(receiving_, nullptr); }

  bool start_receive(ReceiveOp& op) override {
    if (deliver(op)) return true;
    receiving_ = &op;
    return false;
  }
  void cancel_receive(const Error& why) override {
    if (receiving_ == nullptr) return;
    receiving_->result = why;
    loop_.ready(*std::exchange(receiving_, nullptr));
  }
  Result<void> send(ConstBytes datagram, const SocketAddress& to) override {
    wire_.from_server.push_back({DnsBytes(datagram.begin(), datagram.end()), to});
    return {};
  }
  SocketAddress local() const override { return kServer; }

  void arrived() {
    if (receiving_ != nullptr && deliver(*receiving_))
      loop_.ready(*std::exchange(receiving_, nullptr));
  }

 private:
  bool deliver(ReceiveOp& op) {
    if (wire_.to_server.empty()) return false;
    const auto& datagram = wire_.to_server.front();
    const Bytes buffer = op.prepare();
    const std::size_t size = std::min(buffer.size(), datagram.bytes.size());
    std::copy_n(datagram.bytes.begin(), size, buffer.begin());
    op.result = size;
    op.from = datagram.peer;
    wire_.to_server.pop_front();
    return true;
  }
  Loop& loop_;
  Wire& wire_;
  ReceiveOp* receiving_ = nullptr;
};

struct RecordedRefusal {
  std::string name, service, text;
  ErrorCode code;
  ErrorCode cause;
  Rcode rcode;
  SocketAddress client;
  bool over_tcp;
};
class RecordingObserver final : public DnsObserver {
 public:
  void on_refusal(const DnsRefusal& refusal) override {
    refusals.push_back({std::string(refusal.name), std::string(refusal.service), describe(refusal),
                        refusal.error.code, refusal.cause, refusal.rcode, refusal.client,
                        refusal.over_tcp});
  }
  std::vector<RecordedRefusal> refusals;
};

class DnsServerTest : public testing::Test {
 protected:
  DnsServerTest() {
    settings.workload.service = "api.default";
    auto& service = settings.services["api2.default"];
    service.name = service.default_backend = "api2.default";
    settings.backends["api2.default"] = dns_backend("api2.default", kUpstreamName);
    endpoints->apply(settings);
    loop.run_until_quiet();
    VirtualAddressBook book(settings.dns.virtual_v4, *IpNetwork::parse("fd00:e9a0::/32"));
    EXPECT_TRUE(book.assign(std::vector<std::string>{"api2.default"}, loop.wall_now()).empty());
    table = book.table();
    server = std::make_unique<DnsServer>(loop, *endpoints, upstream, observer,
                                         make_dns_view(settings, table, {}));
    auto made = std::make_unique<FakeSocket>(loop, wire);
    socket = made.get();
    server->serve(std::move(made));
    server->serve(network.listen(loop, kServer));
    // The first look has failed to find anything, and the second that a look on demand must wait
    // has passed.
    loop.advance(1500ms);
    resolver.asked = 0;
  }
  ~DnsServerTest() override {
    server.reset();
    loop.run_until_quiet();
    EXPECT_EQ(loop.spawned_tasks(), spawned_by_test);
  }

  void send(const DnsBytes& query, const SocketAddress& from = kClient) {
    wire.to_server.push_back({query, from});
    socket->arrived();
    loop.run_until_quiet();
  }
  /// The only answer that has come since the last call; nothing if there is none.
  std::optional<DnsMessage> take_answer() {
    EXPECT_LE(wire.from_server.size(), 1u);
    if (wire.from_server.empty()) return std::nullopt;
    auto message = read_dns_message(wire.from_server[0].bytes);
    EXPECT_EQ(wire.from_server[0].peer, kClient);
    wire.from_server.clear();
    EXPECT_TRUE(message);
    return message ? std::optional(std::move(*message)) : std::nullopt;
  }
  std::optional<DnsMessage> ask(std::string_view name, RecordType type = RecordType::a) {
    send(query_bytes(name, type));
    return take_answer();
  }
  std::uint64_t count(DnsResult result) const { return server->counters().of(result); }

  SimLoop loop;
  FakeResolver resolver;
  FakeUpstream upstream{loop};
  RecordingObserver observer;
  MemoryNetwork network{Random(1)};
  Settings settings;
  DirectoryFeed feed;
  std::unique_ptr<Endpoints> endpoints = std::make_unique<Endpoints>(
      loop, resolver, feed, [](const std::string&, const EndpointSetPtr&) {});
  VirtualAddressTablePtr table;
  Wire wire;
  FakeSocket* socket = nullptr;
  std::unique_ptr<DnsServer> server;
  std::size_t spawned_by_test = 0;
};

TEST_F(DnsServerTest, a_name_that_never_had_an_endpoint_does_not_exist_and_the_reason_is_reported) {
  const auto answer = ask("api2.default");
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->header.rcode, Rcode::nxdomain);
  EXPECT_LE(answer->authorities.at(0).ttl, 5u);
  ASSERT_EQ(observer.refusals.size(), 1u);
  const auto& refusal = observer.refusals[0];
  EXPECT_EQ(refusal.code, ErrorCode::never_had_endpoint);
  EXPECT_EQ(refusal.cause, ErrorCode::dns_name_unknown);
  EXPECT_EQ(refusal.service, "api2.default");
  EXPECT_EQ(refusal.rcode, Rcode::nxdomain);
  EXPECT_EQ(refusal.client, kClient);
  EXPECT_EQ(refusal.text,
            "service api2.default is configured but has never had an endpoint (asked for A "
            "api2.default)");
  EXPECT_EQ(count(DnsResult::not_deployed), 1u);
}

TEST_F(DnsServerTest, the_first_query_after_the_record_appeared_succeeds) {
  ASSERT_EQ(ask("api2.default")->header.rcode, Rcode::nxdomain);
  loop.advance(1100ms);
  resolver.answer(kUpstreamName, {"10.0.0.1"});
  const auto answer = ask("api2.default");
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->header.rcode, Rcode::noerror);
  ASSERT_EQ(answer->answers.size(), 1u);
  EXPECT_EQ(std::get<IpAddress>(answer->answers[0].data), table->find("api2.default")->v4);
  EXPECT_EQ(count(DnsResult::virtual_address), 1u);
}

TEST_F(DnsServerTest, waits_for_the_look_no_longer_than_a_second) {
  resolver.holds = true;
  send(query_bytes("api2.default"));
  EXPECT_EQ(server->pending(), 1u);
  loop.advance(999ms);
  EXPECT_FALSE(take_answer());
  loop.advance(2ms);
  const auto answer = take_answer();
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->header.rcode, Rcode::nxdomain);
  EXPECT_EQ(server->pending(), 0u);
  resolver.release();
}

TEST_F(DnsServerTest, a_look_that_ends_within_the_second_answers_all_who_wait) {
  resolver.holds = true;
  resolver.answer(kUpstreamName, {"10.0.0.1"});
  send(query_bytes("api2.default", RecordType::a));
  send(query_bytes("api2.default", RecordType::aaaa));
  send(query_bytes("api2.default.svc.cluster.local", RecordType::a));
  loop.advance(500ms);
  EXPECT_EQ(resolver.asked, 1u);
  EXPECT_EQ(server->pending(), 3u);
  resolver.release();
  loop.run_until_quiet();
  EXPECT_EQ(wire.from_server.size(), 3u);
  EXPECT_EQ(count(DnsResult::virtual_address), 3u);
}

TEST_F(DnsServerTest, looks_upstream_at_most_once_a_second_however_often_it_is_asked) {
  for (int i = 0; i < 30; ++i) {
    ASSERT_EQ(ask("api2.default")->header.rcode, Rcode::nxdomain);
    loop.advance(100ms);
  }
  EXPECT_LE(resolver.asked, 4u);
  EXPECT_GE(resolver.asked, 3u);
}

TEST_F(DnsServerTest, says_when_the_upstream_could_not_be_asked) {
  resolver.fail(kUpstreamName);
  EXPECT_EQ(ask("api2.default")->header.rcode, Rcode::nxdomain);
  EXPECT_EQ(observer.refusals.at(0).cause, ErrorCode::dns_failed);
}

TEST_F(DnsServerTest, a_service_that_lost_its_endpoints_keeps_its_address) {
  resolver.answer(kUpstreamName, {"10.0.0.1"}, 1s);
  ASSERT_EQ(ask("api2.default")->answers.size(), 1u);
  resolver.forget(kUpstreamName);
  loop.advance(10s);
  ASSERT_TRUE(endpoints->find("api2.default")->endpoints.empty());
  EXPECT_EQ(ask("api2.default")->answers.size(), 1u);
  EXPECT_TRUE(observer.refusals.empty());
}

TEST_F(DnsServerTest, answers_known_names_without_asking_anybody) {
  resolver.answer(kUpstreamName, {"10.0.0.1"});
  ASSERT_TRUE(ask("api2.default"));
  const auto asked = resolver.asked;
  EXPECT_EQ(ask("API2.DEFAULT.svc.cluster.local", RecordType::aaaa)->answers.size(), 1u);
  EXPECT_EQ(ask("api2.default", RecordType::https)->header.rcode, Rcode::noerror);
  EXPECT_EQ(resolver.asked, asked);
  EXPECT_EQ(upstream.asked, 0u);
}

TEST_F(DnsServerTest, forwards_other_names_unchanged) {
  auto response = response_message("example.com", RecordType::txt, Rcode::noerror);
  response.answers.push_back({name_of("example.com"), RecordType::txt, kClassIn, 60, "\x05hello"});
  response.edns = Edns{1232, 0, true, ""};
  upstream.answer("example.com", RecordType::txt, response);
  auto query = query_message("example.com", RecordType::txt);
  query.edns = Edns{1400, 0, true, ""};
  send(write_dns_message(query, 512));
  EXPECT_EQ(upstream.last_query, write_dns_message(query, 512));
  const auto answer = take_answer();
  ASSERT_TRUE(answer);
  EXPECT_EQ(*answer, response);
  EXPECT_EQ(count(DnsResult::forwarded), 1u);
  EXPECT_TRUE(observer.refusals.empty());
}

TEST_F(DnsServerTest, an_alias_of_a_service_leads_to_it_once_it_had_an_endpoint) {
  constexpr const char* kAlias = "old.default.svc.cluster.local";
  auto response = response_message(kAlias, RecordType::a, Rcode::noerror);
  response.answers = {alias_record(kAlias, kUpstreamName),
                      address_record(kUpstreamName, "10.0.0.1")};
  upstream.answer(kAlias, RecordType::a, response);
  EXPECT_EQ(ask(kAlias)->answers, response.answers);

  resolver.answer(kUpstreamName, {"10.0.0.1"});
  ASSERT_EQ(ask("api2.default")->answers.size(), 1u);
  const auto answer = ask(kAlias);
  ASSERT_TRUE(answer);
  ASSERT_EQ(answer->answers.size(), 2u);
  EXPECT_EQ(answer->answers[0], response.answers[0]);
  EXPECT_EQ(std::get<IpAddress>(answer->answers[1].data), table->find("api2.default")->v4);
}

TEST_F(DnsServerTest, an_unknown_name_is_unknown) {
  upstream.answer("nowhere.example", RecordType::a, Rcode::nxdomain);
  EXPECT_EQ(ask("nowhere.example")->header.rcode, Rcode::nxdomain);
  EXPECT_EQ(count(DnsResult::forwarded_unknown), 1u);
}

TEST_F(DnsServerTest, an_upstream_that_fails_is_servfail_and_reported) {
  send(query_bytes("example.com"));
  EXPECT_FALSE(take_answer());
  upstream.fail_all(Error(ErrorCode::dns_failed, Side::upstream, Stage::resolve));
  loop.run_until_quiet();
  EXPECT_EQ(take_answer()->header.rcode, Rcode::servfail);
  ASSERT_EQ(observer.refusals.size(), 1u);
  EXPECT_EQ(observer.refusals[0].code, ErrorCode::dns_failed);
  EXPECT_EQ(observer.refusals[0].service, "");
}

TEST_F(DnsServerTest, an_upstream_that_is_silent_is_servfail_before_the_app_asks_again) {
  send(query_bytes("example.com"));
  loop.advance(4499ms);
  EXPECT_FALSE(take_answer());
  loop.advance(2ms);
  EXPECT_EQ(take_answer()->header.rcode, Rcode::servfail);
  EXPECT_EQ(upstream.waiting(), 0u);
}

TEST_F(DnsServerTest, a_query_of_our_own_is_a_loop_and_refused) {
  upstream.own = kClient;
  EXPECT_EQ(ask("example.com")->header.rcode, Rcode::refused);
  EXPECT_EQ(observer.refusals.at(0).code, ErrorCode::destination_is_ourselves);
  EXPECT_EQ(upstream.asked, 0u);
  EXPECT_EQ(count(DnsResult::looped), 1u);
}

TEST_F(DnsServerTest, bounds_the_queries_that_wait) {
  for (std::size_t i = 0; i < limits::kDnsPendingMax; ++i)
    send(query_bytes("n" + std::to_string(i) + ".example"));
  EXPECT_EQ(server->pending(), limits::kDnsPendingMax);
  EXPECT_TRUE(wire.from_server.empty());
  EXPECT_EQ(ask("one.more")->header.rcode, Rcode::servfail);
  EXPECT_EQ(observer.refusals.at(0).code, ErrorCode::limit_pending);
  EXPECT_EQ(count(DnsResult::overloaded), 1u);
  // What needs nobody is still answered.
  EXPECT_EQ(ask("api2.default", RecordType::axfr)->header.rcode, Rcode::notimp);
}

TEST_F(DnsServerTest, survives_nonsense) {
  send(bytes_of("00"));
  send(DnsBytes{});
  send(write_dns_message(response_message("x", RecordType::a, Rcode::noerror), 512));
  EXPECT_TRUE(wire.from_server.empty());
  EXPECT_EQ(count(DnsResult::dropped), 3u);
  EXPECT_TRUE(observer.refusals.empty());
  send(bytes_of("1234 0100 0001 0000 0000 0000"));
  EXPECT_EQ(take_answer()->header.rcode, Rcode::formerr);
  send(DnsBytes(limits::kDnsMessageBytesMax + 1));
  EXPECT_EQ(take_answer()->header.rcode, Rcode::formerr);
}

TEST_F(DnsServerTest, answers_a_flood_without_stopping_others) {
  resolver.answer(kUpstreamName, {"10.0.0.1"});
  ASSERT_TRUE(ask("api2.default"));
  for (int i = 0; i < 1000; ++i) wire.to_server.push_back({query_bytes("api2.default"), kClient});
  socket->arrived();
  (void)loop.turn();
  EXPECT_LT(wire.from_server.size(), 100u);
  loop.run_until_quiet();
  EXPECT_EQ(wire.from_server.size(), 1000u);
}

TEST_F(DnsServerTest, a_reload_adds_and_removes_names_and_spares_who_waits) {
  resolver.holds = true;
  send(query_bytes("api2.default"));
  EXPECT_EQ(server->pending(), 1u);
  Settings other;
  server->apply(make_dns_view(other, table, {}));
  endpoints->apply(other);
  loop.advance(2s);
  EXPECT_EQ(take_answer()->header.rcode, Rcode::nxdomain);
  upstream.answer("api2.default", RecordType::a, Rcode::nxdomain);
  EXPECT_EQ(ask("api2.default")->header.rcode, Rcode::nxdomain);
  EXPECT_EQ(count(DnsResult::forwarded_unknown), 1u);
}

TEST_F(DnsServerTest, may_go_while_queries_wait) {
  resolver.holds = true;
  send(query_bytes("api2.default"));
  send(query_bytes("example.com"));
  server.reset();
  loop.run_until_quiet();
  EXPECT_EQ(upstream.waiting(), 0u);
  EXPECT_TRUE(wire.from_server.empty());
  resolver.release();
}

// TCP.

class DnsServerTcpTest : public DnsServerTest {
 protected:
  StreamPtr connect() {
    StreamPtr stream;
    loop.spawn(dial(*dialer, scope, stream));
    loop.run_until_quiet();
    EXPECT_NE(stream, nullptr);
    return stream;
  }
  static Task<void> dial(Dialer& dialer, Scope& scope, StreamPtr& out) {
    auto dialing = dialer.dial(kServer, scope);
    auto stream = co_await dialing;
    if (stream) out = std::move(*stream);
  }
  static DnsBytes framed(const DnsBytes& message) {
    DnsBytes out{static_cast<std::byte>(message.size() >> 8),
                 static_cast<std::byte>(message.size() & 0xff)};
    out.insert(out.end(), message.begin(), message.end());
    return out;
  }
  void write(ByteStream& stream, const DnsBytes& bytes) {
    loop.spawn(write_task(stream, bytes, scope));
    loop.run_until_quiet();
  }
  static Task<void> write_task(ByteStream& stream, DnsBytes bytes, Scope& scope) {
    const std::array<ConstBytes, 1> pieces{ConstBytes(bytes)};
    (void)co_await write_all(stream, pieces, scope);
  }
  /// What can be read now; `closed` if the stream ended.
  DnsBytes read(ByteStream& stream) {
    DnsBytes out;
    Scope until_quiet(scope);
    closed = false;
    loop.spawn(read_task(stream, out, closed, until_quiet));
    loop.run_until_quiet();
    until_quiet.cancel(Error(ErrorCode::cancelled, Side::self, Stage::none));
    loop.run_until_quiet();
    return out;
  }
  static Task<void> read_task(ByteStream& stream, DnsBytes& out, bool& closed, Scope& scope) {
    std::vector<std::byte> buffer(65537);
    const auto got = co_await read_some(stream, buffer, scope);
    if (got && *got > 0)
      out.assign(buffer.begin(), buffer.begin() + static_cast<std::ptrdiff_t>(*got));
    closed = got ? *got == 0 : got.error().code != ErrorCode::cancelled;
  }

  Scope scope{loop};
  std::unique_ptr<Dialer> dialer = network.dialer(loop, *IpAddress::parse("127.0.0.1"));
  bool closed = false;
};

TEST_F(DnsServerTcpTest, answers_several_queries_of_one_connection_in_order) {
  resolver.answer(kUpstreamName, {"10.0.0.1"});
  upstream.answer("nowhere.example", RecordType::a, Rcode::nxdomain);
  const auto stream = connect();
  auto both = framed(query_bytes("nowhere.example"));
  const auto second = framed(query_bytes("api2.default"));
  both.insert(both.end(), second.begin(), second.end());
  write(*stream, both);
  const auto first_answer = read(*stream);
  ASSERT_GT(first_answer.size(), 14u);
  DnsBytes rest = first_answer;
  std::vector<Rcode> rcodes;
  for (int i = 0; i < 2; ++i) {
    if (rest.size() < 2) {
      const auto more = read(*stream);
      rest.insert(rest.end(), more.begin(), more.end());
    }
    const std::size_t size =
        std::to_integer<std::size_t>(rest[0]) << 8 | std::to_integer<std::size_t>(rest[1]);
    ASSERT_GE(rest.size(), 2 + size);
    const auto message = read_dns_message(std::span(rest).subspan(2, size));
    ASSERT_TRUE(message);
    rcodes.push_back(message->header.rcode);
    rest.erase(rest.begin(), rest.begin() + static_cast<std::ptrdiff_t>(2 + size));
  }
  EXPECT_EQ(rcodes, (std::vector<Rcode>{Rcode::nxdomain, Rcode::noerror}));
}

TEST_F(DnsServerTcpTest, reports_refusals_with_their_transport) {
  const auto stream = connect();
  write(*stream, framed(query_bytes("api2.default")));
  ASSERT_EQ(observer.refusals.size(), 1u);
  EXPECT_TRUE(observer.refusals[0].over_tcp);
}

TEST_F(DnsServerTcpTest, takes_a_query_in_pieces) {
  const auto stream = connect();
  for (const auto octet : framed(query_bytes("api2.default"))) write(*stream, DnsBytes{octet});
  EXPECT_FALSE(read(*stream).empty());
}

TEST_F(DnsServerTcpTest, closes_a_connection_that_is_idle_for_ten_seconds) {
  const auto stream = connect();
  EXPECT_EQ(server->tcp_connections(), 1u);
  write(*stream, DnsBytes{std::byte{0}});
  loop.advance(9999ms);
  EXPECT_EQ(server->tcp_connections(), 1u);
  loop.advance(2ms);
  EXPECT_EQ(server->tcp_connections(), 0u);
  EXPECT_TRUE(read(*stream).empty());
  EXPECT_TRUE(closed);
}

TEST_F(DnsServerTcpTest, closes_a_connection_whose_query_is_too_long) {
  const auto stream = connect();
  write(*stream, DnsBytes{std::byte{0x10}, std::byte{0x01}});
  EXPECT_EQ(server->tcp_connections(), 0u);
  EXPECT_EQ(count(DnsResult::malformed), 1u);
}

TEST_F(DnsServerTcpTest, bounds_its_connections) {
  std::vector<StreamPtr> streams;
  for (std::size_t i = 0; i < limits::kDnsTcpConnectionsMax; ++i) streams.push_back(connect());
  EXPECT_EQ(server->tcp_connections(), limits::kDnsTcpConnectionsMax);
  const auto one_more = connect();
  EXPECT_TRUE(read(*one_more).empty());
  EXPECT_TRUE(closed);
  EXPECT_EQ(server->tcp_connections(), limits::kDnsTcpConnectionsMax);
  streams.pop_back();
  loop.run_until_quiet();
  EXPECT_EQ(server->tcp_connections(), limits::kDnsTcpConnectionsMax - 1);
}

TEST_F(DnsServerTcpTest, may_go_while_connections_are_open) {
  const auto idle = connect();
  const auto waiting = connect();
  write(*waiting, framed(query_bytes("example.com")));
  EXPECT_EQ(server->pending(), 1u);
  server.reset();
  loop.run_until_quiet();
  EXPECT_TRUE(read(*idle).empty());
  EXPECT_TRUE(closed);
  EXPECT_EQ(upstream.waiting(), 0u);
}

}  // namespace
}  // namespace epaulet::test
