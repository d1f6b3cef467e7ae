#pragma once

#include <cstdint>
#include <functional>

#include "admin/app_metrics.h"
#include "admin/app_probes.h"
#include "admin/end_page.h"
#include "admin/surface.h"
#include "base/intrusive_list.h"
#include "http/http1/server_connection.h"
#include "io/reader.h"
#include "runtime/scope.h"

namespace epaulet::admin {

/// What of the app is served beside a surface; may be nullptr, each.
struct AppPages {
  AppProbes* probes = nullptr;
  AppMetrics* metrics = nullptr;
  EndPage* end = nullptr;
};

/// One connection to a surface. Everything it waits for has a deadline.
class AdminConnection final : public ListNode {
 public:
  /// `surface`, what is of the app and `parent` outlive this.
  AdminConnection(StreamPtr stream, const Surface& surface, AppPages app, Scope& parent);
  AdminConnection(const AdminConnection&) = delete;
  AdminConnection& operator=(const AdminConnection&) = delete;

  /// Hears the status of each refusal, before it is sent.
  void set_on_refusal(std::function<void(std::uint16_t)> on_refusal) {
    on_refusal_ = std::move(on_refusal);
  }

  /// Reads a request and answers it. False: the connection ends.
  Task<bool> serve_one();

  /// Nothing is being done for the client: its next request is waited for, or the rest of one.
  [[nodiscard]] bool waits_for_client() const { return waits_; }
  /// Ends it, now.
  void give_up();

 private:
  Task<Result<bool>> read_request();
  Task<Response> respond();
  Task<Result<void>> send(Response page);
  Task<void> close_lingering();

  const Surface& surface_;
  const AppPages app_;
  Scope scope_;
  StreamPtr stream_;
  StreamReader reader_;
  http::http1::ServerConnection http_;
  http::RequestHead request_;
  std::function<void(std::uint16_t)> on_refusal_;
  bool waits_ = true;
};

}  // namespace epaulet::admin
