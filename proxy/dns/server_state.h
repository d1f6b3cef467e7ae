#pragma once

#include <list>
#include <memory>
#include <optional>

#include "dns/server.h"
#include "runtime/scope.h"
#include "runtime/task.h"

// Included only by the .cc files of the server.
namespace epaulet {

/// Shared with the tasks, which end one turn after the server. Whatever a task does after it
/// waited, it first looks whether the server is still there.
struct DnsServer::State {
  State(Loop& loop_, Endpoints& endpoints_, UpstreamDns& upstream_, DnsObserver& observer_,
        DnsViewPtr view_)
      : loop(loop_),
        endpoints(endpoints_),
        upstream(upstream_),
        observer(observer_),
        view(std::move(view_)),
        scope(loop_) {}

  /// One message on its way to an answer.
  struct Query {
    DnsViewPtr view;  // Keeps the decision's service alive.
    DnsDecision decision;
    DnsBytes bytes;
    SocketAddress client;
    bool over_tcp = false;
  };

  [[nodiscard]] Query read(ConstBytes bytes, const SocketAddress& client, bool over_tcp) const;
  /// The answer, if there is no need to wait for anybody.
  [[nodiscard]] std::optional<DnsReply> answer_now(const Query& query) const;
  /// Waits. Nothing: the server has gone.
  static Task<std::optional<DnsReply>> answer(std::shared_ptr<State> state, const Query& query);
  static Task<std::optional<DnsReply>> answer_after_look(std::shared_ptr<State> state,
                                                         const Query& query);
  static Task<std::optional<DnsReply>> forward(std::shared_ptr<State> state, const Query& query);
  [[nodiscard]] bool ever_had_endpoint(const NamedService& service) const;
  [[nodiscard]] bool is_stopped() const { return scope.cancelled().has_value(); }
  void record(const Query& query, const DnsReply& reply);

  static Task<void> serve_datagrams(std::shared_ptr<State> state, DatagramSocket& socket);
  static Task<void> answer_datagram(std::shared_ptr<State> state, DatagramSocket& socket,
                                    Query query);
  static Task<void> accept_streams(std::shared_ptr<State> state, Listener& listener);
  static Task<void> serve_stream(std::shared_ptr<State> state, StreamPtr stream);

  Loop& loop;
  Endpoints& endpoints;
  UpstreamDns& upstream;
  DnsObserver& observer;
  DnsViewPtr view;
  DnsCounters counters;
  Scope scope;
  std::list<std::unique_ptr<DatagramSocket>> sockets;
  std::list<std::unique_ptr<Listener>> listeners;
  std::size_t pending = 0;
  std::size_t tcp_connections = 0;
};

/// Counts up for as long as it lives.
class Counted {
 public:
  explicit Counted(std::size_t& count) : count_(count) { ++count_; }
  Counted(const Counted&) = delete;
  Counted& operator=(const Counted&) = delete;
  ~Counted() { --count_; }

 private:
  std::size_t& count_;
};

}  // namespace epaulet
