#include <string_view>

#include "admin/client.h"
#include "admin/surfaces.h"
#include "base/assert.h"
#include "http/http1/head_parser.h"

namespace {

using namespace epaulet;
using admin::Response;

admin::AdminSources sources() {
  admin::AdminSources from;
  from.config = from.services = from.endpoints = from.certs = from.issuers =
      from.explain = [] { return "{}"; };
  from.explain_one = [](std::string_view id) -> std::optional<std::string> {
    EPAULET_ASSERT(!id.empty());
    if (id.size() > 8) return std::nullopt;
    return "{}";
  };
  from.readiness = [] { return admin::Readiness{false, {"it is a test"}}; };
  return from;
}

/// What must hold of every answer, whoever asks and for whatever.
void check(const http::RequestHead& head, const Response& answer, bool is_local) {
  const bool reads = head.method == http::Method::get || head.method == http::Method::head;
  EPAULET_ASSERT(answer.status >= 200 && answer.status < 600);
  EPAULET_ASSERT(!answer.content_type.empty());
  if (answer.status >= 400) return;
  EPAULET_ASSERT(reads);
  if (!is_local) return;
  EPAULET_ASSERT(head.find("origin") == nullptr);
  EPAULET_ASSERT(head.authority.starts_with("127.0.0.1") || head.authority.starts_with("[::1]") ||
                 (head.authority.size() >= 9 && (head.authority[0] | 0x20) == 'l'));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const auto local = admin::admin_surface(sources());
  static const auto metrics = admin::metrics_surface([] { return "x 1\n"; }, admin::kTextType);
  static const auto health = admin::health_surface(sources().readiness);
  const ConstBytes bytes = std::as_bytes(std::span(data, size));

  const auto answer = admin::parse_admin_answer(as_text(bytes));
  if (answer) EPAULET_ASSERT(answer->body.size() <= size && answer->status >= 100);

  // What is encoded comes back as it was.
  const std::string query = "x=1&id=" + admin::percent_encoded(as_text(bytes));
  EPAULET_ASSERT(admin::query_value(query, "id") == as_text(bytes));

  std::size_t scanned = 0;
  const auto end = http::http1::find_head_end(bytes, {}, scanned);
  if (!end || !*end) return 0;
  http::RequestHead head;
  if (!http::http1::parse_request_head(bytes.first(**end), {}, head)) return 0;
  check(head, local.answer(head), true);
  check(head, metrics.answer(head), false);
  check(head, health.answer(head), false);
  return 0;
}
