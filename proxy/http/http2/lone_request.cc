#include "http/http2/lone_request.h"

namespace epaulet::http::http2 {
namespace {

constexpr std::chrono::milliseconds kGoodbye{100};
const Error kDone{ErrorCode::cancelled, Side::self, Stage::none};

}  // namespace

LoneRequest::LoneRequest(StreamPtr stream, const SessionLimits& limits, Scope& parent)
    : stream_(std::move(stream)),
      reader_(*stream_),
      scope_(parent),
      mux_(Role::client, limits, *this, *stream_, reader_, scope_) {
  running_.start(run(*this));
}

ClientStream& LoneRequest::begin() {
  request_ = std::make_unique<OpenedStream>(mux_, "http");
  return *request_;
}

Task<void> LoneRequest::end() {
  request_.reset();
  scope_.set_deadline(scope_.loop().now() + kGoodbye, kDone);
  mux_.session().shut_down(true);
  mux_.kick();
  (void)co_await running_.join();
}

Task<Error> LoneRequest::run(LoneRequest& self) {
  const Error why = co_await self.mux_.run(nullptr);
  self.mux_.session().abandon_streams();
  co_return why;
}

}  // namespace epaulet::http::http2
