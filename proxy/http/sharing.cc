#include "http/sharing.h"

#include <algorithm>

#include "base/ascii.h"
#include "http/cache_control.h"

namespace epaulet::http {
namespace {

constexpr std::string_view kOfOneAnswer[] = {
    "range",  "if-range", "if-match", "if-none-match", "if-modified-since", "if-unmodified-since",
    "pragma",
};

/// Those that are cacheable by default, but for what a range or a condition leads to.
bool may_be_kept(std::uint16_t status) {
  constexpr std::uint16_t kStatuses[] = {200, 203, 204, 300, 301, 308, 404, 405, 410, 414, 501};
  return std::find(std::begin(kStatuses), std::end(kStatuses), status) != std::end(kStatuses);
}

bool is_ignored(std::string_view name, std::span<const std::string> ignored) {
  return std::any_of(ignored.begin(), ignored.end(),
                     [name](const auto& one) { return equals_ignore_case(one, name); });
}

bool is_of_one_request(FieldId id) {
  return id == FieldId::x_request_id || id == FieldId::traceparent || id == FieldId::tracestate ||
         id == FieldId::b3 || id == FieldId::x_b3;
}

bool varies_unseen(const ResponseHead& response, std::span<const std::string> ignored) {
  bool unseen = false;
  for (const Field& field : response.fields) {
    if (!equals_ignore_case(field.name, "vary")) continue;
    for_each_element(field.value, [&](std::string_view name) {
      unseen =
          unseen || name == "*" || is_ignored(name, ignored) || is_of_one_request(field_id(name));
    });
  }
  return unseen;
}

bool is_stream_of_events(const ResponseHead& response) {
  constexpr std::string_view kType = "text/event-stream";
  const auto* type = response.find("content-type");
  return type != nullptr && equals_ignore_case(type->value.substr(0, kType.size()), kType);
}

}  // namespace

bool may_be_asked_together(const RequestHead& request, bool with_credentials) {
  if (request.method != Method::get && request.method != Method::head) return false;
  if (request.framing.kind != Framing::Kind::none || !request.upgrade.empty()) return false;
  if (std::any_of(std::begin(kOfOneAnswer), std::end(kOfOneAnswer),
                  [&](std::string_view name) { return request.find(name) != nullptr; }))
    return false;
  const auto control = cache_control_of(request);
  if (control.forbids_to_share || (control.max_age && control.max_age->count() == 0)) return false;
  return with_credentials || !says_who_asks(request);
}

bool tells_requests_apart(const Field& field, std::span<const std::string> ignored) {
  return !field.removed && field.id != FieldId::host && !is_of_one_request(field.id) &&
         !is_ignored(field.name, ignored);
}

bool answers_one_request(const Field& field, std::span<const std::string> ignored) {
  if (is_of_one_request(field.id)) return true;
  constexpr std::string_view kContent = "content-";
  const bool has_its_own_meaning =
      equals_ignore_case(std::string_view(field.name).substr(0, kContent.size()), kContent) ||
      equals_ignore_case(field.name, "cache-control") || equals_ignore_case(field.name, "date") ||
      equals_ignore_case(field.name, "via");
  return !has_its_own_meaning && is_ignored(field.name, ignored);
}

bool may_answer_several(const ResponseHead& response, std::span<const std::string> ignored) {
  // In HTTP/2 it is the stream that ends, and says so.
  const bool ends_with_connection =
      response.framing.kind == Framing::Kind::until_close && !response.keep_alive;
  if (!may_be_kept(response.status) || ends_with_connection) return false;
  if (has_ever_had(response, "set-cookie") || has_ever_had(response, "pragma")) return false;
  if (varies_unseen(response, ignored)) return false;
  if (is_stream_of_events(response)) return false;
  const auto control = cache_control_of(response);
  if (control.forbids_to_share) return false;
  const auto lasts = control.s_maxage ? control.s_maxage : control.max_age;
  return lasts ? lasts->count() > 0 : !has_ever_had(response, "expires");
}

}  // namespace epaulet::http
