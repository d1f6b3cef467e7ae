#include "path/mirror.h"

#include <fmt/format.h>

#include "base/ascii.h"
#include "http/each_line.h"
#include "http/grpc.h"
#include "http/http1/head_parser.h"
#include "http/http1/target.h"
#include "path/background.h"
#include "path/exchange.h"
#include "path/no_stream.h"
#include "path/stored_request.h"

namespace epaulet::path {
namespace {

using telemetry::Counter;

/// What a copy takes beside its head and body: its exchange, and what its answer passes through.
constexpr std::size_t kOfEachCopyBytes = 32 * limits::kKiB;

/// What of a head belongs to the way that it came, and not to the copy's.
bool is_left_out(http::FieldId id) {
  return id == http::FieldId::content_length || id == http::FieldId::transfer_encoding ||
         id == http::FieldId::expect || id == http::FieldId::te || id == http::FieldId::trailer ||
         id == http::FieldId::connection;
}

/// As it was sent, but for what belongs to one attempt, as HTTP/1.1 with a length.
std::string head_of(const Exchange& exchange, std::size_t body_bytes) {
  const auto& request = exchange.request;
  const auto target = http::http1::forwarded_target(request);
  auto text = fmt::format("{} {}{} HTTP/1.1\r\n", request.method_text, target.first, target.second);
  if (request.find(http::FieldId::host) == nullptr)
    text += fmt::format("Host: {}\r\n", request.authority);
  for (const http::Field& field : request.fields) {
    if (!field.removed && !is_left_out(field.id)) text += field.line;
  }
  http::for_each_line(request.added.lines().substr(0, exchange.added_bytes),
                      [&text](std::string_view line) {
                        if (is_left_out(http::field_id(line.substr(0, line.find(':'))))) return;
                        text.append(line).append("\r\n");
                      });
  text += fmt::format("{}: 1\r\n", kMirroredField);
  if (request.framing.kind != http::Framing::Kind::none)
    text += fmt::format("Content-Length: {}\r\n", body_bytes);
  return text + "\r\n";
}

struct Copy {
  Delivery request;
  ViewPtr view;  ///< Of the original: what the plan points to is its.
  Plan plan;
  Duration time{};
  std::shared_ptr<MirrorPair> pair;
};

/// A drain waits for it, as for any exchange.
class UnderWay {
 public:
  explicit UnderWay(Worker& worker) : worker_(worker) { ++worker_.outbound_connections; }
  UnderWay(const UnderWay&) = delete;
  UnderWay& operator=(const UnderWay&) = delete;
  ~UnderWay() { --worker_.outbound_connections; }

 private:
  Worker& worker_;
};

Result<void> parse_head(Copy& copy, http::RequestHead& head) {
  const std::string text = std::move(copy.request.head);  // Not held twice: `head` has its own.
  return http::http1::parse_request_head(as_bytes(text), http::http1::HeadLimits(), head);
}

/// An exchange like any other, whose caller does not exist and whose end is told to nobody but the
/// pair.
Task<void> deliver(Worker& worker, std::unique_ptr<Copy> copy) {
  const UnderWay under_way(worker);
  co_await next_turn(worker.loop);  // The caller's own request goes on first.
  Connection connection(worker, std::make_unique<NoStream>(worker.loop, copy->request.caller),
                        Entry::background);
  connection.destination = copy->request.destination;
  // Not of its exchange, which may let go of its own (as for the answer to a call of gRPC): nobody
  // else would end a copy.
  connection.scope.set_deadline(worker.loop.now() + copy->time,
                                {ErrorCode::request_timeout, Side::upstream, Stage::receive});
  StoredRequest stored(copy->request.body, &copy->pair->copy.body);
  Exchange exchange(connection, connection.scope, stored, nullptr);
  exchange.delivery = &copy->request;
  exchange.view = copy->view;
  exchange.begin();
  const auto parsed = parse_head(*copy, exchange.request);
  copy->pair->is_too_large = !parsed;
  if (!parsed) co_return;
  const auto& backend = copy->view->snapshot().backends[copy->plan.backend];
  copy->plan.session =
      session_of(worker.shared, backend.settings->balance, exchange.request, worker.loop.random());
  exchange.added_bytes = exchange.request.added.lines().size();
  exchange.body.begin(stored.body());
  const Error ended = co_await fulfil(exchange, copy->plan);
  copy->pair->copy.status = exchange.record.status;
  copy->pair->copy.is_whole = ended.code == ErrorCode::none;
}

/// The body, if all of it is there.
std::optional<std::string> body_of(const Exchange& exchange) {
  if (exchange.request.framing.kind == http::Framing::Kind::none) return std::string();
  const auto whole = exchange.body.whole();
  if (!whole) return std::nullopt;
  return std::string(as_text(*whole));
}

/// One try of the other backend, with nothing of what the route does for its callers.
Plan plan_of(const Exchange& exchange, const Plan& original, std::uint32_t index) {
  static const resilience::RetryRules kNoRetries = [] {
    resilience::RetryRules rules;
    rules.max = 0;
    return rules;
  }();
  const Snapshot& snapshot = exchange.snapshot();
  Plan plan;
  plan.timeouts = original.timeouts;
  plan.retry = &kNoRetries;
  plan.budget = &exchange.worker().shared.copy_resends;
  plan.backend = index;
  plan.breaker = snapshot.breaker_of(nullptr, index);
  plan.http = snapshot.backends[index].settings->http;
  return plan;
}

/// Why not, if it is not sent.
std::optional<Counter> send_one(Exchange& exchange, const Plan& plan,
                                const std::shared_ptr<MirrorPair>& pair, const std::string& head,
                                const std::string& body) {
  // The body is held twice: a connection that turns out to be stale wants it again.
  auto place = plan.shaping->mirror.room->enter(head.size() + 2 * body.size() + kOfEachCopyBytes);
  if (!place) return Counter::mirror_full;
  auto copy = std::make_unique<Copy>();
  copy->request.head = head;
  copy->request.body = body;
  copy->request.place.emplace(std::move(*place));
  copy->request.destination = exchange.connection.destination;
  copy->request.caller = exchange.connection.peer_address;
  copy->request.came_by_http2 = exchange.came_by_http2();
  copy->view = exchange.view;
  copy->plan = plan_of(exchange, plan, pair->to);
  const auto request = plan.timeouts->request;
  copy->time = request.count() == 0 ? EffectiveTimeouts().request : request;
  copy->pair = pair;
  pair->was_sent = true;
  exchange.record.mirrored = true;
  exchange.trace(Stage::send, telemetry::Event::mirrored, pair->backend);
  Worker& worker = exchange.worker();
  worker.loop.spawn(deliver(worker, std::move(copy)));
  return std::nullopt;
}

}  // namespace

MirrorPair::MirrorPair(Exchange& exchange, std::uint32_t backend_index)
    : to(backend_index),
      backend(exchange.snapshot().backends[backend_index].name),
      worker_(exchange.worker()),
      service_(exchange.record.service),
      route_(exchange.record.route),
      request_id_(exchange.record.request_id) {}

MirrorPair::~MirrorPair() {
  if (!was_sent) return;
  const auto counter = result();
  worker_.telemetry.count(counter);
  if (counter == Counter::mirror_status_differs || counter == Counter::mirror_body_differs)
    tell(counter);
}

Counter MirrorPair::result() const {
  if (is_too_large) return Counter::mirror_too_large;
  if (!copy.is_whole) return Counter::mirror_failed;
  if (!original.is_whole) return Counter::mirror_not_compared;
  if (copy.status != original.status) return Counter::mirror_status_differs;
  return copy.body == original.body ? Counter::mirror_same : Counter::mirror_body_differs;
}

/// The counters say how many, and this which: once a second at most, so that a mirror that is wrong
/// throughout does not fill the log.
void MirrorPair::tell(Counter result) const {
  const auto now = worker_.loop.now();
  if (now < worker_.next_mirror_line) return;
  worker_.next_mirror_line = now + std::chrono::seconds(1);
  const bool by_status = result == Counter::mirror_status_differs;
  const auto message =
      by_status ? fmt::format("a mirrored request was answered {}, and its copy {}",
                              original.status, copy.status)
                : fmt::format("a mirrored request and its copy were answered {} with other bodies",
                              original.status);
  telemetry::HealthRecord record;
  record.event = "mirror_differs";
  record.message = message;
  record.reason = by_status ? "status" : "body";
  record.request_id = request_id_.view();
  record.service = service_;
  record.route = route_;
  record.backend = backend;
  worker_.telemetry.report(record, worker_.loop.wall_now());
}

void draw_mirror(Exchange& exchange, const Plan& plan) {
  const auto& mirror = plan.shaping->mirror;
  // In HTTP/1.1, too, where gRPC is nothing that we know otherwise.
  if (mirror.room == nullptr || exchange.delivery != nullptr || http::is_grpc(exchange.request) ||
      !exchange.request.upgrade.empty())
    return;
  auto& random = exchange.worker().loop.random();
  for (const auto& target : mirror.targets) {
    if (random.unit() < target.share)
      exchange.mirrors.push_back(std::make_shared<MirrorPair>(exchange, target.backend));
  }
}

void send_copy(Exchange& exchange, const Plan& plan) {
  if (exchange.mirrors.empty() || exchange.mirrors.front()->was_sent) return;
  const auto body = body_of(exchange);
  const auto head = body ? head_of(exchange, body->size()) : std::string();
  // Of one that is not sent nothing is to be compared: nor is a digest of the answer made.
  std::erase_if(exchange.mirrors, [&](const auto& pair) {
    const auto why = body ? send_one(exchange, plan, pair, head, *body)
                          : std::optional(Counter::mirror_too_large);
    if (why) exchange.worker().telemetry.count(*why);
    return why.has_value();
  });
}

}  // namespace epaulet::path
