#include "k8s/api/token_review.h"

#include "k8s/api/json_access.h"

namespace epaulet::kube {
namespace {

constexpr std::size_t kDepthMax = 32;

std::string printable(std::string_view text) {
  constexpr std::size_t kMax = 200;
  std::string out;
  for (const char c : text.substr(0, kMax)) out += c >= ' ' && c <= '~' ? c : '?';
  return out;
}

/// Of Status, which API servers send instead of what was asked for.
Reason refused(std::uint16_t status, const json::value& document) {
  std::string why;
  if (const auto* object = document.if_object()) why = printable(text_in(*object, "message"));
  const auto remedy = status == 403
                          ? "let our service account create tokenreviews.authentication.k8s.io"
                          : "look at the API server's log";
  return Reason("the API server answered " + std::to_string(status) +
                    (why.empty() ? std::string() : ": " + why),
                remedy);
}

std::string pod_of(const json::object& user) {
  const auto* extra = object_in(user, "extra");
  const auto* found =
      extra == nullptr ? nullptr : extra->if_contains("authentication.kubernetes.io/pod-name");
  const auto* list = found == nullptr ? nullptr : found->if_array();
  if (list == nullptr || list->size() != 1 || !list->front().is_string()) return "";
  return std::string(list->front().get_string());
}

}  // namespace

std::string token_review_request(std::string_view token, std::string_view audience) {
  json::object spec;
  spec["token"] = token;
  spec["audiences"] = json::array{audience};
  json::object review;
  review["apiVersion"] = "authentication.k8s.io/v1";
  review["kind"] = "TokenReview";
  review["spec"] = std::move(spec);
  return json::serialize(review);
}

Checked<TokenReviewStatus> parse_token_review(std::uint16_t status, std::string_view body) {
  json::parse_options options;
  options.max_depth = kDepthMax;
  json::error_code error;
  const auto document =
      json::parse(json::string_view(body.data(), body.size()), error, {}, options);
  if (status != 200 && status != 201) return refused(status, document);
  const auto* review = error ? nullptr : document.if_object();
  const auto* said = review == nullptr || text_in(*review, "kind") != "TokenReview"
                         ? nullptr
                         : object_in(*review, "status");
  if (said == nullptr)
    return Reason("the API server sent no TokenReview", "is another server there?");
  TokenReviewStatus read;
  const auto* authenticated = said->if_contains("authenticated");
  read.authenticated =
      authenticated != nullptr && authenticated->is_bool() && authenticated->get_bool();
  read.error = printable(text_in(*said, "error"));
  if (const auto* user = object_in(*said, "user")) {
    read.username = text_in(*user, "username");
    read.pod_name = pod_of(*user);
  }
  const auto* audiences = said->if_contains("audiences");
  if (const auto* list = audiences == nullptr ? nullptr : audiences->if_array()) {
    for (const auto& each : *list) {
      if (each.is_string()) read.audiences.emplace_back(each.get_string());
    }
  }
  return read;
}

}  // namespace epaulet::kube
