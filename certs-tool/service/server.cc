#include "certs-tool/service/server.h"

#include "base/error_table.h"

namespace epaulet::certs {
namespace {

https::Bounds bounds() {
  https::Bounds bounds;
  bounds.connections = IdentityServer::kConnectionsMax;
  bounds.body_bytes = Requests::kBodyBytesMax;
  bounds.handshake = IdentityServer::kHandshakeTime;
  bounds.request = IdentityServer::kRequestTime;
  return bounds;
}

https::Reply reply_of(Answer&& answer) {
  https::Reply reply;
  reply.status = answer.status;
  reply.content_type = answer.content_type;
  reply.body = std::move(answer.body);
  if (answer.status == 401) reply.fields.add("WWW-Authenticate", "Bearer");
  if (answer.status == 405) reply.fields.add("Allow", "POST");
  return reply;
}

}  // namespace

class IdentityServer::Handler final : public https::Handler {
 public:
  Handler(Loop& loop, Signer& signer, Requests& requests, telemetry::ProcessLog& log,
          RateLimit::Rate rate)
      : loop_(loop), signer_(signer), requests_(requests), log_(log), limit_(rate) {}

  [[nodiscard]] const ServiceCounts& counts() const { return counts_; }

  std::shared_ptr<const TlsContext> tls() override { return signer_.tls(); }

  bool admits(const SocketAddress& from) override {
    const bool is_admitted = limit_.admit(from.ip, loop_.now());
    if (!is_admitted) ++counts_.rate_limited;
    return is_admitted;
  }

  void turned_away() override { ++counts_.connections_full; }

  void handshake_failed(const Error& error, std::string_view diagnosis,
                        const SocketAddress& from) override {
    ++counts_.handshakes_failed[static_cast<std::size_t>(handshake_failure(error))];
    const auto source = from.to_string();
    log_.warning(loop_.wall_now(), "handshake_failed", "a TLS handshake failed",
                 {{"error", describe(error.code).name},
                  {"diagnosis", diagnosis},
                  {"source", std::string_view(source)}});
  }

  https::Reply unreadable(std::uint16_t status, const Reason& why,
                          const https::Peer& peer) override {
    auto answer = refusal(status, Ending::malformed, why);
    note(answer, peer, {});
    return reply_of(std::move(answer));
  }

  Task<void> serve(https::Exchange& exchange, Scope& scope) override {
    Scope answering(scope);
    answering.set_deadline(loop_.now() + kAnswerTime,
                           {ErrorCode::idle_timeout, Side::downstream, Stage::send});
    Caller caller;
    caller.identity = exchange.peer().identity;
    caller.address = exchange.peer().address;
    auto answer = co_await requests_.answer(exchange.head(), exchange.body(), caller, answering);
    if (scope.cancelled()) co_return;
    note(answer, exchange.peer(), exchange.head().path);
    const auto reply = reply_of(std::move(answer));
    co_await exchange.answer(reply, answering);
  }

 private:
  void note(const Answer& answer, const https::Peer& peer, std::string_view path) {
    ++counts_.requests[static_cast<std::size_t>(answer.ending)];
    if (answer.ending == Ending::page) return;
    const bool is_good = answer.ending == Ending::issued || answer.ending == Ending::renewed;
    const auto source = peer.address.to_string();
    log_.write(is_good ? LogLevel::info : LogLevel::warning, loop_.wall_now(),
               is_good ? "signed" : "refused",
               is_good ? "a certificate was signed" : "nothing was signed",
               {{"result", name_of(answer.ending)},
                {"identity", std::string_view(answer.identity)},
                {"status", std::int64_t{answer.status}},
                {"reason", std::string_view(answer.why)},
                {"path", path.substr(0, 64)},
                {"peer", std::string_view(peer.identity)},
                {"source", std::string_view(source)}});
  }

  Loop& loop_;
  Signer& signer_;
  Requests& requests_;
  telemetry::ProcessLog& log_;
  RateLimit limit_;
  ServiceCounts counts_;
};

IdentityServer::IdentityServer(Loop& loop, Signer& signer, Requests& requests,
                               telemetry::ProcessLog& log, RateLimit::Rate rate)
    : handler_(std::make_shared<Handler>(loop, signer, requests, log, rate)),
      server_(loop, bounds(), handler_) {}

const ServiceCounts& IdentityServer::counts() const {
  return handler_->counts();
}

}  // namespace epaulet::certs
