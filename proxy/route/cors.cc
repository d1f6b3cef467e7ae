#include "route/cors.h"

#include <algorithm>
#include <array>

#include "base/ascii.h"
#include "base/char_class.h"
#include "http/each_line.h"

namespace epaulet {
namespace {

constexpr std::string_view kAny = "*";
/// Of what is said back of a request: browsers name a few fields there.
constexpr std::size_t kEchoBytesMax = 2048;

/// What an app says of it in its responses.
constexpr std::array<std::string_view, 6> kResponseFields{
    "access-control-allow-origin",   "access-control-allow-credentials",
    "access-control-allow-methods",  "access-control-allow-headers",
    "access-control-expose-headers", "access-control-max-age"};

bool is_ours_to_say(std::string_view name) {
  return std::any_of(kResponseFields.begin(), kResponseFields.end(),
                     [name](auto one) { return equals_ignore_case(name, one); });
}

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const auto& word : words) text.append(text.empty() ? "" : ", ").append(word);
  return text;
}

bool has_any(const std::vector<std::string>& words) {
  return std::find(words.begin(), words.end(), kAny) != words.end();
}

/// What a `*` stands for: labels, and neither a port nor anything that would end a host.
bool is_of_host(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(),
                                      [](char c) { return char_class::is(c, char_class::kHost); });
}

/// Browsers leave out the scheme's own port (RFC 6454 section 6.2).
std::string_view without_usual_port(std::string_view origin) {
  for (const auto& [scheme, port] :
       {std::pair<std::string_view, std::string_view>("http://", ":80"), {"https://", ":443"}}) {
    if (origin.starts_with(scheme) && origin.ends_with(port)) origin.remove_suffix(port.size());
  }
  return origin;
}

bool ends_with_ignore_case(std::string_view text, std::string_view end) {
  return text.size() >= end.size() &&
         equals_ignore_case(text.substr(text.size() - end.size()), end);
}

/// A list of names, which is said back as it came.
bool is_list_of_names(std::string_view text) {
  return !text.empty() && text.size() <= kEchoBytesMax &&
         std::all_of(text.begin(), text.end(), [](char c) {
           return char_class::is(c, char_class::kToken) || c == ',' || c == ' ';
         });
}

/// As the caller sent it, also where the route takes it out of what the backend gets.
const http::Field* find_sent(const http::RequestHead& request, std::string_view name) {
  const auto found = std::find_if(
      request.fields.begin(), request.fields.end(),
      [name](const http::Field& field) { return equals_ignore_case(field.name, name); });
  return found == request.fields.end() ? nullptr : &*found;
}

std::string_view value_of(const http::RequestHead& request, std::string_view name) {
  const auto* field = find_sent(request, name);
  return field == nullptr ? std::string_view() : field->value;
}

/// Each name once, as browsers want them where `*` would be a name.
std::string names_in(const http::ResponseHead& response) {
  std::vector<std::string_view> names;
  std::string text;
  for (const auto& field : response.fields) {
    const auto is_same = [&](std::string_view one) { return equals_ignore_case(one, field.name); };
    if (field.removed || std::any_of(names.begin(), names.end(), is_same)) continue;
    names.push_back(field.name);
    text.append(text.empty() ? "" : ", ").append(field.name);
  }
  return text;
}

}  // namespace

std::string_view preflight_method(const http::RequestHead& request) {
  if (request.method != http::Method::options || find_sent(request, "origin") == nullptr) return {};
  return value_of(request, "access-control-request-method");
}

Cors::Cors(const CorsSettings& settings)
    : allows_any_(has_any(settings.allow_origins)),
      allow_credentials_(settings.allow_credentials),
      any_method_(has_any(settings.allow_methods)),
      any_header_(has_any(settings.allow_headers)),
      exposes_any_(has_any(settings.expose_headers)),
      methods_(joined(settings.allow_methods)),
      headers_(joined(settings.allow_headers)),
      exposed_(exposes_any_ ? "*" : joined(settings.expose_headers)),
      max_age_(std::to_string(
          std::chrono::duration_cast<std::chrono::seconds>(settings.max_age).count())) {
  for (const auto& text : settings.allow_origins) {
    const std::string origin(without_usual_port(text));
    const auto star = origin.find('*');
    if (star == 0) continue;
    AllowedOrigin one;
    one.is_pattern = star != std::string::npos;
    one.before = origin.substr(0, star);
    if (one.is_pattern) one.after = origin.substr(star + 1);
    origins_.push_back(std::move(one));
  }
}

bool Cors::allows(std::string_view origin) const {
  if (allows_any_) return true;
  return std::any_of(origins_.begin(), origins_.end(), [origin](const AllowedOrigin& one) {
    if (!one.is_pattern) return equals_ignore_case(origin, one.before);
    const auto fixed = one.before.size() + one.after.size();
    return origin.size() > fixed &&
           equals_ignore_case(origin.substr(0, one.before.size()), one.before) &&
           ends_with_ignore_case(origin, one.after) &&
           is_of_host(origin.substr(one.before.size(), origin.size() - fixed));
  });
}

bool Cors::lets(const http::RequestHead& request) const {
  const auto* origin = find_sent(request, "origin");
  return origin != nullptr && allows(origin->value) &&
         (allow_credentials_ || find_sent(request, "cookie") == nullptr);
}

/// An answer that is the same for all origins says so whoever asks; any other says by what it
/// differs, whoever asks, so that no cache gives one origin's answer to another.
void Cors::add_origin(const http::RequestHead& request, http::AddedFields& lines) const {
  const auto origin = value_of(request, "origin");
  lines.add("Access-Control-Allow-Origin", is_public() ? kAny : origin);
  if (allow_credentials_) lines.add("Access-Control-Allow-Credentials", "true");
}

void Cors::add_lines(const http::RequestHead& request, http::AddedFields& lines) const {
  if (!is_public()) lines.add("Vary", "Origin");
  const bool is_told = lets(request) || (is_public() && find_sent(request, "origin") == nullptr);
  if (!is_told) return;
  add_origin(request, lines);
  // With credentials a `*` is a name (Fetch, "CORS-exposed header-name list").
  const bool names_them = !exposed_.empty() && !(exposes_any_ && allow_credentials_);
  if (names_them) lines.add("Access-Control-Expose-Headers", exposed_);
}

void Cors::apply(const http::RequestHead& request, http::ResponseHead& response) const {
  for (http::Field& field : response.fields) {
    if (is_ours_to_say(field.name)) field.removed = true;
  }
  add_lines(request, response.added);
  if (!exposes_any_ || !allow_credentials_ || !lets(request)) return;
  const auto names = names_in(response);
  if (!names.empty()) response.added.add("Access-Control-Expose-Headers", names);
}

std::string Cors::without_app_words(std::string_view lines) {
  std::string kept;
  http::for_each_line(lines, [&kept](std::string_view line) {
    if (!line.empty() && !is_ours_to_say(line.substr(0, line.find(':'))))
      kept.append(line).append("\r\n");
  });
  return kept;
}

/// `*` is answered with what was asked for: some browsers take it for a name, and with credentials
/// all of them do.
void Cors::add_preflight_lines(const http::RequestHead& request, http::AddedFields& lines) const {
  if (!is_public()) lines.add("Vary", "Origin");
  add_origin(request, lines);
  const auto method = any_method_ ? preflight_method(request) : std::string_view(methods_);
  if (!method.empty() && (!any_method_ || is_list_of_names(method)))
    lines.add("Access-Control-Allow-Methods", method);
  const auto asked = value_of(request, "access-control-request-headers");
  if (!any_header_ && !headers_.empty()) {
    lines.add("Access-Control-Allow-Headers", headers_);
  } else if (any_header_ && is_list_of_names(asked)) {
    lines.add("Access-Control-Allow-Headers", asked);
  }
  lines.add("Access-Control-Max-Age", max_age_);
}

}  // namespace epaulet
