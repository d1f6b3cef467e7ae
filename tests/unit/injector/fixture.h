#pragma once

#include <gtest/gtest.h>

#include <string>

#include "apply_patch.h"
#include "k8s/injector/inject.h"
#include "k8s/injector/json_access.h"

namespace epaulet::injector {

inline bool has(const std::string& text, const std::string& part) {
  return text.find(part) != text.npos;
}

inline InjectorSettings test_settings() {
  InjectorSettings settings;
  settings.image = "registry.example/epaulet:0.1.0";
  settings.roots = "-----BEGIN CERTIFICATE-----\nnone\n-----END CERTIFICATE-----\n";
  settings.version = "0.1.0";
  settings.own_namespaces = {"kube-system", "epaulet-system"};
  return settings;
}

inline constexpr const char* kSecret = "0123456789abcdef0123456789abcdef";
/// Where the kubelet finds a probe.
inline std::string probe_path(int number) {
  return std::string("/app-health/") + kSecret + "/" + std::to_string(number);
}

/// A small pod; `metadata` and `spec` are merged into it, member by member.
inline Review pod_with(std::string_view metadata, std::string_view spec = "{}") {
  Review review;
  review.uid = "1";
  review.name_space = "shop";
  review.pod_name = "orders-*";
  review.probe_secret = kSecret;
  review.pod = json::parse(R"({"metadata":{"generateName":"orders-","labels":{"app":"orders"}},
    "spec":{"serviceAccountName":"orders","containers":[{"name":"app","image":"a",
      "ports":[{"containerPort":8080}]}]}})")
                   .as_object();
  const auto more_metadata = json::parse(metadata);
  const auto more_spec = json::parse(spec);
  for (const auto& [key, value] : more_metadata.as_object())
    review.pod["metadata"].as_object()[key] = value;
  for (const auto& [key, value] : more_spec.as_object())
    review.pod["spec"].as_object()[key] = value;
  return review;
}

inline Review annotated(const std::string& name, const std::string& value) {
  json::object metadata;
  json::object annotations;
  annotations[name] = value;
  metadata["annotations"] = std::move(annotations);
  return pod_with(json::serialize(metadata));
}

/// The pod as the API server keeps it.
inline json::object injected(const Review& review,
                             const InjectorSettings& settings = test_settings()) {
  const auto verdict = inject(review, settings);
  EXPECT_TRUE(verdict.allowed) << verdict.refusal;
  json::value pod(review.pod);
  apply(pod, verdict.patch);
  return pod.as_object();
}

inline std::string refusal_of(const Review& review,
                              const InjectorSettings& settings = test_settings()) {
  const auto verdict = inject(review, settings);
  EXPECT_FALSE(verdict.allowed);
  EXPECT_TRUE(verdict.patch.empty());
  return verdict.refusal;
}

inline const json::object& container(const json::object& pod, std::string_view list,
                                     std::size_t i) {
  return pod.at("spec").as_object().at(list).as_array().at(i).as_object();
}

inline std::string annotation_of(const json::object& pod, std::string_view name) {
  return std::string(pod.at("metadata").at("annotations").as_object().at(name).as_string());
}

}  // namespace epaulet::injector
