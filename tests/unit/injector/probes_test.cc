#include "k8s/injector/probes.h"

#include "fixture.h"

namespace epaulet::injector {
namespace {

std::string app_with(const std::string& members) {
  return R"({"containers":[{"name":"app","image":"a","ports":[{"containerPort":8080,"name":"http"}],)" +
         members + "}]}";
}

json::value app_of(const json::object& pod) {
  return pod.at("spec").at("containers").at(0);
}

TEST(Probes, are_led_to_the_sidecar_with_their_times) {
  const auto pod = injected(pod_with(
      "{}",
      app_with(
          R"("readinessProbe":{"httpGet":{"path":"/ready?deep=1","port":"http","scheme":"HTTP"},
         "periodSeconds":7},
         "livenessProbe":{"tcpSocket":{"port":8080},"failureThreshold":9})")));
  EXPECT_EQ(json::serialize(app_of(pod).at("readinessProbe")),
            R"({"httpGet":{"path":")" + probe_path(0) +
                R"(","port":15021,"scheme":"HTTP"},"periodSeconds":7})");
  EXPECT_EQ(app_of(pod).at("livenessProbe").at("httpGet").at("path"), json::value(probe_path(1)));
  EXPECT_EQ(json::serialize(container(pod, "initContainers", 1).at("env")),
            R"([{"name":"EPAULET_PROBE_SECRET","value":")" + std::string(kSecret) + R"("}])");
  EXPECT_FALSE(app_of(pod).at("livenessProbe").as_object().contains("tcpSocket"));
  EXPECT_PRED2(has, annotation_of(pod, "epaulet.io/sidecar-config"),
               "  probes:\n    - { path: \"/ready?deep=1\", port: 8080, timeout: 1s }\n"
               "    - { port: 8080, timeout: 1s }\n");
}

TEST(Probes, that_ask_the_same_are_one) {
  const auto pod =
      injected(pod_with("{}", app_with(
                                  R"("readinessProbe":{"httpGet":{"path":"/h","port":8080}},
         "livenessProbe":{"httpGet":{"path":"/h","port":"http"}})")));
  EXPECT_EQ(app_of(pod).at("readinessProbe"), app_of(pod).at("livenessProbe"));
}

TEST(Probes, by_exec_stay) {
  const auto members = R"("livenessProbe":{"exec":{"command":["true"]}})";
  const auto pod = injected(pod_with("{}", app_with(members)));
  EXPECT_EQ(json::serialize(app_of(pod).at("livenessProbe")), R"({"exec":{"command":["true"]}})");
}

TEST(Probes, of_skipped_ports_and_other_hosts_stay) {
  auto review = pod_with(R"({"annotations":{"epaulet.io/skip-inbound-ports":"9000"}})",
                         app_with(
                             R"("readinessProbe":{"grpc":{"port":9000}},
         "startupProbe":{"httpGet":{"path":"/","port":80,"host":"example.com"}})"));
  const auto pod = injected(review);
  EXPECT_EQ(json::serialize(app_of(pod).at("readinessProbe")), R"({"grpc":{"port":9000}})");
  EXPECT_EQ(app_of(pod).at("startupProbe").at("httpGet").at("host"), "example.com");
}

/// The line of the sidecar's configuration.
std::string asked_for(const std::string& probe) {
  const auto pod = injected(pod_with("{}", app_with("\"readinessProbe\":" + probe)));
  EXPECT_EQ(app_of(pod).at("readinessProbe").at("httpGet").at("path"), json::value(probe_path(0)));
  EXPECT_EQ(app_of(pod).at("readinessProbe").at("httpGet").at("scheme"), "HTTP");
  const auto text = annotation_of(pod, "epaulet.io/sidecar-config");
  const auto at = text.find("    - ");
  return text.substr(at, text.find('\n', at) - at);
}

TEST(Probes, by_grpc_ask_the_health_service) {
  EXPECT_EQ(asked_for(R"({"grpc":{"port":8080,"service":"orders.Orders"},"timeoutSeconds":3})"),
            "    - { port: 8080, grpc: { service: \"orders.Orders\" }, timeout: 3s }");
  EXPECT_EQ(asked_for(R"({"grpc":{"port":8080,"service":null}})"),
            "    - { port: 8080, grpc: {}, timeout: 1s }");
}

TEST(Probes, by_https_and_with_headers_are_asked_so) {
  EXPECT_EQ(asked_for(R"({"httpGet":{"path":"/h","port":"http","scheme":"HTTPS",
      "httpHeaders":[{"name":"Host","value":"shop.example"},{"name":"X-Say","value":"\"hi\": #1"}]}})"),
            "    - { path: \"/h\", port: 8080, tls: true, headers: [{ name: \"Host\", value: "
            "\"shop.example\" }, { name: \"X-Say\", value: \"\\\"hi\\\": #1\" }], timeout: 1s }");
}

TEST(Probes, may_have_empty_headers) {
  EXPECT_EQ(asked_for(R"({"httpGet":{"path":"/","port":8080,
      "httpHeaders":[{"name":"Accept","value":""},{"name":"X"}]}})"),
            "    - { path: \"/\", port: 8080, headers: [{ name: \"Accept\" }, { name: \"X\" }], "
            "timeout: 1s }");
}

TEST(Probes, take_as_long_as_they_may_within_a_bound) {
  EXPECT_PRED2(has, asked_for(R"({"httpGet":{"path":"/h","port":8080},"timeoutSeconds":60})"),
               "timeout: 60s");
  EXPECT_PRED2(has, asked_for(R"({"httpGet":{"path":"/h","port":8080},"timeoutSeconds":99999})"),
               "timeout: 600s");
  // A hook has the time that the pod has for its end.
  const auto pod = injected(pod_with(
      R"({})", R"({"terminationGracePeriodSeconds":90,"containers":[{"name":"app","image":"a",
        "lifecycle":{"preStop":{"httpGet":{"path":"/bye","port":8080}}}}]})"));
  EXPECT_PRED2(has, annotation_of(pod, "epaulet.io/sidecar-config"),
               "{ path: \"/bye\", port: 8080, timeout: 90s }");
}

TEST(Probes, that_differ_in_anything_are_two) {
  const auto pod =
      injected(pod_with("{}", app_with(
                                  R"("readinessProbe":{"httpGet":{"path":"/h","port":8080}},
         "livenessProbe":{"httpGet":{"path":"/h","port":8080,"scheme":"HTTPS"}},
         "startupProbe":{"httpGet":{"path":"/h","port":8080},"timeoutSeconds":2})")));
  EXPECT_NE(app_of(pod).at("readinessProbe").at("httpGet").at("path"),
            app_of(pod).at("livenessProbe").at("httpGet").at("path"));
  EXPECT_NE(app_of(pod).at("readinessProbe").at("httpGet").at("path"),
            app_of(pod).at("startupProbe").at("httpGet").at("path"));
}

TEST(Probes, that_the_sidecar_cannot_ask_refuse_the_pod) {
  for (const char* asked :
       {R"("httpHeaders":[{"name":"Transfer-Encoding","value":"chunked"}])",
        R"("httpHeaders":[{"name":"a b","value":"x"}])",
        R"("httpHeaders":[{"name":"X-A","value":"x\r\nX-B: y"}])", R"("path":"/a b")"}) {
    const auto refusal =
        refusal_of(pod_with("{}", app_with(R"("readinessProbe":{"httpGet":{"port":8080,)" +
                                           std::string(asked) + "}}")));
    EXPECT_PRED2(has, refusal, "readinessProbe of container app") << refusal;
    EXPECT_PRED2(has, refusal, "epaulet.io/skip-inbound-ports: \"8080\"");
  }
  for (const char* asked : {R"({"httpGet":{"path":"/","port":"web"}})", R"({"grpc":{"port":0}})"}) {
    EXPECT_PRED2(has,
                 refusal_of(pod_with("{}", app_with("\"readinessProbe\":" + std::string(asked)))),
                 "names a port that the container does not declare");
  }
}

TEST(Probes, hooks_by_http_go_the_same_way) {
  const auto pod = injected(pod_with(
      "{}", app_with(R"("lifecycle":{"preStop":{"httpGet":{"path":"/bye","port":8080}}})")));
  EXPECT_EQ(app_of(pod).at("lifecycle").at("preStop").at("httpGet").at("port"), 15021);
}

TEST(Probes, are_put_back_as_they_were) {
  const auto review = pod_with(
      "{}", app_with(
                R"("readinessProbe":{"httpGet":{"path":"/h","port":8080},"timeoutSeconds":4},
         "livenessProbe":{"grpc":{"port":8080,"service":"x"},"periodSeconds":3},
         "startupProbe":{"httpGet":{"path":"/h","port":8080,"scheme":"HTTPS",
           "httpHeaders":[{"name":"A","value":"b"}]}},
         "lifecycle":{"preStop":{"httpGet":{"path":"/bye","port":8080}}})"));
  auto containers = review.pod.at("spec").at("containers").as_array();
  const auto before = containers;
  RewrittenProbes rewritten;
  ASSERT_FALSE(rewrite_probes(containers, {}, 30, rewritten));
  EXPECT_NE(containers, before);
  restore_probes(containers, rewritten.originals);
  EXPECT_EQ(containers, before);
}

}  // namespace
}  // namespace epaulet::injector
