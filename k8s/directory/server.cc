#include "k8s/directory/server.h"

#include <algorithm>
#include <boost/json.hpp>

#include "base/error_table.h"
#include "base/limits.h"
#include "crypto/spiffe_id.h"
#include "k8s/directory/question.h"

namespace epaulet::kube {
namespace {

constexpr std::chrono::seconds kAnswerTime{10};
/// Many small views become one write.
constexpr std::size_t kBatchBytes = 16 * 1024;

/// Standard streams, loops, listeners, watches, DNS, files that are being read.
constexpr std::uint64_t kProcessDescriptors = 48;

/// Which a sidecar runs in, as it has proven. "": its identity names none.
std::string namespace_of(const std::string& identity) {
  const auto id = SpiffeId::parse(identity);
  const auto account = id ? id->service_account() : std::nullopt;
  return account ? std::string(account->name_space) : "";
}

https::Bounds bounds(std::size_t connections) {
  https::Bounds bounds;
  bounds.connections = connections;
  bounds.connections_per_peer = DirectoryServer::kConnectionsPerPeer;
  bounds.body_bytes = 512 * std::size_t{1024};
  return bounds;
}

https::Reply refusal(std::uint16_t status, const Reason& reason) {
  https::Reply reply;
  reply.status = status;
  boost::json::object body;
  body["error"] = reason.what;
  body["remedy"] = reason.remedy;
  reply.body = boost::json::serialize(body) + "\n";
  if (status == 405) reply.fields.add("Allow", "POST");
  if (status == 503) reply.fields.add("Retry-After", "1");
  return reply;
}

}  // namespace

class DirectoryServer::Handler final : public https::Handler {
 public:
  Handler(Loop& loop, std::shared_ptr<Hub> hub, telemetry::ProcessLog& log)
      : loop_(loop), hub_(std::move(hub)), log_(log) {}

  std::shared_ptr<const TlsContext> tls() override { return tls_; }
  void turned_away() override { ++counts.connections_full; }
  void replaced(const https::Peer&) override { ++counts.replaced; }

  void handshake_failed(const Error& error, std::string_view diagnosis,
                        const SocketAddress& from) override {
    ++counts.handshakes_failed;
    const auto source = from.to_string();
    log_.warning(loop_.wall_now(), "handshake_failed", "a TLS handshake failed",
                 {{"error", describe(error.code).name},
                  {"diagnosis", diagnosis},
                  {"source", std::string_view(source)}});
  }

  https::Reply unreadable(std::uint16_t status, const Reason& why, const https::Peer&) override {
    ++counts.refused;
    return refusal(status, why);
  }

  Task<void> serve(https::Exchange& exchange, Scope& scope) override {
    Scope answering(scope);
    answering.set_deadline(loop_.now() + kAnswerTime,
                           {ErrorCode::idle_timeout, Side::downstream, Stage::send});
    auto question = read_question(exchange.body());
    exchange.forget_body();
    const auto refused = look_at(exchange, question);
    if (refused) {
      ++counts.refused;
      co_return co_await exchange.answer(*refused, answering);
    }
    ++counts.streams;
    const auto since = hub_->model().number_in(question->version);
    Subscription subscription(loop_, hub_, std::move(question->services), since);
    exchange.begin_stream("application/x-ndjson");
    Asker asker;
    asker.peer = &exchange.peer();
    asker.name_space = namespace_of(asker.peer->identity);
    co_await stream(exchange, subscription, asker, scope);
  }

  void set_tls(std::shared_ptr<const TlsContext> tls) { tls_ = std::move(tls); }

  DirectoryCounts counts;
  bool is_complete = false;

 private:
  /// Why there is no stream.
  [[nodiscard]] std::optional<https::Reply> look_at(const https::Exchange& exchange,
                                                    const Checked<Question>& question) const {
    const auto& head = exchange.head();
    if (head.path != kWatchPath) return refusal(404, Reason("there is only /v1/watch", ""));
    if (head.method != http::Method::post) return refusal(405, Reason("only POST is answered", ""));
    if (!question) return refusal(400, question.error());
    if (!is_complete || hub_->ending())
      return refusal(503, Reason("the directory does not know the cluster yet, or is ending",
                                 "ask again, or another replica"));
    if (!hub_->has_room_for(question->services))
      return refusal(503, Reason("more is asked for than this replica may keep",
                                 "ask another replica; give the directory more of them"));
    return std::nullopt;
  }

  struct Asker {
    const https::Peer* peer = nullptr;
    std::string name_space;  ///< Of its identity.
    std::string zone;        ///< That it was told it is in.
  };

  Task<void> stream(https::Exchange& exchange, Subscription& subscription, Asker& asker,
                    Scope& scope) {
    const auto share = loop_.random().unit();
    const auto end = loop_.now() + std::chrono::duration_cast<std::chrono::nanoseconds>(
                                       kStreamMax * (0.5 + 0.5 * share));
    while (!hub_->ending() && loop_.now() < end) {
      subscription.news().reset();
      for (Batch batch; !batch.is_whole;) {
        batch = gather(subscription, asker);
        bool is_sent = co_await send(exchange, batch.text, scope);
        if (is_sent && batch.large) is_sent = co_await send(exchange, *batch.large, scope);
        if (!is_sent) co_return;
      }
      const auto rested = co_await sleep_until(scope, loop_.now() + kPause);
      if (!rested) co_return;
      Scope waiting(scope);
      waiting.set_deadline(loop_.now() + kHeartbeat,
                           {ErrorCode::idle_timeout, Side::self, Stage::send});
      (void)co_await subscription.news().wait(waiting);
      if (scope.cancelled()) co_return;
    }
    Scope ending(scope);
    ending.set_deadline(loop_.now() + kSlowMax,
                        {ErrorCode::idle_timeout, Side::downstream, Stage::send});
    co_await exchange.end_stream(ending);
  }

  struct Batch {
    std::string text;                          ///< Small views.
    std::shared_ptr<const std::string> large;  ///< Then this one, which all streams share.
    bool is_whole = false;                     ///< The client then has everything, and is told so.
  };

  Batch gather(Subscription& subscription, Asker& asker) {
    Batch batch;
    tell_zone(asker, batch.text);
    while (batch.text.size() < kBatchBytes) {
      const auto* service = subscription.take();
      if (service == nullptr) {
        const auto& model = hub_->model();
        batch.text += R"({"version":")" + model.version_text(model.version()) + "\"}\n";
        batch.is_whole = true;
        break;
      }
      auto line = hub_->model().line(*service, asker.name_space);
      ++counts.lines;
      if (line->size() > kBatchBytes) {
        batch.large = std::move(line);
        break;
      }
      batch.text += *line;
    }
    return batch;
  }

  /// Once it is known, at the next heartbeat at the latest. Before the services, whose endpoints
  /// are chosen by it.
  void tell_zone(Asker& asker, std::string& text) {
    const auto& zone = hub_->model().zone_of(asker.peer->address.ip, asker.peer->identity);
    if (zone.empty() || zone == asker.zone) return;
    asker.zone = zone;
    boost::json::object line;
    line["zone"] = zone;
    text += boost::json::serialize(line) + "\n";
  }

  Task<bool> send(https::Exchange& exchange, const std::string& text, Scope& scope) {
    Scope sending(scope);
    sending.set_deadline(loop_.now() + kSlowMax,
                         {ErrorCode::idle_timeout, Side::downstream, Stage::send});
    if (text.empty()) co_return true;  // An empty piece would be the end.
    const auto sent = co_await exchange.send(text, sending);
    if (scope.cancelled()) co_return false;
    if (!sent && sent.error().code == ErrorCode::idle_timeout) ++counts.slow;
    co_return sent.has_value();
  }

  Loop& loop_;
  std::shared_ptr<Hub> hub_;
  telemetry::ProcessLog& log_;
  std::shared_ptr<const TlsContext> tls_;
};

DirectoryServer::DirectoryServer(Loop& loop, std::shared_ptr<Hub> hub, telemetry::ProcessLog& log,
                                 std::size_t connections)
    : handler_(std::make_shared<Handler>(loop, std::move(hub), log)),
      server_(loop, bounds(connections), handler_) {}

Checked<void> DirectoryServer::set_identity(std::shared_ptr<const Identity> identity) {
  auto tls = TlsContext::for_member_service(std::move(identity));
  if (!tls) return tls.error();
  handler_->set_tls(std::move(*tls));
  return {};
}

void DirectoryServer::set_complete() {
  handler_->is_complete = true;
}

const DirectoryCounts& DirectoryServer::counts() const {
  return handler_->counts;
}

std::size_t connections_that_fit(std::uint64_t descriptors) {
  const std::uint64_t others = limits::kAdminConnectionsMax + kProcessDescriptors;
  const auto left = descriptors - std::min(others, descriptors / 2);
  return static_cast<std::size_t>(
      std::clamp<std::uint64_t>(left, 1, DirectoryServer::kConnectionsMax));
}

}  // namespace epaulet::kube
