#include "cluster.h"

namespace epaulet::kube {
namespace {

struct Checks : testing::Test {
  Cluster cluster;
  DoctorReport report;

  std::string failures() { return said(report, Level::failure); }
  std::string warnings() { return said(report, Level::warning); }
  void pods() { check_pods(cluster.facts(), cluster.question, report); }
  json::object& status_of(std::size_t container) {
    return cluster.only_pod()["status"]
        .as_object()["initContainerStatuses"]
        .as_array()[container]
        .as_object();
  }
};

TEST_F(Checks, a_cluster_in_which_all_is_well_is_told_so) {
  const auto facts = cluster.facts();
  check_cluster(facts, report);
  check_programs(facts, cluster.question, report);
  check_ca(facts, cluster.question, report);
  check_namespaces(facts, cluster.question, report);
  check_pods(facts, cluster.question, report);
  EXPECT_EQ(failures(), "");
  EXPECT_EQ(warnings(), "");
  EXPECT_GT(report.count(Level::ok), 8u);
  EXPECT_EQ(report.exit_code(), 0);
}

TEST_F(Checks, pods_without_a_sidecar_are_named) {
  Cluster::add(cluster.pods, R"({"metadata":{"namespace":"shop","name":"bare"},
    "spec":{"containers":[{"name":"app"}]},"status":{"phase":"Running"}})");
  Cluster::add(cluster.pods, R"({"metadata":{"namespace":"shop","name":"said-no",
    "labels":{"epaulet.io/inject":"false"}},"spec":{},"status":{"phase":"Running"}})");
  Cluster::add(cluster.pods, R"({"metadata":{"namespace":"shop","name":"done"},
    "spec":{},"status":{"phase":"Succeeded"}})");
  Cluster::add(cluster.pods, R"({"metadata":{"namespace":"other","name":"noted",
    "annotations":{"epaulet.io/inject":"true"}},"spec":{},"status":{"phase":"Running"}})");
  Cluster::add(cluster.pods, R"({"metadata":{"namespace":"other","name":"labelled",
    "labels":{"epaulet.io/inject":"true"}},"spec":{},"status":{"phase":"Running"}})");
  pods();
  EXPECT_EQ(failures(),
            "pods: should be in the mesh and have no sidecar: shop/bare, other/labelled\n");
  EXPECT_EQ(warnings(),
            "pods: ask for a sidecar by an annotation alone, which nobody sees: "
            "other/noted\n");
  EXPECT_EQ(report.exit_code(), 1);
}

TEST_F(Checks, a_redirect_that_failed_is_told) {
  status_of(0) = json::parse(R"({"name":"epaulet-init","state":{"waiting":
    {"reason":"CrashLoopBackOff"}}})")
                     .as_object();
  pods();
  EXPECT_EQ(failures(),
            "pods: the redirect rules of shop/api are not installed: epaulet-init, "
            "CrashLoopBackOff\n");
}

TEST_F(Checks, a_pod_without_epaulet_init_is_told) {
  auto& init = cluster.only_pod()["spec"].as_object()["initContainers"].as_array();
  init.erase(init.begin());
  pods();
  EXPECT_EQ(failures(),
            "pods: have no epaulet-init, so nobody knows whether anything is redirected: "
            "shop/api\n");
}

TEST_F(Checks, nodes_without_the_cni_plugin_are_named) {
  const auto check = [this] {
    report = {};
    check_cni(cluster.facts(), cluster.question, report);
  };
  check();
  EXPECT_EQ(report.findings().size(), 0u) << "init containers install the rules";
  cluster.use_cni();
  check();
  EXPECT_EQ(failures(), "");
  EXPECT_EQ(said(report, Level::ok), "epaulet-cni: ready on 2 nodes\n");
  cluster.add(cluster.nodes,
              R"({"metadata":{"name":"w","labels":{"kubernetes.io/os":"windows"}}})");
  check();
  EXPECT_EQ(failures(), "") << "pods of the mesh do not run there, nor does the plugin";
  auto& second = cluster.cni_pods["items"].as_array()[1].as_object();
  second["status"].as_object()["conditions"].as_array()[0].as_object()["status"] = "False";
  check();
  EXPECT_EQ(failures(),
            "epaulet-cni: it is not ready on n2: pods of the mesh do not start there\n");
  second["spec"].as_object()["nodeName"] = "n3";
  cluster.cni_pods["items"].as_array().erase(cluster.cni_pods["items"].as_array().begin());
  check();
  EXPECT_EQ(failures(),
            "epaulet-cni: it is not ready on n1, n2: pods of the mesh do not start there\n");
  cluster.daemon_set.clear();
  check();
  EXPECT_EQ(failures(),
            "epaulet-cni: there is no DaemonSet epaulet-system/epaulet-cni, and the "
            "injector counts on it: no pod of the mesh starts\n");
}

TEST_F(Checks, a_level_of_pod_security_does_not_matter_to_a_cni_plugin) {
  cluster.namespaces = Cluster::list(R"([{"metadata":{"name":"shop","labels":{
    "epaulet.io/inject":"enabled","pod-security.kubernetes.io/enforce":"restricted"}}}])");
  check_namespaces(cluster.facts(), cluster.question, report);
  EXPECT_NE(failures().find("shop enforces the Pod Security level restricted"), std::string::npos);
  cluster.use_cni();
  report = {};
  check_namespaces(cluster.facts(), cluster.question, report);
  EXPECT_EQ(failures(), "");
}

TEST_F(Checks, a_sidecar_that_is_not_ready_is_told) {
  status_of(1)["ready"] = false;
  pods();
  EXPECT_EQ(warnings(), "pods: the sidecar of shop/api is not ready\n");
  report = {};
  status_of(1)["lastState"] = json::parse(R"({"terminated":{"exitCode":1}})");
  pods();
  EXPECT_EQ(failures(), "pods: the sidecar of shop/api is not ready: exit code 1\n");
}

TEST_F(Checks, an_old_sidecar_and_old_roots_are_told) {
  cluster.only_pod()["spec"].as_object()["initContainers"].as_array()[1].as_object()["image"] =
      "epaulet:0";
  const auto other = CertificateAuthority::create("cluster.local", KeyType::p256, kNow);
  auto& notes = cluster.only_pod()["metadata"].as_object()["annotations"].as_object();
  notes["epaulet.io/trust-roots"] = other.certificate().to_pem();
  pods();
  EXPECT_EQ(failures(), "pods: trust none of the mesh's roots of today: shop/api\n");
  EXPECT_EQ(warnings(),
            "pods: have another image of the sidecar than new pods get (epaulet:1): "
            "shop/api\n");
  report = {};
  notes["epaulet.io/trust-roots"] =
      other.certificate().to_pem() + cluster.root.certificate().to_pem();
  pods();
  EXPECT_EQ(failures(), "") << "as during a rotation";
}

TEST_F(Checks, a_config_map_that_is_missing_is_told) {
  auto& notes = cluster.only_pod()["metadata"].as_object()["annotations"].as_object();
  notes["epaulet.io/config"] = "here, gone,../x";
  EXPECT_EQ(config_maps_of(cluster.only_pod()), (std::vector<std::string>{"here", "gone"}));
  auto facts = cluster.facts();
  Fact absent;
  absent.status = 404;
  facts.put(paths::config_map("shop", "gone"), absent);
  check_pods(facts, cluster.question, report);
  EXPECT_EQ(failures(),
            "pods: shop/api names the ConfigMap gone, which does not exist: it cannot start\n");
}

TEST_F(Checks, pods_that_the_injector_refused_are_told_with_its_words) {
  Cluster::add(cluster.sets, R"({"metadata":{"namespace":"shop","name":"web-1"},"status":{
    "conditions":[{"type":"ReplicaFailure","status":"True","message":
      "admission webhook \"namespace.injector.epaulet.io\" denied the request: port 15006"}]}})");
  Cluster::add(cluster.sets, R"({"metadata":{"namespace":"shop","name":"web-2"},"status":{
    "conditions":[{"type":"ReplicaFailure","status":"True","message":"exceeded quota"}]}})");
  pods();
  EXPECT_TRUE(failures().starts_with("refused: shop/web-1 gets no pods: admission webhook"));
  EXPECT_EQ(report.count(Level::failure), 1u);
}

TEST_F(Checks, pods_of_others_than_replica_sets_that_the_injector_refused_are_told) {
  const auto event = [](const std::string& kind, const std::string& name, const std::string& when,
                        const std::string& message =
                            "admission webhook pod.injector.epaulet.io denied: port 15006") {
    return R"({"involvedObject":{"kind":")" + kind + R"(","namespace":"shop","name":")" + name +
           R"("},"lastTimestamp":")" + when + R"(","message":")" + message + "\"}";
  };
  Cluster::add(cluster.refusals, event("StatefulSet", "db", "2027-01-15T07:50:00Z",
                                       "an older word of injector.epaulet.io"));
  Cluster::add(cluster.refusals, event("StatefulSet", "db", "2027-01-15T07:55:00Z"));
  Cluster::add(cluster.refusals, event("DaemonSet", "logs", "2027-01-15T07:40:00Z"));
  Cluster::add(cluster.refusals, event("Job", "nightly", "2027-01-15T07:40:00Z"));
  Cluster::add(cluster.refusals, event("Job", "large", "2027-01-15T07:40:00Z", "exceeded quota"));
  Cluster::add(cluster.refusals, event("ReplicaSet", "web-1", "2027-01-15T07:55:00Z"));
  Cluster::add(cluster.creations, event("StatefulSet", "db", "2027-01-15T07:30:00Z", "created"));
  Cluster::add(cluster.creations, event("DaemonSet", "logs", "2027-01-15T07:45:00Z", "created"));
  pods();
  const auto said = failures();
  EXPECT_TRUE(
      said.starts_with("refused: Job shop/nightly got no pod at 2027-01-15T07:40:00Z: admission"))
      << said;
  EXPECT_NE(said.find("refused: StatefulSet shop/db got no pod at 2027-01-15T07:55:00Z: admission"),
            std::string::npos)
      << said;
  EXPECT_EQ(report.count(Level::failure), 2u) << said;
}

TEST_F(Checks, events_that_may_not_be_read_claim_nothing) {
  auto facts = cluster.facts();
  Fact refused;
  refused.status = 403;
  refused.why = "events is forbidden";
  facts.put(paths::failed_creates(cluster.question), refused);
  check_pods(facts, cluster.question, report);
  EXPECT_EQ(failures(), "");
  EXPECT_NE(warnings().find("cannot be seen: events is forbidden"), std::string::npos)
      << warnings();
}

TEST_F(Checks, programs_that_do_not_run_are_told) {
  cluster.deployments["items"].as_array()[0].as_object()["status"] = json::object();
  cluster.deployments["items"].as_array()[2].as_object()["status"] =
      json::object{{"availableReplicas", 1}};
  cluster.slices["items"].as_array()[1].as_object()["endpoints"] = json::array();
  check_programs(cluster.facts(), cluster.question, report);
  EXPECT_EQ(failures(),
            "epaulet-identity: none of 2 replicas is available\n"
            "epaulet-injector: its Service leads to no ready pod\n");
  EXPECT_EQ(warnings(), "epaulet-directory: 1 of 2 replicas are available\n");
}

TEST_F(Checks, rights_that_are_missing_are_told) {
  auto facts = cluster.facts();
  Fact absent;
  absent.status = 404;
  facts.put(paths::role_binding("epaulet-identity"), absent);
  check_programs(facts, cluster.question, report);
  EXPECT_EQ(failures(),
            "rights: epaulet-identity has no rights at the API server, so no sidecar "
            "gets a first certificate\n");
}

TEST_F(Checks, a_role_that_lacks_something_and_a_binding_to_another_are_told) {
  auto& rules = cluster.role["rules"].as_array();
  rules.erase(rules.begin() + 2);
  check_programs(cluster.facts(), cluster.question, report);
  EXPECT_EQ(failures(),
            "rights: epaulet-directory may not list endpointslices, watch endpointslices: its "
            "ClusterRole does not say so\n");
  report = {};
  cluster.role["rules"] = json::array();
  check_programs(cluster.facts(), cluster.question, report);
  EXPECT_EQ(report.count(Level::failure), 2u) << failures();
  report = {};
  cluster.role["rules"] = json::parse(R"([{"apiGroups":["*"],"resources":["*"],"verbs":["*"]}])");
  auto facts = cluster.facts();
  Fact other = facts.at(paths::role_binding("epaulet-directory"));
  other.document.at("roleRef").as_object()["name"] = "view";
  facts.put(paths::role_binding("epaulet-directory"), other);
  check_programs(facts, cluster.question, report);
  EXPECT_EQ(failures(),
            "rights: epaulet-directory has no rights at the API server, so sidecars hear of no "
            "endpoints\n");
}

TEST_F(Checks, a_pod_cannot_ask_where_its_namespace_refuses) {
  cluster.namespaces = Cluster::list(R"([
    {"metadata":{"name":"shop","labels":{"epaulet.io/inject":"disabled"}}}])");
  cluster.pods = Cluster::list(R"([{"metadata":{"namespace":"shop","name":"asks",
    "labels":{"epaulet.io/inject":"true"}},"spec":{},"status":{"phase":"Running"}}])");
  check_pods(cluster.facts(), cluster.question, report);
  EXPECT_EQ(failures(), "");
  EXPECT_NE(warnings().find("nobody is asked: shop/asks"), std::string::npos) << warnings();
}

TEST_F(Checks, a_namespace_is_the_systems_by_its_whole_name) {
  cluster.namespaces = Cluster::list(R"([
    {"metadata":{"name":"kube-prometheus","labels":{"epaulet.io/inject":"enabled"}}},
    {"metadata":{"name":"epaulet-system","labels":{"epaulet.io/inject":"enabled"}}}])");
  cluster.pods = Cluster::list(R"([{"metadata":{"namespace":"kube-prometheus","name":"bare"},
    "spec":{"containers":[{"name":"app"}]},"status":{"phase":"Running"}}])");
  check_pods(cluster.facts(), cluster.question, report);
  EXPECT_NE(failures().find("kube-prometheus/bare"), std::string::npos) << failures();
  report = {};
  check_namespaces(cluster.facts(), cluster.question, report);
  EXPECT_EQ(warnings(), "namespaces: epaulet-system is labelled, and is never in the mesh\n");
}

TEST_F(Checks, labels_and_levels_that_cannot_work_are_told) {
  cluster.namespaces = Cluster::list(R"([
    {"metadata":{"name":"typo","labels":{"epaulet.io/inject":"on"}}},
    {"metadata":{"name":"tight","labels":{"epaulet.io/inject":"enabled",
      "pod-security.kubernetes.io/enforce":"restricted"}}},
    {"metadata":{"name":"kube-system","labels":{"epaulet.io/inject":"true"}}}])");
  check_namespaces(cluster.facts(), cluster.question, report);
  EXPECT_EQ(report.count(Level::failure), 2u) << failures();
  EXPECT_NE(failures().find("typo has the label epaulet.io/inject: \"on\", which selects nothing"),
            std::string::npos);
  EXPECT_NE(failures().find("tight enforces the Pod Security level restricted"), std::string::npos);
  EXPECT_EQ(warnings(), "namespaces: kube-system is labelled, and is never in the mesh\n");
}

TEST_F(Checks, clocks_that_differ_are_told) {
  check_cluster(cluster.facts(kNow + std::chrono::hours(3)), report);
  EXPECT_NE(warnings().find("the kubelet of node node gave its last sign of life 3 h ago"),
            std::string::npos)
      << warnings();
  report = {};
  check_cluster(cluster.facts(kNow - std::chrono::hours(3)), report);
  EXPECT_NE(warnings().find("its clock is ahead of ours"), std::string::npos) << warnings();
}

TEST_F(Checks, a_cluster_that_is_too_old_is_told) {
  auto facts = cluster.facts();
  Fact version;
  version.status = 200;
  version.document = json::object{{"major", "1"}, {"minor", "27+"}, {"gitVersion", "v1.27.1"}};
  facts.put(std::string(paths::kVersion), version);
  check_cluster(facts, report);
  EXPECT_EQ(warnings(), "cluster: Kubernetes v1.27.1 has no native sidecars\n");
}

TEST_F(Checks, without_rights_nothing_is_claimed) {
  Facts nothing(kNow);
  Fact refused;
  refused.status = 403;
  refused.why = "pods is forbidden";
  nothing.put(paths::pods(cluster.question), refused);
  diagnose(nothing, cluster.question, report);
  EXPECT_EQ(report.count(Level::ok), 0u) << report.text();
  EXPECT_EQ(report.exit_code(), 1);
  EXPECT_NE(failures().find("pods: they cannot be listed: pods is forbidden"), std::string::npos);
}

TEST(Selectors, select_as_kubernetes_does) {
  const json::object labels{{"a", "1"}};
  const auto takes = [&](const char* selector, const json::object* of) {
    return selects(json::parse(selector).as_object(), of);
  };
  EXPECT_TRUE(takes("{}", nullptr));
  EXPECT_TRUE(takes(R"({"matchLabels":{"a":"1"}})", &labels));
  EXPECT_FALSE(takes(R"({"matchLabels":{"a":"2"}})", &labels));
  EXPECT_FALSE(takes(R"({"matchLabels":{"a":"1"}})", nullptr));
  const auto one = [&](const char* operation, const char* key) {
    const std::string text = std::string(R"({"matchExpressions":[{"key":")") + key +
                             R"(","operator":")" + operation + R"(","values":["1"]}]})";
    return takes(text.c_str(), &labels);
  };
  EXPECT_TRUE(one("In", "a") && !one("In", "b"));
  EXPECT_TRUE(!one("NotIn", "a") && one("NotIn", "b"));
  EXPECT_TRUE(one("Exists", "a") && !one("Exists", "b"));
  EXPECT_TRUE(!one("DoesNotExist", "a") && one("DoesNotExist", "b"));
}

}  // namespace
}  // namespace epaulet::kube
