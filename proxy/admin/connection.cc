#include "admin/connection.h"

#include "base/error_table.h"
#include "base/limits.h"
#include "http/reason_phrase.h"
#include "io/ops.h"

namespace epaulet::admin {
namespace {

constexpr std::chrono::seconds kLinger{1};
constexpr std::size_t kLingerBytesMax = 64 * limits::kKiB;

http::http1::HeadLimits head_limits() {
  http::http1::HeadLimits limits;
  limits.bytes = limits::kAdminHeadBytesMax;
  return limits;
}

Error timed_out(ErrorCode code) {
  return {code, Side::downstream, Stage::parse};
}

}  // namespace

AdminConnection::AdminConnection(StreamPtr stream, const Surface& surface, AppPages app,
                                 Scope& parent)
    : surface_(surface),
      app_(app),
      scope_(parent),
      stream_(std::move(stream)),
      reader_(*stream_),
      http_(*stream_, reader_, head_limits()) {}

void AdminConnection::give_up() {
  scope_.cancel({ErrorCode::connections_exhausted, Side::self, Stage::accept});
}

Task<bool> AdminConnection::serve_one() {
  waits_ = true;
  auto read = co_await read_request();
  waits_ = false;
  if (scope_.cancelled()) co_return false;
  Response page;
  if (!read) {
    const auto status = describe(read.error().code).http_status;
    // Whoever has gone away gets no answer: 499 is a word of our logs.
    if (read.error().stage != Stage::parse || status == 0 || status == 499) co_return false;
    page = error_page(status, describe(read.error().code).summary);
  } else if (!*read) {
    co_return false;
  } else {
    page = co_await respond();
  }
  if (scope_.cancelled()) co_return false;
  if (page.is_refusal && on_refusal_) on_refusal_(page.status);
  const auto sent = co_await send(std::move(page));
  if (!sent) {
    stream_->reset();
    co_return false;
  }
  if (http_.keeps()) co_return true;
  co_await close_lingering();
  co_return false;
}

/// False: the client has ended the connection between requests, or let it lie too long.
Task<Result<bool>> AdminConnection::read_request() {
  request_.clear();
  {
    Scope idle(scope_);
    idle.set_deadline(scope_.loop().now() + limits::kAdminIdle, timed_out(ErrorCode::idle_timeout));
    const auto waiting = co_await http_.await_request(idle);
    if (!waiting || !*waiting) co_return false;
  }
  Scope reading(scope_);
  reading.set_deadline(scope_.loop().now() + limits::kAdminHeadTime,
                       timed_out(ErrorCode::head_timeout));
  const auto head = co_await http_.read_head(request_, reading);
  if (!head) {
    request_.keep_alive = false;  // Nobody knows where the next request would begin.
    co_return head.error();
  }
  co_return true;
}

Task<Response> AdminConnection::respond() {
  if (app_.probes != nullptr && request_.path.starts_with(AppProbes::kPrefix)) {
    Response refusal = surface_.refuse(request_);
    if (refusal.status != 0) co_return refusal;
    co_return co_await app_.probes->probe(request_.path, stream_->info().local.ip, scope_);
  }
  if (app_.end != nullptr && request_.path.starts_with(EndPage::kPrefix)) {
    Response refusal = surface_.refuse(request_);
    if (refusal.status != 0) co_return refusal;
    co_return co_await app_.end->answer(request_.path, scope_);
  }
  Response page = surface_.answer(request_);
  if (app_.metrics != nullptr && page.status == 200 && app_.metrics->serves(request_))
    co_await app_.metrics->append_to(page.body, stream_->info().local.ip, request_, scope_);
  co_return std::move(page);
}

Task<Result<void>> AdminConnection::send(Response page) {
  http::ResponseHead head;
  head.status = page.status;
  head.reason = http::reason_phrase(page.status);
  const bool empty = page.body.empty();
  head.framing = {empty ? http::Framing::Kind::none : http::Framing::Kind::length,
                  page.body.size()};
  head.added.add("Content-Type", page.content_type);
  head.added.add("Content-Length", std::to_string(page.body.size()));
  head.added.add("Cache-Control", "no-store");
  head.added.add("X-Content-Type-Options", "nosniff");
  if (page.status == 405) head.added.add("Allow", "GET, HEAD");
  // No page takes a body: whoever sends one gets the answer and no second request.
  const bool keep = http_.body().complete();
  http_.begin_response(request_, head, keep);

  Scope sending(scope_);
  sending.set_deadline(scope_.loop().now() + limits::kAdminSendTime,
                       {ErrorCode::idle_timeout, Side::downstream, Stage::send});
  const bool with_body = request_.method != http::Method::head;
  const http::Chunk all(with_body ? as_bytes(page.body) : ConstBytes(), true);
  co_return co_await http_.writer().push(all, sending);
}

/// Our FIN, then what the client still sends: closing with unread input would reset the connection
/// and destroy the answer before it is read (RFC 9112 section 9.6).
Task<void> AdminConnection::close_lingering() {
  Scope lingering(scope_);
  lingering.set_deadline(scope_.loop().now() + kLinger,
                         {ErrorCode::idle_timeout, Side::downstream, Stage::shutdown});
  http_.body().finish();
  const auto ended = co_await write_end(*stream_, lingering);
  if (!ended) co_return;
  std::size_t skipped = 0;
  while (skipped < kLingerBytesMax && !reader_.at_end()) {
    skipped += reader_.buffered().size();
    reader_.consume(reader_.buffered().size());
    const auto filled = co_await reader_.fill(lingering);
    if (!filled || *filled == 0) co_return;
  }
}

}  // namespace epaulet::admin
