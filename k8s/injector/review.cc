#include "k8s/injector/review.h"

#include <algorithm>

#include "crypto/path_secret.h"
#include "k8s/injector/json_access.h"

namespace epaulet::injector {
namespace {

constexpr std::string_view kApiVersion = "admission.k8s.io/v1";
/// managedFields of a pod are a dozen levels deep; parsers that recurse need an end.
constexpr std::size_t kDepthMax = 64;
constexpr std::size_t kUidBytesMax = 128;
constexpr std::size_t kWarningBytesMax = 250;  // The API server cuts what is longer.

Reason no_review(std::string what) {
  return Reason(std::move(what),
                "only an API server with our MutatingWebhookConfiguration asks "
                "here");
}

std::string base64(std::string_view bytes) {
  constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  out.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    std::uint32_t group = 0;
    for (std::size_t j = 0; j < 3; ++j) {
      group <<= 8;
      if (i + j < bytes.size()) group |= static_cast<unsigned char>(bytes[i + j]);
    }
    const std::size_t given = std::min<std::size_t>(bytes.size() - i, 3);
    for (std::size_t j = 0; j < 4; ++j)
      out += j <= given ? kDigits[(group >> (18 - 6 * j)) & 63] : '=';
  }
  return out;
}

/// RFC 1123, as namespaces are: it becomes part of a service's name.
bool is_label(std::string_view text) {
  constexpr std::size_t kMax = 63;
  const auto fits = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
  };
  return !text.empty() && text.size() <= kMax && text.front() != '-' && text.back() != '-' &&
         std::all_of(text.begin(), text.end(), fits);
}

std::string name_of(const json::object& pod) {
  const auto* metadata = object_in(pod, "metadata");
  if (metadata == nullptr) return "";
  if (const auto name = text_in(*metadata, "name"); !name.empty()) return std::string(name);
  return std::string(text_in(*metadata, "generateName")) + "*";
}

}  // namespace

Checked<Review> read_review(std::string_view body) {
  if (body.size() > kReviewBytesMax) return no_review("the review is too large");
  json::parse_options options;
  options.max_depth = kDepthMax;
  json::error_code error;
  auto document = json::parse(json::string_view(body.data(), body.size()), error, {}, options);
  if (error) return no_review("the review is no JSON: " + error.message());
  auto* review = document.if_object();
  if (review == nullptr || text_in(*review, "kind") != "AdmissionReview")
    return no_review("this is no AdmissionReview");
  if (text_in(*review, "apiVersion") != kApiVersion) {
    return no_review("the AdmissionReview is not of " + std::string(kApiVersion));
  }
  const auto* request = object_in(*review, "request");
  if (request == nullptr) return no_review("the AdmissionReview has no request");
  Review read;
  read.uid = text_in(*request, "uid");
  if (read.uid.empty() || read.uid.size() > kUidBytesMax)
    return no_review("the request has no usable uid");
  const auto* kind = object_in(*request, "kind");
  if (kind == nullptr || text_in(*kind, "kind") != "Pod" || !text_in(*kind, "group").empty() ||
      text_in(*kind, "version") != "v1" || text_in(*request, "operation") != "CREATE" ||
      !text_in(*request, "subResource").empty()) {
    return no_review("the request is not about the creation of a pod");
  }
  auto* pod = object_in(*request, "object");
  if (pod == nullptr || object_in(*pod, "spec") == nullptr)
    return no_review("the request has no pod with a spec");
  read.name_space = text_in(*request, "namespace");
  if (!is_label(read.name_space)) return no_review("the request has no usable namespace");
  read.pod_name = name_of(*pod);
  read.pod = *pod;
  read.probe_secret = draw_path_secret();
  return read;
}

std::string answer_text(std::string_view uid, const Verdict& verdict) {
  json::object response;
  response["uid"] = uid;
  response["allowed"] = verdict.allowed;
  if (!verdict.allowed) {
    json::object status;
    status["code"] = 422;  // What is asked for is understood, and cannot be.
    status["reason"] = "Invalid";
    status["message"] = verdict.refusal;
    response["status"] = std::move(status);
  }
  if (!verdict.warnings.empty()) {
    json::array warnings;
    for (const auto& warning : verdict.warnings)
      warnings.push_back(json::value(warning.substr(0, kWarningBytesMax)));
    response["warnings"] = std::move(warnings);
  }
  if (verdict.allowed && !verdict.patch.empty()) {
    response["patchType"] = "JSONPatch";
    response["patch"] = base64(json::serialize(verdict.patch));
  }
  json::object review;
  review["apiVersion"] = kApiVersion;
  review["kind"] = "AdmissionReview";
  review["response"] = std::move(response);
  return json::serialize(review);
}

}  // namespace epaulet::injector
