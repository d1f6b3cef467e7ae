#include "path/session.h"

#include <fmt/format.h>

#include "base/ascii.h"
#include "path/worker.h"
#include "telemetry/trace_context.h"

namespace epaulet::path {
namespace {

constexpr std::string_view kCookie = "cookie";
constexpr std::string_view kSetCookie = "set-cookie";

bool app_sets(const http::ResponseHead& response, std::string_view name) {
  for (const http::Field& field : response.fields) {
    if (field.removed || !equals_ignore_case(field.name, kSetCookie)) continue;
    if (trim(field.value.substr(0, field.value.find('='))) == name) return true;
  }
  return false;
}

}  // namespace

std::string_view find_cookie(const http::RequestHead& request, std::string_view name) {
  for (const http::Field& field : request.fields) {
    if (field.removed || !equals_ignore_case(field.name, kCookie)) continue;
    for (std::string_view rest = field.value; !rest.empty();) {
      const auto semicolon = rest.find(';');
      const auto pair = trim(rest.substr(0, semicolon));
      rest.remove_prefix(semicolon == std::string_view::npos ? rest.size() : semicolon + 1);
      const auto equals = pair.find('=');
      if (equals == std::string_view::npos || pair.substr(0, equals) != name) continue;
      if (const auto value = pair.substr(equals + 1); !value.empty()) return value;
    }
  }
  return {};
}

Session session_of(const Shared& shared, const BalanceSettings& balance,
                   const http::RequestHead& request, Random& random) {
  if (!balance.by) return {};
  const auto& by = *balance.by;
  if (!by.header.empty()) {
    Session session;
    const auto* field = request.find(by.header);
    if (field != nullptr && !field->value.empty())
      session.key = balance::session_hash(field->value);
    return session;
  }
  if (by.cookie.empty()) return session_of(shared, balance);
  Session session;
  auto value = find_cookie(request, by.cookie);
  if (value.empty()) {
    session.begins = true;
    telemetry::write_request_id(random, session.cookie);
    value = session.new_cookie();
  }
  session.key = balance::session_hash(value);
  return session;
}

Session session_of(const Shared& shared, const BalanceSettings& balance) {
  Session session;
  if (balance.by && balance.by->source.value_or(false)) session.key = shared.pod_key;
  return session;
}

void set_cookie(http::ResponseHead& response, const Session& session,
                const SessionKeySettings& by) {
  if (!session.begins || app_sets(response, by.cookie)) return;
  auto value =
      fmt::format("{}={}; Path=/; HttpOnly; SameSite=Lax", by.cookie, session.new_cookie());
  if (by.ttl) {
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(*by.ttl);
    value += fmt::format("; Max-Age={}", seconds.count());
  }
  response.added.add("Set-Cookie", value);
}

}  // namespace epaulet::path
