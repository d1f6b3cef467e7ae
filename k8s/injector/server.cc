#include "k8s/injector/server.h"

#include "base/error_table.h"
#include "k8s/injector/inject.h"

namespace epaulet::injector {
namespace {

constexpr std::string_view kPath = "/inject";

https::Bounds bounds() {
  https::Bounds bounds;
  bounds.connections = InjectorServer::kConnectionsMax;
  bounds.head_bytes = 16 * std::size_t{1024};
  bounds.body_bytes = kReviewBytesMax;
  bounds.handshake = InjectorServer::kHandshakeTime;
  bounds.request = InjectorServer::kExchangeTime;
  return bounds;
}

https::Reply failure(std::uint16_t status, const std::string& why) {
  https::Reply reply;
  reply.status = status;
  reply.content_type = "text/plain; charset=utf-8";
  reply.body = why + "\n";
  return reply;
}

}  // namespace

class InjectorServer::Handler final : public https::Handler {
 public:
  Handler(Loop& loop, telemetry::ProcessLog& log) : loop_(loop), log_(log) {}

  std::shared_ptr<const TlsContext> tls() override { return settings == nullptr ? nullptr : tls_; }
  void turned_away() override { ++counts.connections_full; }

  void handshake_failed(const Error& error, std::string_view diagnosis,
                        const SocketAddress& from) override {
    ++counts.handshakes_failed;
    const auto source = from.to_string();
    log_.warning(loop_.wall_now(), "handshake_failed",
                 "a TLS handshake failed; does caBundle belong to our certificate?",
                 {{"error", describe(error.code).name},
                  {"diagnosis", diagnosis},
                  {"source", std::string_view(source)}});
  }

  https::Reply unreadable(std::uint16_t status, const Reason& why, const https::Peer&) override {
    return failure(status, why.what);
  }

  Task<void> serve(https::Exchange& exchange, Scope& scope) override {
    Scope answering(scope);
    answering.set_deadline(loop_.now() + kExchangeTime,
                           {ErrorCode::idle_timeout, Side::downstream, Stage::send});
    const auto reply = answer(exchange.head(), exchange.body());
    co_await exchange.answer(reply, answering);
  }

  void set_tls(std::shared_ptr<const TlsContext> tls) { tls_ = std::move(tls); }

  std::shared_ptr<const InjectorSettings> settings;
  InjectorCounts counts;

 private:
  https::Reply answer(const http::RequestHead& head, std::string_view body);
  void note(const Review& review, const Verdict& verdict);

  Loop& loop_;
  telemetry::ProcessLog& log_;
  std::shared_ptr<const TlsContext> tls_;
};

void InjectorServer::Handler::note(const Review& review, const Verdict& verdict) {
  const auto now = loop_.wall_now();
  if (!verdict.allowed) {
    ++counts.refused;
    return log_.warning(now, "pod_refused", "a pod was refused",
                        {{"namespace", std::string_view(review.name_space)},
                         {"pod", std::string_view(review.pod_name)},
                         {"uid", std::string_view(review.uid)},
                         {"reason", std::string_view(verdict.refusal)}});
  }
  verdict.patch.empty() ? ++counts.untouched : ++counts.injected;
  log_.info(now, verdict.patch.empty() ? "pod_untouched" : "pod_injected",
            verdict.patch.empty() ? "a pod stays as it is" : "a pod has a sidecar",
            {{"namespace", std::string_view(review.name_space)},
             {"pod", std::string_view(review.pod_name)},
             {"uid", std::string_view(review.uid)},
             {"warnings", static_cast<std::int64_t>(verdict.warnings.size())}});
}

https::Reply InjectorServer::Handler::answer(const http::RequestHead& head, std::string_view body) {
  if (head.path.substr(0, head.path.find('?')) != kPath)
    return failure(404, "there is only /inject");
  if (head.method != http::Method::post) return failure(405, "only POST is answered");
  const auto review = read_review(body);
  if (!review) {
    ++counts.malformed;
    const auto why = review.error().to_string();
    log_.warning(loop_.wall_now(), "review_malformed", "what was sent is no review",
                 {{"reason", std::string_view(why)}});
    return failure(400, why);
  }
  const auto verdict = inject(*review, *settings);
  note(*review, verdict);
  https::Reply reply;
  reply.body = answer_text(review->uid, verdict);
  return reply;
}

InjectorServer::InjectorServer(Loop& loop, telemetry::ProcessLog& log)
    : handler_(std::make_shared<Handler>(loop, log)), server_(loop, bounds(), handler_) {}

void InjectorServer::set_tls(std::shared_ptr<const TlsContext> tls) {
  handler_->set_tls(std::move(tls));
}

void InjectorServer::set_settings(std::shared_ptr<const InjectorSettings> settings) {
  handler_->settings = std::move(settings);
}

const InjectorCounts& InjectorServer::counts() const {
  return handler_->counts;
}

}  // namespace epaulet::injector
