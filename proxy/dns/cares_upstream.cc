#include "dns/cares_upstream.h"

#include <ares.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <cstring>
#include <fstream>
#include <map>

#include "base/limits.h"
#include "dns/edns.h"

namespace epaulet {
namespace {

std::optional<SocketAddress> local_address(int fd) {
  sockaddr_storage storage{};
  socklen_t length = sizeof storage;
  auto* address = reinterpret_cast<sockaddr*>(&storage);
  if (::getsockname(fd, address, &length) != 0) return std::nullopt;
  return SocketAddress::from_sockaddr(address);
}

/// Ports that nobody in this pod draws who leaves it to the kernel, first and last; zeros if there
/// are none.
struct Ports {
  std::uint32_t first = 0;
  std::uint32_t last = 0;
};
Ports undrawn_ports() {
  constexpr std::uint32_t kLowest = 16'384;
  constexpr std::uint32_t kEnough = 1'024;
  std::uint32_t low = 32'768;
  std::uint32_t high = 60'999;
  std::ifstream("/proc/sys/net/ipv4/ip_local_port_range") >> low >> high;
  if (low >= kLowest + kEnough) return {kLowest, low - 1};
  if (high + kEnough <= 65'535) return {high + 1, 65'535};
  return {};
}

void set_id(DnsBytes& message, unsigned id) {
  message[0] = static_cast<std::byte>(id >> 8 & 0xffu);
  message[1] = static_cast<std::byte>(id & 0xffu);
}

unsigned id_of(const DnsBytes& message) {
  return std::to_integer<unsigned>(message[0]) << 8 | std::to_integer<unsigned>(message[1]);
}

Error exchange_error(int status) {
  const bool is_ours = status == ARES_EDESTRUCTION || status == ARES_ECANCELLED;
  return {is_ours ? ErrorCode::cancelled : ErrorCode::dns_failed,
          is_ours ? Side::self : Side::upstream, Stage::resolve, Retry::safe};
}

}  // namespace

/// One ares_channel with its servers, sockets and timer.
class CaresUpstream::Channel final : private Timer {
 public:
  /// With `without_edns` it is one for queries that end with a bare OPT: it takes answers above 512
  /// octets over UDP, and hands over to the other what a server without EDNS did not understand.
  Channel(Loop& loop, FdWatch& fd_watch, const Options& options, Channel* without_edns);
  Channel(const Channel&) = delete;
  Channel& operator=(const Channel&) = delete;
  ~Channel() {
    if (channel_ != nullptr) ares_destroy(channel_);
  }

  void send(ExchangeOp& op);
  [[nodiscard]] std::size_t pending() const { return pending_; }
  [[nodiscard]] bool owns(const SocketAddress& address) const {
    for (const auto& [fd, local] : sockets_) {
      if (local == address) return true;
    }
    return false;
  }

 private:
  /// What c-ares holds for one message until it calls back, which it always does once.
  struct Exchange {
    Channel* channel = nullptr;
    DnsBytes query;  // Under the client's id.
    ExchangeOp::Link link;
  };

  void send(std::unique_ptr<Exchange> exchange);
  bool use_servers(const std::vector<SocketAddress>& servers);
  static void on_answer(void* argument, int status, int timeouts, unsigned char* bytes, int length);
  static int on_new_socket(ares_socket_t fd, int type, void* argument);
  static void on_socket_state(void* argument, ares_socket_t fd, int readable, int writable);
  void process(int readable_fd, int writable_fd) {
    ares_process_fd(channel_, readable_fd, writable_fd);
    arm();
  }
  void arm();
  void on_timer() override { process(ARES_SOCKET_BAD, ARES_SOCKET_BAD); }

  Loop& loop_;
  FdWatch& fd_watch_;
  Channel* without_edns_;
  const Ports ports_ = undrawn_ports();
  ares_channel channel_ = nullptr;
  std::size_t pending_ = 0;
  std::map<int, std::optional<SocketAddress>> sockets_;
};

CaresUpstream::Channel::Channel(Loop& loop, FdWatch& fd_watch, const Options& options,
                                Channel* without_edns)
    : loop_(loop), fd_watch_(fd_watch), without_edns_(without_edns) {
  // Everything is set, so that neither resolv.conf nor the environment has a say.
  char no_file[] = "/dev/null";
  char lookups[] = "b";
  ares_options wanted{};
  wanted.flags = ARES_FLAG_NOSEARCH | ARES_FLAG_NOALIASES;
  // A single server's SERVFAIL or REFUSED is the answer; with several the next one may know better.
  if (options.servers.size() == 1) wanted.flags |= ARES_FLAG_NOCHECKRESP;
  // ares_send() adds no OPT. What this flag changes is how long an answer over UDP may be: without
  // it, c-ares asks again over TCP for whatever is longer than 512 octets, truncated or not.
  if (without_edns != nullptr) wanted.flags |= ARES_FLAG_EDNS;
  wanted.ednspsz = static_cast<int>(limits::kDnsMessageBytesMax);
  wanted.timeout = static_cast<int>(options.timeout.count());
  wanted.tries = options.tries;
  wanted.ndots = 1;
  wanted.ndomains = 0;
  wanted.lookups = lookups;
  wanted.resolvconf_path = no_file;
  wanted.sock_state_cb = &Channel::on_socket_state;
  wanted.sock_state_cb_data = this;
  const int mask = ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_NDOTS |
                   ARES_OPT_DOMAINS | ARES_OPT_LOOKUPS | ARES_OPT_RESOLVCONF |
                   ARES_OPT_SOCK_STATE_CB | ARES_OPT_NOROTATE | ARES_OPT_EDNSPSZ;
  if (ares_init_options(&channel_, &wanted, mask) != ARES_SUCCESS) {
    channel_ = nullptr;  // No memory: every exchange fails.
    return;
  }
  ares_set_socket_configure_callback(channel_, &Channel::on_new_socket, this);
  if (!use_servers(options.servers)) {
    ares_destroy(channel_);
    channel_ = nullptr;
  }
}

/// Connection tracking remembers for half a minute which port has asked whom, and that nothing was
/// to be redirected. If an app's resolver drew that port meanwhile, the kernel would lead its
/// question past us to the upstream, which knows none of our names; so we ask from ports that no
/// app draws. TCP is not concerned: a new SYN begins anew.
int CaresUpstream::Channel::on_new_socket(ares_socket_t fd, int type, void* argument) {
  constexpr int kTries = 8;
  auto& self = *static_cast<Channel*>(argument);
  if (type != SOCK_DGRAM || self.ports_.first == 0) return 0;
  int domain = 0;
  socklen_t length = sizeof domain;
  if (::getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &length) != 0) return 0;
  const IpAddress any = domain == AF_INET6 ? IpAddress::v6({}) : IpAddress::v4(0);
  for (int i = 0; i < kTries; ++i) {
    const auto port =
        self.ports_.first + self.loop_.random().below(self.ports_.last - self.ports_.first + 1);
    sockaddr_storage storage{};
    const auto size = SocketAddress{any, static_cast<std::uint16_t>(port)}.to_sockaddr(storage);
    if (::bind(fd, reinterpret_cast<const sockaddr*>(&storage), size) == 0) break;
  }
  return 0;  // Without one of these the kernel draws.
}

bool CaresUpstream::Channel::use_servers(const std::vector<SocketAddress>& servers) {
  if (servers.empty()) return false;  // c-ares would ask 127.0.0.1.
  std::vector<ares_addr_port_node> nodes(servers.size());
  for (std::size_t i = 0; i < servers.size(); ++i) {
    auto& node = nodes[i];
    node.next = i + 1 < nodes.size() ? &nodes[i + 1] : nullptr;
    const auto& bytes = servers[i].ip.bytes();
    node.family = servers[i].ip.is_v4() ? AF_INET : AF_INET6;
    if (servers[i].ip.is_v4()) {
      std::memcpy(&node.addr.addr4, bytes.data(), 4);
    } else {
      std::memcpy(&node.addr.addr6, bytes.data(), 16);
    }
    node.udp_port = servers[i].port;
    node.tcp_port = servers[i].port;
  }
  return ares_set_servers_ports(channel_, nodes.data()) == ARES_SUCCESS;
}

void CaresUpstream::Channel::send(ExchangeOp& op) {
  EPAULET_ASSERT(op.query.size() >= kDnsHeaderBytes);
  auto exchange = std::make_unique<Exchange>();
  exchange->query = op.query;
  exchange->link.attach(op);
  send(std::move(exchange));
}

void CaresUpstream::Channel::send(std::unique_ptr<Exchange> exchange) {
  exchange->channel = this;
  ++pending_;
  if (channel_ == nullptr)
    return on_answer(exchange.release(), ARES_ENOTINITIALIZED, 0, nullptr, 0);
  // ares_send() keeps the id it is given. The client's own must not travel: others could guess it
  // (RFC 5452).
  DnsBytes query = exchange->query;
  set_id(query, static_cast<unsigned>(loop_.random().below(0x10000)));
  ares_send(channel_, reinterpret_cast<const unsigned char*>(query.data()),
            static_cast<int>(query.size()), &Channel::on_answer,
            exchange.release());  // Comes back as on_answer()'s argument.
  arm();
}

void CaresUpstream::Channel::on_answer(void* argument, int status, int, unsigned char* bytes,
                                       int length) {
  std::unique_ptr<Exchange> exchange(static_cast<Exchange*>(argument));
  Channel& channel = *exchange->channel;
  --channel.pending_;
  const auto size = static_cast<std::size_t>(length);
  if (status != ARES_SUCCESS || bytes == nullptr || size < kDnsHeaderBytes) {
    const Error error = exchange_error(status == ARES_SUCCESS ? ARES_EBADRESP : status);
    return exchange->link.complete(channel.loop_, error);
  }
  const auto* data = reinterpret_cast<const std::byte*>(bytes);
  DnsBytes answer(data, data + size);
  if (channel.without_edns_ != nullptr && exchange->link.is_wanted() && lacks_edns(answer)) {
    exchange->query = without_bare_opt(std::move(exchange->query));
    return channel.without_edns_->send(std::move(exchange));
  }
  set_id(answer, id_of(exchange->query));
  exchange->link.complete(channel.loop_, std::move(answer));
}

void CaresUpstream::Channel::on_socket_state(void* argument, ares_socket_t fd, int readable,
                                             int writable) {
  auto& channel = *static_cast<Channel*>(argument);
  if (readable == 0 && writable == 0) {
    channel.sockets_.erase(fd);
    channel.fd_watch_.watch(fd, false, false, nullptr);
    return;
  }
  if (!channel.sockets_.contains(fd)) channel.sockets_.emplace(fd, local_address(fd));
  channel.fd_watch_.watch(
      fd, readable != 0, writable != 0, [&channel, fd](bool can_read, bool can_write) {
        channel.process(can_read ? fd : ARES_SOCKET_BAD, can_write ? fd : ARES_SOCKET_BAD);
      });
}

void CaresUpstream::Channel::arm() {
  timeval storage{};
  const timeval* next = ares_timeout(channel_, nullptr, &storage);
  if (next == nullptr) return Timer::disarm();
  // One millisecond more: c-ares reads its own clock, and a timer that fires too early finds
  // nothing to do.
  const auto wait = std::chrono::seconds(next->tv_sec) + std::chrono::microseconds(next->tv_usec) +
                    std::chrono::milliseconds(1);
  loop_.timers().arm(*this, loop_.now() + wait);
}

/// Both kinds of queries to one list of servers.
struct CaresUpstream::Channels {
  Channels(Loop& loop, FdWatch& fd_watch, const Options& options)
      : plain(loop, fd_watch, options, nullptr), edns(loop, fd_watch, options, &plain) {}

  [[nodiscard]] std::size_t pending() const { return plain.pending() + edns.pending(); }
  [[nodiscard]] bool owns(const SocketAddress& address) const {
    return plain.owns(address) || edns.owns(address);
  }

  Channel plain;
  Channel edns;  // Goes first: it hands over to the other.
};

CaresUpstream::CaresUpstream(Loop& loop, std::unique_ptr<FdWatch> fd_watch, Options options)
    : loop_(loop), fd_watch_(std::move(fd_watch)), options_(std::move(options)) {
  (void)ares_library_init(ARES_LIB_INIT_ALL);  // Counts its calls; fails only on Windows.
  channels_ = std::make_unique<Channels>(loop_, *fd_watch_, options_);
}

CaresUpstream::~CaresUpstream() {
  retired_.clear();
  channels_.reset();
  ares_library_cleanup();
}

void CaresUpstream::set_servers(std::vector<SocketAddress> servers) {
  if (servers == options_.servers) return;
  options_.servers = std::move(servers);
  // ares_set_servers_ports() refuses while anything is pending: new channels do not wait for that.
  retired_.push_back(std::move(channels_));
  channels_ = std::make_unique<Channels>(loop_, *fd_watch_, options_);
  forget_idle_channels();
}

void CaresUpstream::forget_idle_channels() {
  std::erase_if(retired_, [](const auto& channels) { return channels->pending() == 0; });
}

std::size_t CaresUpstream::pending() const {
  std::size_t count = channels_->pending();
  for (const auto& channels : retired_) count += channels->pending();
  return count;
}

void CaresUpstream::start_exchange(ExchangeOp& op) {
  forget_idle_channels();
  if (pending() >= limits::kDnsPendingMax) {
    op.result = Error(ErrorCode::limit_pending, Side::self, Stage::resolve, Retry::safe);
    return loop_.ready(op);
  }
  (ends_with_bare_opt(op.query) ? channels_->edns : channels_->plain).send(op);
}

bool CaresUpstream::is_own_socket(const SocketAddress& from) const {
  if (channels_->owns(from)) return true;
  for (const auto& channels : retired_) {
    if (channels->owns(from)) return true;
  }
  return false;
}

}  // namespace epaulet
