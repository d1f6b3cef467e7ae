#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <future>
#include <map>
#include <mutex>
#include <optional>
#include <thread>

#include "dns/cares_upstream.h"
#include "dns/resolver.h"
#include "dns/server.h"
#include "dns/virtual_address_store.h"
#include "io/tcp.h"
#include "runtime/asio_loop.h"
#include "tests/unit/discovery/fake_resolver.h"
#include "tests/unit/dns/bytes.h"

// The in-pod DNS on real sockets and c-ares against a name server of ours, all on loopback and
// ports of the kernel's choice.
namespace epaulet::test {
namespace {

using namespace std::chrono_literals;

SocketAddress local_address(int fd) {
  sockaddr_storage storage{};
  socklen_t length = sizeof storage;
  EXPECT_EQ(::getsockname(fd, reinterpret_cast<sockaddr*>(&storage), &length), 0);
  return *SocketAddress::from_sockaddr(reinterpret_cast<sockaddr*>(&storage));
}

OwnedFd bound_socket(int type, const SocketAddress& address) {
  sockaddr_storage storage;
  const unsigned length = address.to_sockaddr(storage);
  OwnedFd fd(::socket(storage.ss_family, type | SOCK_CLOEXEC, 0));
  if (::bind(fd.get(), reinterpret_cast<sockaddr*>(&storage), length) != 0) return OwnedFd();
  return fd;
}

bool read_exactly(int fd, std::byte* data, std::size_t size) {
  while (size > 0) {
    const auto got = ::read(fd, data, size);
    if (got <= 0) return false;
    data += got;
    size -= static_cast<std::size_t>(got);
  }
  return true;
}

/// An upstream server in a thread of its own: NXDOMAIN for all that it was not told. Over UDP it
/// sends as much as the query's EDNS allows.
class Nameserver {
 public:
  enum class Mood { honest, silent, truncating, forging, without_edns, without_tcp };

  explicit Nameserver(Mood mood = Mood::honest, const std::string& ip = "127.0.0.1") : mood_(mood) {
    const auto address = *IpAddress::parse(ip);
    // UDP and TCP on one port: what UDP was given may be taken for TCP.
    for (int tries = 0; tries < 50 && !tcp_.valid(); ++tries) {
      udp_ = bound_socket(SOCK_DGRAM, {address, 0});
      tcp_ = bound_socket(SOCK_STREAM, local_address(udp_.get()));
    }
    EXPECT_TRUE(tcp_.valid());
    EXPECT_EQ(::listen(tcp_.get(), 16), 0);
    EXPECT_EQ(::pipe(stop_), 0);
    thread_ = std::thread([this] { run(); });
  }
  ~Nameserver() {
    (void)!::write(stop_[1], "x", 1);
    thread_.join();
    ::close(stop_[0]);
    ::close(stop_[1]);
  }

  void answer(DnsMessage response) {
    const std::lock_guard lock(mutex_);
    auto key = std::pair(response.questions[0].name.key(), response.questions[0].type);
    answers_.insert_or_assign(std::move(key), std::move(response));
  }
  void answer_address(std::string_view name, std::string_view ip, std::uint32_t ttl = 60) {
    auto response = response_message(name, RecordType::a, Rcode::noerror);
    response.answers = {address_record(name, ip, ttl)};
    answer(response);
    answer(response_message(name, RecordType::aaaa, Rcode::noerror));
  }
  [[nodiscard]] SocketAddress address() const { return local_address(udp_.get()); }
  [[nodiscard]] int udp_queries() const { return udp_queries_; }
  [[nodiscard]] int tcp_queries() const { return tcp_queries_; }
  [[nodiscard]] unsigned last_id() const { return last_id_; }
  /// Where the first query came from; waits for it.
  [[nodiscard]] SocketAddress wait_for_client() { return first_client_.get_future().get(); }

 private:
  void run() {
    for (;;) {
      std::vector<pollfd> waiting{
          {stop_[0], POLLIN, 0}, {udp_.get(), POLLIN, 0}, {tcp_.get(), POLLIN, 0}};
      for (const auto& connection : connections_) waiting.push_back({connection.get(), POLLIN, 0});
      if (::poll(waiting.data(), waiting.size(), -1) < 0 || waiting[0].revents != 0) return;
      if (waiting[1].revents != 0) serve_datagram();
      // Many queries may come over one connection (RFC 7766 section 6.2.1), and c-ares sends them
      // so.
      for (std::size_t i = connections_.size(); i-- > 0;) {
        if (waiting[3 + i].revents != 0 && !serve_connection(connections_[i].get())) {
          connections_.erase(connections_.begin() + static_cast<std::ptrdiff_t>(i));
        }
      }
      if (waiting[2].revents != 0)
        connections_.emplace_back(::accept(tcp_.get(), nullptr, nullptr));
    }
  }
  DnsMessage response_to(const DnsMessage& query) {
    const std::lock_guard lock(mutex_);
    const auto& question = query.questions[0];
    const auto known = answers_.find({question.name.key(), question.type});
    auto response = known != answers_.end()
                        ? known->second
                        : response_message(question.name.to_text(), question.type, Rcode::nxdomain);
    response.header.id = query.header.id;
    if (query.edns && mood_ == Mood::without_edns) {
      response.header.rcode = Rcode::formerr;
      response.answers.clear();
    } else if (query.edns) {
      response.edns = Edns{1232, 0, query.edns->dnssec_ok, ""};
    }
    return response;
  }
  void serve_datagram() {
    std::vector<std::byte> buffer(4096);
    sockaddr_storage from{};
    socklen_t length = sizeof from;
    const auto got = ::recvfrom(udp_.get(), buffer.data(), buffer.size(), 0,
                                reinterpret_cast<sockaddr*>(&from), &length);
    if (got <= 0) return;
    const auto query = read_dns_message(std::span(buffer).first(static_cast<std::size_t>(got)));
    if (!query) return;
    last_id_ = query->header.id;
    const std::size_t limit =
        query->edns ? std::max<std::size_t>(query->edns->udp_payload_bytes, 512) : 512;
    if (++udp_queries_ == 1) {
      first_client_.set_value(*SocketAddress::from_sockaddr(reinterpret_cast<sockaddr*>(&from)));
    }
    if (mood_ == Mood::silent) return;
    const auto send = [&](const DnsBytes& bytes) {
      (void)::sendto(udp_.get(), bytes.data(), bytes.size(), 0, reinterpret_cast<sockaddr*>(&from),
                     length);
    };
    auto response = response_to(*query);
    if (mood_ == Mood::forging) {
      auto forged = response;
      forged.answers = {address_record(query->questions[0].name.to_text(), "203.0.113.66")};
      forged.header.id = static_cast<std::uint16_t>(forged.header.id + 1);
      send(write_dns_message(forged, 512));
      forged.header.id = response.header.id;
      forged.questions[0].name = name_of("other.example");
      send(write_dns_message(forged, 512));
    }
    if (mood_ == Mood::truncating) {
      response.answers.clear();
      response.header.truncated = true;
    }
    send(write_dns_message(response, limit));
  }
  /// False: the connection has ended.
  bool serve_connection(int connection) {
    if (mood_ == Mood::without_tcp) return false;
    std::byte prefix[2];
    if (!read_exactly(connection, prefix, 2)) return false;
    std::vector<std::byte> buffer(std::to_integer<std::size_t>(prefix[0]) << 8 |
                                  std::to_integer<std::size_t>(prefix[1]));
    if (!read_exactly(connection, buffer.data(), buffer.size())) return false;
    const auto query = read_dns_message(buffer);
    if (!query) return false;
    ++tcp_queries_;
    const auto bytes = write_dns_message(response_to(*query), 65535);
    DnsBytes framed{static_cast<std::byte>(bytes.size() >> 8),
                    static_cast<std::byte>(bytes.size() & 0xff)};
    framed.insert(framed.end(), bytes.begin(), bytes.end());
    return ::write(connection, framed.data(), framed.size()) == static_cast<ssize_t>(framed.size());
  }

  Mood mood_;
  OwnedFd udp_;
  OwnedFd tcp_;
  std::vector<OwnedFd> connections_;
  int stop_[2] = {-1, -1};
  std::mutex mutex_;
  std::map<std::pair<std::string, RecordType>, DnsMessage> answers_;
  std::atomic<int> udp_queries_ = 0;
  std::atomic<int> tcp_queries_ = 0;
  std::atomic<unsigned> last_id_ = 0;
  std::promise<SocketAddress> first_client_;
  std::thread thread_;
};

CaresUpstream::Options quick(std::vector<SocketAddress> servers) {
  return {std::move(servers), 100ms, 2};
}

// c-ares behind the seam.

class CaresUpstreamTest : public testing::Test {
 protected:
  /// Runs the loop until the answer is there.
  Result<DnsBytes> ask(CaresUpstream& upstream, DnsBytes query) {
    std::optional<Result<DnsBytes>> result;
    loop.spawn(exchange(upstream, std::move(query), scope, result, loop));
    loop.run();
    return *result;
  }
  static Task<void> exchange(CaresUpstream& upstream, DnsBytes query, Scope& scope,
                             std::optional<Result<DnsBytes>>& result, AsioLoop& loop) {
    Exchanges one(upstream, scope);
    one.add(std::move(query));
    co_await one;
    result = one.result(0);
    loop.stop();
  }

  AsioLoop loop;
  Scope scope{loop};
};

TEST_F(CaresUpstreamTest, asks_under_an_id_of_its_own_and_answers_under_the_clients) {
  Nameserver server;
  server.answer_address("example.com", "192.0.2.1");
  CaresUpstream upstream(loop, make_fd_watch(loop), quick({server.address()}));
  auto query = query_message("example.com");
  query.header.id = 0xbeef;
  const auto answer = ask(upstream, write_dns_message(query, 512));
  ASSERT_TRUE(answer);
  const auto message = read_dns_message(*answer);
  ASSERT_TRUE(message);
  EXPECT_EQ(message->header.id, 0xbeef);
  EXPECT_EQ(message->answers.at(0), address_record("example.com", "192.0.2.1"));
  EXPECT_NE(server.last_id(), 0xbeefu);  // Wrong once in 65536 runs.
}

TEST_F(CaresUpstreamTest, gives_nxdomain_as_an_answer) {
  Nameserver server;
  CaresUpstream upstream(loop, make_fd_watch(loop), quick({server.address()}));
  const auto answer = ask(upstream, query_bytes("nowhere.example"));
  ASSERT_TRUE(answer);
  EXPECT_EQ(read_dns_message(*answer)->header.rcode, Rcode::nxdomain);
}

TEST_F(CaresUpstreamTest, asks_again_over_tcp_what_was_truncated) {
  Nameserver server(Nameserver::Mood::truncating);
  auto response = response_message("big.example", RecordType::txt, Rcode::noerror);
  const DnsRecord text{name_of("big.example"), RecordType::txt, kClassIn, 60,
                       std::string(200, '\x20')};
  response.answers.assign(40, text);
  server.answer(response);
  CaresUpstream upstream(loop, make_fd_watch(loop), quick({server.address()}));
  const auto answer = ask(upstream, query_bytes("big.example", RecordType::txt));
  ASSERT_TRUE(answer);
  EXPECT_EQ(read_dns_message(*answer)->answers.size(), 40u);
  EXPECT_EQ(server.tcp_queries(), 1);
}

DnsBytes edns_query(std::string_view name, RecordType type, std::uint16_t payload_bytes) {
  auto query = query_message(name, type);
  query.edns = Edns{payload_bytes, 0, false, ""};
  return write_dns_message(query, 4096);
}
/// Five texts: too much for 512 octets, not for 1232.
DnsMessage five_texts(std::string_view name) {
  auto response = response_message(name, RecordType::txt, Rcode::noerror);
  response.answers.assign(5,
                          {name_of(name), RecordType::txt, kClassIn, 60, std::string(200, '\x20')});
  return response;
}

TEST_F(CaresUpstreamTest, takes_over_udp_what_the_query_allows) {
  Nameserver server(Nameserver::Mood::without_tcp);
  server.answer(five_texts("big.example"));
  CaresUpstream upstream(loop, make_fd_watch(loop), quick({server.address()}));
  const auto answer = ask(upstream, edns_query("big.example", RecordType::txt, 1232));
  ASSERT_TRUE(answer);
  EXPECT_EQ(read_dns_message(*answer)->answers.size(), 5u);
  EXPECT_EQ(server.tcp_queries(), 0);
}

TEST_F(CaresUpstreamTest, asks_without_edns_a_server_that_does_not_know_it) {
  Nameserver server(Nameserver::Mood::without_edns);
  server.answer_address("example.com", "192.0.2.1");
  server.answer(five_texts("big.example"));
  CaresUpstream upstream(loop, make_fd_watch(loop), quick({server.address()}));
  // The first time c-ares does so itself, later it leaves that to us.
  for (int i = 0; i < 3; ++i) {
    const auto answer = ask(upstream, edns_query("example.com", RecordType::a, 1232));
    ASSERT_TRUE(answer);
    const auto message = read_dns_message(*answer);
    EXPECT_EQ(message->header.rcode, Rcode::noerror) << i;
    EXPECT_EQ(message->header.id, 0x1234);
    EXPECT_EQ(message->answers.size(), 1u) << i;
  }
  const auto big = ask(upstream, edns_query("big.example", RecordType::txt, 1232));
  ASSERT_TRUE(big);
  EXPECT_EQ(read_dns_message(*big)->answers.size(), 5u);
}

TEST_F(CaresUpstreamTest, a_format_error_about_a_query_without_edns_is_its_answer) {
  Nameserver server;
  server.answer(response_message("odd.example", RecordType::a, Rcode::formerr));
  CaresUpstream upstream(loop, make_fd_watch(loop), quick({server.address()}));
  const auto answer = ask(upstream, query_bytes("odd.example"));
  ASSERT_TRUE(answer);
  EXPECT_EQ(read_dns_message(*answer)->header.rcode, Rcode::formerr);
  EXPECT_EQ(server.udp_queries(), 1);
}

TEST_F(CaresUpstreamTest, goes_to_the_next_server_when_one_is_silent) {
  Nameserver silent(Nameserver::Mood::silent);
  Nameserver server;
  server.answer_address("example.com", "192.0.2.1");
  CaresUpstream upstream(loop, make_fd_watch(loop), quick({silent.address(), server.address()}));
  ASSERT_TRUE(ask(upstream, query_bytes("example.com")));
  EXPECT_EQ(silent.udp_queries(), 1);
}

TEST_F(CaresUpstreamTest, goes_to_the_next_server_when_one_refuses) {
  Nameserver refusing;
  refusing.answer(response_message("example.com", RecordType::a, Rcode::refused));
  Nameserver server;
  server.answer_address("example.com", "192.0.2.1");
  CaresUpstream upstream(loop, make_fd_watch(loop), quick({refusing.address(), server.address()}));
  const auto answer = ask(upstream, query_bytes("example.com"));
  ASSERT_TRUE(answer);
  EXPECT_EQ(read_dns_message(*answer)->header.rcode, Rcode::noerror);
}

TEST_F(CaresUpstreamTest, gives_the_refusal_of_the_only_server_as_its_answer) {
  Nameserver server;
  server.answer(response_message("example.com", RecordType::a, Rcode::servfail));
  CaresUpstream upstream(loop, make_fd_watch(loop), quick({server.address()}));
  const auto answer = ask(upstream, query_bytes("example.com"));
  ASSERT_TRUE(answer);
  EXPECT_EQ(read_dns_message(*answer)->header.rcode, Rcode::servfail);
  EXPECT_EQ(server.udp_queries(), 1);
}

TEST_F(CaresUpstreamTest, takes_no_answer_with_another_id_or_question) {
  Nameserver server(Nameserver::Mood::forging);
  server.answer_address("example.com", "192.0.2.1");
  CaresUpstream upstream(loop, make_fd_watch(loop), quick({server.address()}));
  const auto answer = ask(upstream, query_bytes("example.com"));
  ASSERT_TRUE(answer);
  EXPECT_EQ(read_dns_message(*answer)->answers.at(0), address_record("example.com", "192.0.2.1"));
}

TEST_F(CaresUpstreamTest, fails_when_nobody_answers_and_when_nobody_may_be_asked) {
  Nameserver silent(Nameserver::Mood::silent);
  CaresUpstream upstream(loop, make_fd_watch(loop), quick({silent.address()}));
  const auto answer = ask(upstream, query_bytes("example.com"));
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, ErrorCode::dns_failed);
  EXPECT_EQ(silent.udp_queries(), 2);
}

TEST_F(CaresUpstreamTest, without_servers_fails_at_once) {
  CaresUpstream upstream(loop, make_fd_watch(loop), quick({}));
  const auto answer = ask(upstream, query_bytes("example.com"));
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, ErrorCode::dns_failed);
}

TEST_F(CaresUpstreamTest, speaks_ipv6_too) {
  Nameserver server(Nameserver::Mood::honest, "::1");
  server.answer_address("example.com", "192.0.2.1");
  CaresUpstream upstream(loop, make_fd_watch(loop), quick({server.address()}));
  EXPECT_TRUE(ask(upstream, query_bytes("example.com")));
}

TEST_F(CaresUpstreamTest, new_servers_do_not_disturb_what_is_under_way) {
  Nameserver silent(Nameserver::Mood::silent);
  Nameserver server;
  server.answer_address("example.com", "192.0.2.1");
  CaresUpstream upstream(loop, make_fd_watch(loop), quick({silent.address()}));
  std::optional<Result<DnsBytes>> first, second;
  Scope its_scope(loop);
  AsioLoop unused;
  loop.spawn(exchange(upstream, query_bytes("example.com"), its_scope, first, unused));
  upstream.set_servers({server.address()});
  const auto answer = ask(upstream, query_bytes("example.com"));
  EXPECT_TRUE(answer);
  EXPECT_FALSE(first);
}

TEST_F(CaresUpstreamTest, ends_what_is_under_way_when_it_is_destroyed) {
  Nameserver silent(Nameserver::Mood::silent);
  auto upstream =
      std::make_unique<CaresUpstream>(loop, make_fd_watch(loop), quick({silent.address()}));
  std::optional<Result<DnsBytes>> result;
  loop.spawn(exchange(*upstream, query_bytes("example.com"), scope, result, loop));
  upstream.reset();
  loop.run();
  ASSERT_TRUE(result);
  EXPECT_EQ(result->error().code, ErrorCode::cancelled);
}

TEST_F(CaresUpstreamTest, knows_its_own_sockets_while_they_are_open) {
  Nameserver silent(Nameserver::Mood::silent);
  CaresUpstream upstream(loop, make_fd_watch(loop), quick({silent.address()}));
  EXPECT_FALSE(upstream.is_own_socket(silent.address()));
  std::optional<Result<DnsBytes>> result;
  loop.spawn(exchange(upstream, query_bytes("example.com"), scope, result, loop));
  const auto asked_from = silent.wait_for_client();
  EXPECT_TRUE(upstream.is_own_socket(asked_from));
  loop.run();
  EXPECT_FALSE(upstream.is_own_socket(asked_from));
}

// The whole: server, resolver, endpoints and c-ares on one control thread, an app outside.

class RecordedReasons final : public DnsObserver {
 public:
  void on_refusal(const DnsRefusal& refusal) override {
    const std::lock_guard lock(mutex_);
    reasons_.push_back(describe(refusal));
  }
  std::vector<std::string> reasons() {
    const std::lock_guard lock(mutex_);
    return reasons_;
  }

 private:
  std::mutex mutex_;
  std::vector<std::string> reasons_;
};

class InPodDnsTest : public testing::Test {
 protected:
  InPodDnsTest() {
    settings.workload.service = "api.default";
    settings.dns.virtual_v6 = *IpNetwork::parse("fd00:e9a0::/32");
    auto& service = settings.services["api2.default"];
    service.name = service.default_backend = "api2.default";
    settings.backends["api2.default"] =
        dns_backend("api2.default", "api2.default.svc.cluster.local");
  }
  ~InPodDnsTest() override {
    if (!thread.joinable()) return;
    loop.post([this] {
      server.reset();
      endpoints.reset();
      resolver.reset();
      upstream.reset();
      loop.stop();
    });
    thread.join();
  }
  void start(std::vector<SocketAddress> upstream_servers, bool forward_to_itself = false) {
    upstream = std::make_unique<CaresUpstream>(loop, make_fd_watch(loop),
                                               quick(std::move(upstream_servers)));
    resolver = std::make_unique<UpstreamResolver>(*upstream, has_route);
    endpoints = std::make_unique<Endpoints>(loop, *resolver, feed,
                                            [](const std::string&, const EndpointSetPtr&) {});
    endpoints->apply(settings);
    table = VirtualAddressStore().apply(settings, loop.wall_now());
    server = std::make_unique<DnsServer>(loop, *endpoints, *upstream, observer,
                                         make_dns_view(settings, table, {}));
    for (const std::string ip : {"127.0.0.1", "::1"}) {
      auto socket = open_datagram_socket(loop, {*IpAddress::parse(ip), 0});
      ASSERT_TRUE(socket);
      udp.push_back((*socket)->local());
      server->serve(std::move(*socket));
      auto listening = open_listening_socket({*IpAddress::parse(ip), 0}, true);
      ASSERT_TRUE(listening);
      auto listener = make_tcp_listener(loop, listening->get());
      tcp.push_back(listener->local());
      server->serve(std::move(listener));
      listening_sockets.push_back(std::move(*listening));
    }
    if (forward_to_itself) upstream->set_servers({udp[0]});
    thread = std::thread([this] { loop.run(); });
  }
  /// As an app does; FORMERR stands for no answer within two seconds.
  static DnsMessage ask_udp(const SocketAddress& server, const DnsMessage& query) {
    const OwnedFd fd = connected(SOCK_DGRAM, server);
    const auto bytes = write_dns_message(query, 4096);
    (void)!::write(fd.get(), bytes.data(), bytes.size());
    std::vector<std::byte> buffer(65535);
    const auto got = ::read(fd.get(), buffer.data(), buffer.size());
    return got <= 0
               ? failure()
               : read_dns_message(std::span(buffer).first(static_cast<std::size_t>(got))).value();
  }
  static DnsMessage ask_tcp(const SocketAddress& server, const DnsMessage& query) {
    const OwnedFd fd = connected(SOCK_STREAM, server);
    const auto bytes = write_dns_message(query, 4096);
    DnsBytes framed{static_cast<std::byte>(bytes.size() >> 8),
                    static_cast<std::byte>(bytes.size() & 0xff)};
    framed.insert(framed.end(), bytes.begin(), bytes.end());
    (void)!::write(fd.get(), framed.data(), framed.size());
    std::byte prefix[2];
    if (!read_exactly(fd.get(), prefix, 2)) return failure();
    std::vector<std::byte> buffer(std::to_integer<std::size_t>(prefix[0]) << 8 |
                                  std::to_integer<std::size_t>(prefix[1]));
    if (!read_exactly(fd.get(), buffer.data(), buffer.size())) return failure();
    return read_dns_message(buffer).value();
  }
  static DnsMessage failure() { return response_message("x", RecordType::a, Rcode::formerr); }
  static OwnedFd connected(int type, const SocketAddress& to) {
    sockaddr_storage storage;
    const unsigned length = to.to_sockaddr(storage);
    OwnedFd fd(::socket(storage.ss_family, type | SOCK_CLOEXEC, 0));
    const timeval patience{2, 0};
    (void)::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    EXPECT_EQ(::connect(fd.get(), reinterpret_cast<sockaddr*>(&storage), length), 0);
    return fd;
  }
  DnsMessage ask(std::string_view name, RecordType type = RecordType::a) {
    return ask_udp(udp[0], query_message(name, type));
  }

  Settings settings;
  AsioLoop loop;
  RecordedReasons observer;
  std::unique_ptr<CaresUpstream> upstream;
  std::unique_ptr<UpstreamResolver> resolver;
  DirectoryFeed feed;
  std::unique_ptr<Endpoints> endpoints;
  VirtualAddressTablePtr table;
  std::unique_ptr<DnsServer> server;
  std::vector<OwnedFd> listening_sockets;
  std::vector<SocketAddress> udp;
  std::vector<SocketAddress> tcp;
  std::thread thread;
};

TEST_F(InPodDnsTest, a_service_is_unknown_until_its_record_appears_and_works_within_six_seconds) {
  Nameserver nameserver;
  start({nameserver.address()});
  EXPECT_EQ(ask("api2.default").header.rcode, Rcode::nxdomain);
  ASSERT_FALSE(observer.reasons().empty());
  EXPECT_EQ(observer.reasons()[0],
            "service api2.default is configured but has never had an endpoint (asked for A "
            "api2.default)");

  nameserver.answer_address("api2.default.svc.cluster.local", "192.0.2.2");
  const auto appeared = std::chrono::steady_clock::now();
  DnsMessage answer;
  do {
    answer = ask("api2.default");
  } while (answer.header.rcode == Rcode::nxdomain &&
           std::chrono::steady_clock::now() < appeared + 6s);
  ASSERT_EQ(answer.answers.size(), 1u);
  EXPECT_EQ(std::get<IpAddress>(answer.answers[0].data), table->find("api2.default")->v4);
  // Never asked upstream more than once a second, however busy the loop above was: A and AAAA each
  // time.
  EXPECT_LE(nameserver.udp_queries(), 2 * 8);

  EXPECT_EQ(ask("api2.default.svc.cluster.local").answers.size(), 1u);
  EXPECT_EQ(ask("api2.default", RecordType::aaaa).answers.size(), 1u);
  EXPECT_EQ(ask("nowhere.example").header.rcode, Rcode::nxdomain);
}

TEST_F(InPodDnsTest, an_endpoint_behind_aliases_of_several_answers_is_found) {
  Nameserver nameserver;
  const auto alias = [&nameserver](std::string_view name, std::string_view target) {
    for (const auto type : {RecordType::a, RecordType::aaaa}) {
      auto response = response_message(name, type, Rcode::noerror);
      response.answers = {alias_record(name, target)};
      nameserver.answer(response);
    }
  };
  alias("api2.default.svc.cluster.local", "y.other");
  alias("y.other", "z.other");
  nameserver.answer_address("z.other", "192.0.2.2");
  start({nameserver.address()});
  const auto answer = ask("api2.default");
  ASSERT_EQ(answer.answers.size(), 1u);
  EXPECT_EQ(std::get<IpAddress>(answer.answers[0].data), table->find("api2.default")->v4);
}

TEST_F(InPodDnsTest, answers_over_both_transports_and_both_families) {
  Nameserver nameserver;
  nameserver.answer_address("example.com", "192.0.2.1");
  start({nameserver.address()});
  for (const auto& server_address : udp) {
    EXPECT_EQ(ask_udp(server_address, query_message("example.com")).answers.size(), 1u)
        << server_address.to_string();
  }
  for (const auto& server_address : tcp) {
    EXPECT_EQ(ask_tcp(server_address, query_message("example.com")).answers.size(), 1u)
        << server_address.to_string();
  }
}

TEST_F(InPodDnsTest, what_is_too_large_for_udp_comes_over_tcp) {
  Nameserver nameserver(Nameserver::Mood::truncating);
  auto response = response_message("big.example", RecordType::txt, Rcode::noerror);
  const DnsRecord text{name_of("big.example"), RecordType::txt, kClassIn, 60,
                       std::string(200, '\x20')};
  response.answers.assign(40, text);
  nameserver.answer(response);
  start({nameserver.address()});
  const auto query = query_message("big.example", RecordType::txt);
  EXPECT_TRUE(ask_udp(udp[0], query).header.truncated);
  EXPECT_EQ(ask_tcp(tcp[0], query).answers.size(), 40u);
}

TEST_F(InPodDnsTest, edns_saves_tcp_on_both_sides) {
  Nameserver nameserver(Nameserver::Mood::without_tcp);
  nameserver.answer(five_texts("big.example"));
  auto many = response_message("api2.default.svc.cluster.local", RecordType::a, Rcode::noerror);
  for (int i = 1; i <= 60; ++i) {
    many.answers.push_back(
        address_record("api2.default.svc.cluster.local", "10.0.0." + std::to_string(i)));
  }
  nameserver.answer(many);
  start({nameserver.address()});
  auto query = query_message("big.example", RecordType::txt);
  // As dig does it: with a cookie, which stays between the two of us.
  query.edns = Edns{1232, 0, true,
                    std::string("\x00\x0a\x00\x08"
                                "12345678",
                                12)};
  const auto answer = ask_udp(udp[0], query);
  EXPECT_EQ(answer.header.rcode, Rcode::noerror);
  EXPECT_FALSE(answer.header.truncated);
  EXPECT_EQ(answer.answers.size(), 5u);
  ASSERT_TRUE(answer.edns);
  EXPECT_TRUE(answer.edns->dnssec_ok);
  EXPECT_EQ(answer.edns->options, "");
  EXPECT_EQ(ask("api2.default").header.rcode, Rcode::noerror);
}

TEST_F(InPodDnsTest, a_client_with_edns_is_served_though_the_upstream_knows_none) {
  Nameserver nameserver(Nameserver::Mood::without_edns);
  nameserver.answer_address("example.com", "192.0.2.1");
  nameserver.answer_address("api2.default.svc.cluster.local", "192.0.2.2");
  start({nameserver.address()});
  EXPECT_EQ(ask("api2.default").answers.size(), 1u);
  auto query = query_message("eXample.COM");
  query.edns = Edns{1232, 0, true, ""};
  const auto answer = ask_udp(udp[0], query);
  EXPECT_EQ(answer.header.rcode, Rcode::noerror);
  EXPECT_EQ(answer.answers.size(), 1u);
  EXPECT_EQ(answer.questions.at(0).name.to_text(), "eXample.COM");
  ASSERT_TRUE(answer.edns);
  EXPECT_TRUE(answer.edns->dnssec_ok);
}

TEST_F(InPodDnsTest, an_upstream_that_does_not_answer_is_servfail) {
  Nameserver silent(Nameserver::Mood::silent);
  start({silent.address()});
  EXPECT_EQ(ask("example.com").header.rcode, Rcode::servfail);
}

TEST_F(InPodDnsTest, an_upstream_that_is_ourselves_is_refused_and_does_not_loop) {
  settings.services.clear();
  settings.backends.clear();
  start({}, true);
  const auto answer = ask("example.com");
  EXPECT_EQ(answer.header.rcode, Rcode::refused);
  const auto reasons = observer.reasons();
  ASSERT_FALSE(reasons.empty());
  EXPECT_LE(reasons.size(), 4u);
  EXPECT_NE(reasons[0].find("this sidecar itself"), std::string::npos);
}

}  // namespace
}  // namespace epaulet::test
