#include "k8s/directory/objects.h"

#include <gtest/gtest.h>

namespace epaulet::kube {
namespace {

template <class Facts>
Facts put(const std::string& object) {
  const auto event = read_event<Facts>(R"({"type":"MODIFIED","object":)" + object + "}");
  EXPECT_EQ(event.kind, EventKind::put) << object;
  return event.facts;
}

TEST(Objects, of_a_service_the_ports_that_can_be_dialled_are_kept) {
  const auto service = put<ServiceFacts>(
      R"({"metadata":{"namespace":"shop","name":"api","resourceVersion":"7"},"spec":{
        "clusterIP":"10.96.0.7","clusterIPs":["10.96.0.7","fd00::7"],"ports":[
        {"name":"http","port":80,"targetPort":"web","appProtocol":"kubernetes.io/h2c"},
        {"name":"dns","port":53,"protocol":"UDP"},{"name":"bad","port":70000}]}})");
  EXPECT_EQ(service.name, "api");
  EXPECT_EQ(service.cluster_ips, (std::vector<std::string>{"10.96.0.7", "fd00::7"}));
  ASSERT_EQ(service.ports.size(), 1u);
  EXPECT_EQ(service.ports[0].name, "http");
  EXPECT_EQ(service.ports[0].port, 80);
  EXPECT_EQ(service.ports[0].app_protocol, "kubernetes.io/h2c");
  EXPECT_FALSE(service.headless);
}

TEST(Objects, a_page_of_names_is_read_of_any_kind) {
  const auto page = read_page<NameFacts>(
      R"({"kind":"PartialObjectMetadataList","metadata":{"resourceVersion":"9","continue":"c"},
        "items":[{"metadata":{"namespace":"shop","name":"huge","annotations":{"a":"b"}}}]})");
  ASSERT_TRUE(page && page->items.size() == 1);
  EXPECT_EQ(page->items[0].name_space + "/" + page->items[0].name, "shop/huge");
  EXPECT_EQ(page->next, "c");
}

TEST(Objects, headless_and_external_services_are_told_apart) {
  EXPECT_TRUE(put<ServiceFacts>(R"({"metadata":{"namespace":"a","name":"b"},
    "spec":{"clusterIP":"None","clusterIPs":["None"]}})")
                  .headless);
  EXPECT_EQ(put<ServiceFacts>(R"({"metadata":{"namespace":"a","name":"b"},
    "spec":{"type":"ExternalName","externalName":"db.example.org"}})")
                .external_name,
            "db.example.org");
}

TEST(Objects, conditions_that_are_not_there_mean_what_the_api_says) {
  const auto slice = put<SliceFacts>(
      R"({"metadata":{"namespace":"shop","name":"api-x","labels":{"kubernetes.io/service-name":"api"}},
        "addressType":"IPv4","ports":[{"name":"http","port":8080}],"endpoints":[
        {"addresses":["10.0.0.1","10.0.0.9"],"targetRef":{"kind":"Pod","name":"api-1","uid":"u1"}},
        {"addresses":["10.0.0.2"],"conditions":{"ready":false}},
        {"addresses":["10.0.0.3"],"conditions":{"ready":false,"serving":true,"terminating":true},"zone":"z",
         "nodeName":"n1","hints":{"forZones":[{"name":"z"},{},7,{"name":"y"}]}},
        {"addresses":["not an address"]},{"addresses":[]},null]})");
  ASSERT_EQ(slice.endpoints.size(), 3u);
  EXPECT_TRUE(slice.endpoints[0].ready && slice.endpoints[0].serving);
  EXPECT_EQ(slice.endpoints[0].pod, "api-1");
  EXPECT_NE(slice.endpoints[0].pod_uid, 0u);
  EXPECT_FALSE(slice.endpoints[1].ready || slice.endpoints[1].serving);
  EXPECT_TRUE(slice.endpoints[2].serving && slice.endpoints[2].terminating);
  EXPECT_EQ(slice.endpoints[2].zone, "z");
  EXPECT_EQ(slice.endpoints[2].node, "n1");
  EXPECT_EQ(slice.endpoints[2].for_zones, (std::vector<std::string>{"z", "y"}));
  EXPECT_TRUE(slice.endpoints[0].node.empty() && slice.endpoints[0].for_zones.empty());
  EXPECT_EQ(slice.service, "api");
}

TEST(Objects, a_pod_without_the_label_is_none_of_ours) {
  const std::string rest = R"("spec":{"serviceAccountName":"api"}})";
  const auto with = [&](const std::string& labels) {
    return read_event<PodFacts>(
        R"({"type":"ADDED","object":{"metadata":{"namespace":"shop","name":"api-1","uid":"u","labels":)" +
        labels + "}," + rest + "}");
  };
  EXPECT_EQ(with(R"({"epaulet.io/meshed":"true"})").kind, EventKind::put);
  EXPECT_EQ(with(R"({"epaulet.io/meshed":"true"})").facts.service_account, "api");
  EXPECT_EQ(with(R"({"epaulet.io/meshed":"no"})").kind, EventKind::unreadable);
  EXPECT_EQ(with("{}").kind, EventKind::unreadable);
}

TEST(Objects, a_pod_says_where_it_runs_as_long_as_it_does) {
  const auto in_phase = [](const std::string& phase) {
    return put<PodFacts>(
        R"({"metadata":{"namespace":"shop","name":"api-1","labels":{"epaulet.io/meshed":"true",
          "topology.kubernetes.io/zone":"eu-1a"}},"spec":{"nodeName":"n1"},"status":{"phase":")" +
        phase + R"(","podIPs":[{"ip":"10.0.0.1"},{"ip":"nonsense"},7,{"ip":"fd00::1"}]}})");
  };
  const auto pod = in_phase("Running");
  EXPECT_EQ(pod.node, "n1");
  EXPECT_EQ(pod.zone, "eu-1a");
  ASSERT_EQ(pod.addresses.size(), 2u);
  EXPECT_EQ(pod.addresses[1].to_string(), "fd00::1");
  // The address may be another pod's by now.
  EXPECT_TRUE(in_phase("Succeeded").addresses.empty());
  EXPECT_TRUE(in_phase("Failed").addresses.empty());
}

TEST(Objects, names_that_could_change_an_identity_are_refused) {
  const auto event = read_event<PodFacts>(
      R"({"type":"ADDED","object":{"metadata":{"namespace":"a/sa/admin","name":"x",
        "labels":{"epaulet.io/meshed":"true"}},"spec":{"serviceAccountName":"b"}}})");
  EXPECT_EQ(event.kind, EventKind::unreadable);
  EXPECT_EQ(event.name, "a/sa/admin/x") << "for the log";
}

TEST(Objects, a_watch_says_more_than_objects) {
  EXPECT_EQ(read_event<PodFacts>(R"({"type":"ERROR","object":{"kind":"Status","code":410}})").kind,
            EventKind::expired);
  EXPECT_EQ(read_event<PodFacts>(R"({"type":"ERROR","object":{"code":500}})").kind,
            EventKind::failed);
  const auto bookmark = read_event<PodFacts>(
      R"({"type":"BOOKMARK","object":{"metadata":{"resourceVersion":"123"}}})");
  EXPECT_EQ(bookmark.kind, EventKind::bookmark);
  EXPECT_EQ(bookmark.version, "123");
  EXPECT_FALSE(bookmark.ends_list);
  EXPECT_TRUE(read_event<PodFacts>(
                  R"({"type":"BOOKMARK","object":{"metadata":{"resourceVersion":"123",
                    "annotations":{"k8s.io/initial-events-end":"true"}}}})")
                  .ends_list);
  EXPECT_EQ(read_event<PodFacts>("nonsense").kind, EventKind::unreadable);
  EXPECT_EQ(read_event<PodFacts>(
                R"({"type":"DELETED","object":{"metadata":{"namespace":"a","name":"b"}}})")
                .kind,
            EventKind::removed);
}

TEST(Objects, a_page_has_a_version_and_perhaps_a_next) {
  const auto page = read_page<ServiceFacts>(
      R"({"kind":"ServiceList","metadata":{"resourceVersion":"9","continue":"abc"},"items":[
        {"metadata":{"namespace":"a","name":"b"},"spec":{}},{"metadata":{}},7]})");
  ASSERT_TRUE(page.has_value());
  EXPECT_EQ(page->version, "9");
  EXPECT_EQ(page->next, "abc");
  EXPECT_EQ(page->items.size(), 1u);
  EXPECT_EQ(page->left, 2u);
  EXPECT_EQ(page->left_names, (std::vector<std::string>{"/", "?"}));
  EXPECT_FALSE(read_page<ServiceFacts>(R"({"kind":"Status","metadata":{}})").has_value());
  EXPECT_FALSE(read_page<ServiceFacts>("[]").has_value());
}

}  // namespace
}  // namespace epaulet::kube
