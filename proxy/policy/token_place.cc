#include "policy/token_place.h"

#include <functional>
#include <optional>

#include "base/ascii.h"
#include "http/cgi_name.h"

namespace epaulet {
namespace {

using Found = TokenPlace::Found;

/// RFC 6750 section 2.1; the scheme in any case (RFC 9110 section 11.1). Nothing for other schemes.
std::optional<std::string_view> bearer_token(std::string_view authorization) {
  constexpr std::string_view kScheme = "bearer";
  if (!equals_ignore_case(authorization.substr(0, kScheme.size()), kScheme)) return std::nullopt;
  const auto rest = authorization.substr(kScheme.size());
  if (!rest.empty() && rest.front() != ' ' && rest.front() != '\t') return std::nullopt;
  return trim(rest);
}

void note(Found& found, std::string_view token) {
  if (found.is_there) found.failure = TokenFailure::several;
  found.is_there = true;
  found.token = token;
}

/// Which of several fields the app reads is anybody's guess, whatever their schemes.
Found in_authorization(const http::RequestHead& head) {
  Found found;
  std::size_t fields = 0;
  for (const http::Field& field : head.fields) {
    if (field.id != http::FieldId::authorization || field.removed) continue;
    if (++fields > 1) {
      found.failure = TokenFailure::several;
      return found;
    }
    if (const auto token = bearer_token(field.value)) note(found, *token);
  }
  return found;
}

Found in_header(const http::RequestHead& head, std::string_view name) {
  Found found;
  for (const http::Field& field : head.fields) {
    if (field.removed || !equals_ignore_case(field.name, name)) continue;
    note(found, bearer_token(field.value).value_or(field.value));
  }
  return found;
}

/// Calls `visit(pair, name, value)` for each part of `list`; `pair` is the part as it stands.
template <class Visit>
void for_each_pair(std::string_view list, char separator, Visit&& visit) {
  while (!list.empty()) {
    const auto end = list.find(separator);
    const auto pair = list.substr(0, end);
    list.remove_prefix(end == std::string_view::npos ? list.size() : end + 1);
    const auto text = trim(pair);
    const auto equals = text.find('=');
    const auto value =
        equals == std::string_view::npos ? std::string_view() : text.substr(equals + 1);
    visit(pair, trim(text.substr(0, equals)), value);
  }
}

bool is_cookie_field(const http::Field& field) {
  return !field.removed && equals_ignore_case(field.name, "cookie");
}

Found in_cookie(const http::RequestHead& head, std::string_view wanted) {
  Found found;
  for (const http::Field& field : head.fields) {
    if (!is_cookie_field(field)) continue;
    for_each_pair(field.value, ';', [&](auto, std::string_view name, std::string_view value) {
      if (name == wanted) note(found, value);
    });
  }
  return found;
}

Found in_query(const http::RequestHead& head, std::string_view wanted) {
  Found found;
  for_each_pair(head.query, '&', [&](auto, std::string_view name, std::string_view value) {
    if (name == wanted) note(found, value);
  });
  return found;
}

void strip_header(http::RequestHead& head, std::string_view name) {
  for (http::Field& field : head.fields) {
    if (!field.removed && http::equals_as_cgi(field.name, name)) field.removed = true;
  }
}

void strip_cookie(http::RequestHead& head, std::string_view unwanted) {
  for (http::Field& field : head.fields) {
    if (!is_cookie_field(field)) continue;
    bool has_it = false;
    std::string rest;
    for_each_pair(field.value, ';', [&](std::string_view pair, std::string_view name, auto) {
      has_it = has_it || name == unwanted;
      if (name != unwanted) rest.append(rest.empty() ? "" : "; ").append(trim(pair));
    });
    if (!has_it) continue;
    field.removed = true;
    if (!rest.empty()) head.added.add(field.name, rest);
  }
}

/// Without the parameter, with the others byte for byte and in their order.
void strip_query(http::RequestHead& head, std::string_view unwanted) {
  if (!in_query(head, unwanted).is_there) return;
  const std::string_view whole =
      head.rewritten_target.empty() ? head.target : head.rewritten_target;
  const auto question = whole.find('?');
  if (question == std::string_view::npos) return;
  PooledString target(whole.substr(0, question));
  char before = '?';
  for_each_pair(whole.substr(question + 1), '&',
                [&](std::string_view pair, std::string_view name, auto) {
                  if (name == unwanted) return;
                  target += before;
                  target.append(pair);
                  before = '&';
                });
  // The path may stand in what is replaced; of an absolute form without path it stands nowhere.
  const std::less<const char*> is_before;
  const bool holds_path = !is_before(head.path.data(), whole.data()) &&
                          !is_before(whole.data() + question, head.path.data());
  const auto path_at = holds_path ? static_cast<std::size_t>(head.path.data() - whole.data()) : 0;
  const auto path_size = head.path.size();
  head.rewritten_target = std::move(target);
  const std::string_view written(head.rewritten_target);
  if (holds_path) head.path = written.substr(path_at, path_size);
  head.query = question < written.size() ? written.substr(question + 1) : std::string_view();
}

}  // namespace

TokenPlace::TokenPlace(const TokenPlaceSettings& settings) {
  if (!settings.cookie.empty()) {
    kind_ = Kind::cookie;
    name_ = settings.cookie;
  } else if (!settings.query.empty()) {
    kind_ = Kind::query;
    name_ = settings.query;
  } else if (!settings.header.empty() && !equals_ignore_case(settings.header, "authorization")) {
    kind_ = Kind::header;
    name_ = lower(settings.header);
  }
}

Found TokenPlace::find(const http::RequestHead& head) const {
  switch (kind_) {
    case Kind::authorization:
      return in_authorization(head);
    case Kind::header:
      return in_header(head, name_);
    case Kind::cookie:
      return in_cookie(head, name_);
    case Kind::query:
      return in_query(head, name_);
  }
  return {};
}

void TokenPlace::strip(http::RequestHead& head) const {
  switch (kind_) {
    case Kind::authorization:
      return strip_header(head, "authorization");
    case Kind::header:
      return strip_header(head, name_);
    case Kind::cookie:
      return strip_cookie(head, name_);
    case Kind::query:
      return strip_query(head, name_);
  }
}

std::string TokenPlace::text() const {
  return std::to_string(static_cast<int>(kind_)) + " " + name_;
}

}  // namespace epaulet
