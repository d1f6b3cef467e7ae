#pragma once

#include <gtest/gtest.h>

#include <string>

#include "crypto/ca.h"
#include "k8s/doctor/certificates.h"
#include "k8s/doctor/checks.h"

namespace epaulet::kube {

inline constexpr WallTime kNow{std::chrono::seconds(1'800'000'000)};

inline std::string encode_base64(std::string_view text) {
  constexpr std::string_view kAlphabet =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  for (std::size_t i = 0; i < text.size(); i += 3) {
    std::uint32_t bits = 0;
    for (std::size_t j = 0; j < 3; ++j)
      bits = bits << 8 | (i + j < text.size() ? static_cast<unsigned char>(text[i + j]) : 0u);
    for (std::size_t j = 0; j < 4; ++j)
      out += i + j > text.size() ? '=' : kAlphabet[bits >> (18 - 6 * j) & 63];
  }
  return out;
}

/// A cluster in which all is well; a test breaks one thing.
struct Cluster {
  Question question;
  json::object namespaces, webhooks, pods, sets, refusals, creations, deployments, services, slices,
      leases, ca;
  /// Of both programs.
  json::object role = json::parse(R"({"rules":[
    {"apiGroups":["authentication.k8s.io"],"resources":["tokenreviews"],"verbs":["create"]},
    {"apiGroups":[""],"resources":["services","pods"],"verbs":["list","watch"]},
    {"apiGroups":["discovery.k8s.io"],"resources":["endpointslices"],"verbs":["list","watch"]},
    {"apiGroups":["gateway.networking.k8s.io"],"resources":["httproutes","grpcroutes"],
     "verbs":["list","watch"]},
    {"apiGroups":["gateway.networking.k8s.io"],"verbs":["patch"],
     "resources":["httproutes/status","grpcroutes/status"]},
    {"apiGroups":[""],"resources":["events"],"verbs":["create"]}]})")
                          .as_object();
  json::object daemon_set, nodes, cni_pods;  ///< With `use_cni`.
  CertificateAuthority root = CertificateAuthority::create("cluster.local", KeyType::p256, kNow);
  CertificateAuthority issuer = *root.create_issuer(KeyType::p256, kNow);

  Cluster() {
    namespaces = list(R"([{"metadata":{"name":"shop","labels":{"epaulet.io/inject":"enabled",
        "kubernetes.io/metadata.name":"shop"}}},{"metadata":{"name":"epaulet-system"}},
      {"metadata":{"name":"kube-system"}}])");
    webhooks = list(R"([{"metadata":{"name":"epaulet-injector"},"webhooks":[{
      "name":"namespace.injector.epaulet.io","failurePolicy":"Fail",
      "clientConfig":{"service":{"name":"epaulet-injector","namespace":"epaulet-system"}},
      "rules":[{"operations":["CREATE"],"resources":["pods"]}],
      "namespaceSelector":{"matchExpressions":[
        {"key":"kubernetes.io/metadata.name","operator":"NotIn","values":["kube-system","epaulet-system"]},
        {"key":"epaulet.io/inject","operator":"In","values":["true","enabled"]}]},
      "objectSelector":{"matchExpressions":[
        {"key":"epaulet.io/inject","operator":"NotIn","values":["false","disabled"]}]}}]}])");
    deployments = list("[]");
    services = list("[]");
    slices = list("[]");
    for (const std::string name : {"epaulet-identity", "epaulet-injector", "epaulet-directory"}) {
      add(deployments, R"({"metadata":{"name":")" + name + R"("},"spec":{"replicas":2,"template":{
        "spec":{"containers":[{"args":["serve","--image=epaulet:1","--directory=https://d"]}]}}},
        "status":{"availableReplicas":2}})");
      add(services, R"({"metadata":{"name":")" + name + "\"}}");
      add(slices, R"({"metadata":{"labels":{"kubernetes.io/service-name":")" + name +
                      R"("}},"endpoints":[{"conditions":{"ready":true}}]})");
    }
    pods = list("[]");
    sets = list("[]");
    refusals = list("[]");
    creations = list("[]");
    add(pods, pod("api"));
    leases =
        list(R"([{"metadata":{"name":"node"},"spec":{"renewTime":"2027-01-15T07:59:50.5Z"}}])");
    ca["data"] = json::object{{"ca.pem", encode_base64(root.certificate().to_pem())},
                              {"issuer.pem", encode_base64(issuer.certificate().to_pem())},
                              {"issuer.key", encode_base64(issuer.key().to_pem())}};
  }

  static json::object list(const std::string& items) {
    return json::object{{"items", json::parse(items)}};
  }
  static void add(json::object& list, const std::string& item) {
    list["items"].as_array().push_back(json::parse(item));
  }
  /// With a sidecar that is ready.
  static std::string pod(const std::string& name) {
    return R"({"metadata":{"namespace":"shop","name":")" + name + R"(","annotations":{}},
      "spec":{"initContainers":[{"name":"epaulet-init"},{"name":"epaulet","image":"epaulet:1"}],
        "containers":[{"name":"app"}]},
      "status":{"phase":"Running","initContainerStatuses":[
        {"name":"epaulet-init","ready":true,"state":{"terminated":{"exitCode":0}}},
        {"name":"epaulet","ready":true,"state":{"running":{}}}]}})";
  }
  json::object& only_pod() { return pods["items"].as_array()[0].as_object(); }
  json::object& webhook() {
    return webhooks["items"].as_array()[0].as_object()["webhooks"].as_array()[0].as_object();
  }

  /// On two nodes.
  void use_cni() {
    deployments["items"].as_array()[1] = json::parse(R"({"metadata":{"name":"epaulet-injector"},
      "spec":{"replicas":2,"template":{"spec":{"containers":[{"args":["serve","--redirect=cni"]}]}}},
      "status":{"availableReplicas":2}})");
    daemon_set = json::parse(R"({"metadata":{"name":"epaulet-cni"}})").as_object();
    nodes = list(R"([{"metadata":{"name":"n1"}},{"metadata":{"name":"n2"}}])");
    cni_pods = list("[]");
    for (const std::string node : {"n1", "n2"}) {
      add(cni_pods, R"({"metadata":{"labels":{"app.kubernetes.io/name":"epaulet-cni"}},"spec":{
        "nodeName":")" + node +
                        R"("},"status":{"conditions":[{"type":"Ready","status":"True"}]}})");
    }
  }

  [[nodiscard]] Facts facts(WallTime now = kNow) const {
    Facts facts(now);
    const auto put = [&](std::string path, json::object document) {
      Fact fact;
      fact.status = 200;
      fact.document = std::move(document);
      facts.put(std::move(path), std::move(fact));
    };
    put(std::string(paths::kVersion), {{"major", "1"}, {"minor", "34"}, {"gitVersion", "v1.34.4"}});
    put(std::string(paths::kNamespaces), namespaces);
    put(std::string(paths::kWebhooks), webhooks);
    put(std::string(paths::kLeases), leases);
    put(paths::pods(question), pods);
    put(paths::replica_sets(question), sets);
    put(paths::failed_creates(question), refusals);
    put(paths::successful_creates(question), creations);
    put(paths::deployments(question), deployments);
    put(paths::services(question), services);
    put(paths::endpoint_slices(question), slices);
    Fact absent;
    absent.status = 404;
    facts.put(paths::daemon_set(question), absent);
    if (!daemon_set.empty()) put(paths::daemon_set(question), daemon_set);
    put(std::string(paths::kNodes), nodes);
    put(paths::cni_pods(question), cni_pods);
    if (!ca.empty()) put(paths::secret(question, "epaulet-ca"), ca);
    for (const std::string name : {"epaulet-identity", "epaulet-directory"}) {
      put(paths::role_binding(name), list_of_subjects(name));
      put(paths::role(name), role);
    }
    return facts;
  }
  static json::object list_of_subjects(const std::string& name) {
    return json::object{
        {"roleRef", json::object{{"name", name}}},
        {"subjects", json::array{json::object{{"name", name}, {"namespace", "epaulet-system"}}}}};
  }
};

/// The findings of a level, a line each.
inline std::string said(const DoctorReport& report, Level level) {
  std::string text;
  for (const auto& one : report.findings()) {
    if (one.level == level) text += one.about + ": " + one.what + "\n";
    EXPECT_EQ(one.remedy.empty(), one.level == Level::ok) << one.what;
  }
  return text;
}

}  // namespace epaulet::kube
