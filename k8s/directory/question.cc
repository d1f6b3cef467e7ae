#include "k8s/directory/question.h"

#include <algorithm>

#include "base/directory_limits.h"
#include "k8s/api/json_access.h"

namespace epaulet::kube {
namespace {

constexpr std::size_t kDepthMax = 4;
constexpr std::size_t kNameMax = 253;

bool is_service(std::string_view text) {
  constexpr std::string_view kAllowed = "abcdefghijklmnopqrstuvwxyz0123456789-.";
  const auto dot = text.find('.');
  return text.size() <= kNameMax && dot != text.npos && dot != 0 && dot + 1 != text.size() &&
         text.find_first_not_of(kAllowed) == text.npos;
}

Reason wrong() {
  return Reason("the body is no question",
                R"(send {"services":["NAME.NAMESPACE",...],"version":"..."})");
}

}  // namespace

Checked<Question> read_question(std::string_view body) {
  boost::json::parse_options options;
  options.max_depth = kDepthMax;
  boost::json::error_code error;
  const auto document =
      boost::json::parse(boost::json::string_view(body.data(), body.size()), error, {}, options);
  const auto* object = error ? nullptr : document.if_object();
  const auto* services = object == nullptr ? nullptr : array_in(*object, "services");
  if (services == nullptr || services->empty()) return wrong();
  if (services->size() > limits::kDirectoryServicesMax)
    return Reason("more services are asked for than anybody dials",
                  "ask for at most " + std::to_string(limits::kDirectoryServicesMax));
  Question question;
  for (const auto& each : *services) {
    const auto* text = each.if_string();
    if (text == nullptr || !is_service(std::string_view(*text))) return wrong();
    question.services.emplace_back(std::string_view(*text));
  }
  auto& all = question.services;
  std::sort(all.begin(), all.end());
  all.erase(std::unique(all.begin(), all.end()), all.end());
  question.version = text_in(*object, "version");
  return question;
}

}  // namespace epaulet::kube
