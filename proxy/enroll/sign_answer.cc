#include "enroll/sign_answer.h"

#include <fmt/format.h>

#include <boost/json.hpp>

namespace epaulet::enroll {
namespace {

namespace json = boost::json;

constexpr std::size_t kTextMax = 300;
constexpr std::size_t kDepthMax = 4;

/// Foreign words for log and /ready.
std::string printable(std::string_view text) {
  std::string out;
  for (const char c : text.substr(0, kTextMax)) out += c >= ' ' && c <= '~' ? c : '?';
  return out;
}

/// "" if it is absent or no text.
std::string_view text_at(const json::object& object, std::string_view name) {
  const auto* value = object.if_contains(name);
  return value != nullptr && value->is_string() ? std::string_view(value->get_string())
                                                : std::string_view();
}

Reason no_answer(std::uint16_t status) {
  return {fmt::format("the identity service answered {} and nothing that we understand", status),
          "is another server behind `identity.service`?"};
}

}  // namespace

Checked<SignAnswer> parse_sign_answer(std::uint16_t status, std::string_view body) {
  json::parse_options options;
  options.max_depth = kDepthMax;
  boost::system::error_code error;
  const auto value = json::parse({body.data(), body.size()}, error, {}, options);
  if (error || !value.is_object()) return no_answer(status);
  const auto& object = value.get_object();
  if (status != 200) {
    const auto what = text_at(object, "error");
    if (what.empty()) return no_answer(status);
    return Reason(fmt::format("the identity service refused ({}): {}", status, printable(what)),
                  printable(text_at(object, "remedy")));
  }
  SignAnswer answer;
  answer.certificates = text_at(object, "certificates");
  answer.bundle = text_at(object, "bundle");
  if (answer.certificates.empty() || answer.bundle.empty()) return no_answer(status);
  return answer;
}

}  // namespace epaulet::enroll
