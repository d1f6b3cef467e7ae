#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "admin/page.h"
#include "runtime/scope.h"
#include "runtime/task.h"

namespace epaulet::admin {

/// How a pod's end is told us by lifecycle hooks, which the kubelet calls before it signals
/// anybody.
/// `/end/<secret>`: the sidecar's own; no new callers are to come, though all is served as ever.
/// `/end/<secret>/<seconds>`: an app's, which is answered when callers have had so much time, from
/// the end's begin, to go elsewhere: until then the app hears no SIGTERM. If no end begins, it is
/// the app alone that is restarted, and is not kept back.
class EndPage {
 public:
  struct Seams {
    std::function<void()> begin;
    std::function<std::optional<TimePoint>()> begun_at;
  };
  /// `secret`: of 32 digits; with another nobody finds it.
  EndPage(std::string secret, Seams seams) : secret_(std::move(secret)), seams_(std::move(seams)) {}

  static constexpr std::string_view kPrefix = "/end/";
  /// The kubelet calls all hooks at once: ours comes soon, or not at all.
  static constexpr std::chrono::milliseconds kOursComesWithin{1000};
  static constexpr int kSecondsMax = 60;

  /// `path`: begins with kPrefix and need not live on.
  Task<Response> answer(std::string_view path, Scope& scope);

 private:
  Task<Response> hold(std::chrono::seconds time, Scope& scope);

  const std::string secret_;
  const Seams seams_;
};

}  // namespace epaulet::admin
