#include "k8s/injector/inject.h"

#include "fixture.h"

namespace epaulet::injector {
namespace {

TEST(Inject, puts_redirect_first_and_the_sidecar_second) {
  const auto pod =
      injected(pod_with("{}", R"({"initContainers":[{"name":"migrate","image":"m"}]})"));
  EXPECT_EQ(text_in(container(pod, "initContainers", 0), "name"), "epaulet-init");
  const auto& sidecar = container(pod, "initContainers", 1);
  EXPECT_EQ(text_in(sidecar, "name"), "epaulet");
  EXPECT_EQ(text_in(sidecar, "restartPolicy"), "Always");
  EXPECT_EQ(text_in(container(pod, "initContainers", 2), "name"), "migrate");
  EXPECT_EQ(pod.at("spec").at("containers").as_array().size(), 1u);
}

TEST(Inject, gives_the_sidecar_no_rights) {
  const auto pod = injected(pod_with("{}"));
  const auto security = container(pod, "initContainers", 1).at("securityContext");
  EXPECT_EQ(json::serialize(security),
            R"({"allowPrivilegeEscalation":false,"privileged":false,"readOnlyRootFilesystem":true,)"
            R"("capabilities":{"drop":["ALL"]},"seccompProfile":{"type":"RuntimeDefault"},)"
            R"("runAsUser":1337,"runAsGroup":1337,"runAsNonRoot":true})");
  const auto& init = container(pod, "initContainers", 0).at("securityContext");
  EXPECT_EQ(json::serialize(init.at("capabilities")),
            R"({"drop":["ALL"],"add":["NET_ADMIN","NET_RAW","SETGID","SETUID"]})");
  EXPECT_FALSE(init.at("privileged").as_bool());
}

TEST(Inject, on_old_clusters_is_the_first_container_and_redirects_last) {
  auto settings = test_settings();
  settings.kind = SidecarKind::container;
  const auto pod =
      injected(pod_with("{}", R"({"initContainers":[{"name":"migrate","image":"m"}]})"), settings);
  EXPECT_EQ(text_in(container(pod, "initContainers", 0), "name"), "migrate")
      << "it would be led to a sidecar that does not run yet";
  EXPECT_EQ(text_in(container(pod, "initContainers", 1), "name"), "epaulet-init");
  EXPECT_EQ(text_in(container(pod, "containers", 0), "name"), "epaulet");
  EXPECT_FALSE(container(pod, "containers", 0).contains("restartPolicy"));
  EXPECT_EQ(annotation_of(pod, "kubectl.kubernetes.io/default-container"), "app");
}

TEST(Inject, leaves_the_rules_to_a_cni_plugin_and_looks_whether_they_are_there) {
  auto settings = test_settings();
  settings.redirect = RedirectBy::cni;
  const auto review = pod_with(R"({"annotations":{"epaulet.io/skip-inbound-ports":"9000"}})");
  auto pod = injected(review, settings);
  EXPECT_EQ(annotation_of(pod, "epaulet.io/redirect"), R"(["--exclude-inbound-port=9000"])");
  const auto& init = container(pod, "initContainers", 0);
  EXPECT_EQ(text_in(init, "name"), "epaulet-init");
  EXPECT_EQ(json::serialize(init.at("args")),
            R"(["redirect","confirm","--exclude-inbound-port=9000"])");
  EXPECT_EQ(json::serialize(init.at("securityContext")),
            R"({"allowPrivilegeEscalation":false,"privileged":false,"readOnlyRootFilesystem":true,)"
            R"("capabilities":{"drop":["ALL"]},"seccompProfile":{"type":"RuntimeDefault"},)"
            R"("runAsUser":65534,"runAsGroup":65534,"runAsNonRoot":true})");
  EXPECT_EQ(text_in(container(pod, "initContainers", 1), "name"), "epaulet");
  EXPECT_FALSE(has(json::serialize(pod), "NET_ADMIN"));
  auto again = review;
  again.pod = pod;
  EXPECT_TRUE(inject(again, settings).patch.empty());
  // Once init containers are chosen again, no plugin that is still there may act.
  pod = injected(again, test_settings());
  EXPECT_FALSE(pod.at("metadata").at("annotations").as_object().contains("epaulet.io/redirect"));
  EXPECT_TRUE(has(json::serialize(container(pod, "initContainers", 0)), "NET_ADMIN"));
}

TEST(Inject, with_a_cni_plugin_and_no_native_sidecar_warns_of_init_containers) {
  auto settings = test_settings();
  settings.redirect = RedirectBy::cni;
  settings.kind = SidecarKind::container;
  const auto review = pod_with("{}", R"({"initContainers":[{"name":"migrate","image":"m"}]})");
  const auto pod = injected(review, settings);
  EXPECT_EQ(text_in(container(pod, "initContainers", 0), "name"), "epaulet-init");
  EXPECT_EQ(text_in(container(pod, "initContainers", 1), "name"), "migrate");
  EXPECT_EQ(text_in(container(pod, "containers", 0), "name"), "epaulet");
  ASSERT_EQ(inject(review, settings).warnings.size(), 1u);
  EXPECT_TRUE(has(inject(review, settings).warnings[0], "init containers have no network"));
  EXPECT_TRUE(inject(pod_with("{}"), settings).warnings.empty());
}

TEST(Inject, without_native_sidecars_warns_of_pods_that_would_never_complete) {
  auto settings = test_settings();
  for (const char* policy : {"Never", "OnFailure"}) {
    const auto review = pod_with("{}", std::string(R"({"restartPolicy":")") + policy + "\"}");
    settings.kind = SidecarKind::container;
    const auto warnings = inject(review, settings).warnings;
    ASSERT_EQ(warnings.size(), 1u);
    EXPECT_PRED2(has, warnings[0], "this pod never completes");
    EXPECT_LE(warnings[0].size(), 250u) << "an API server cuts what is longer";
    settings.kind = SidecarKind::native;
    EXPECT_TRUE(inject(review, settings).warnings.empty());
  }
  settings.kind = SidecarKind::container;
  EXPECT_TRUE(inject(pod_with("{}", R"({"restartPolicy":"Always"})"), settings).warnings.empty());
}

TEST(Inject, without_native_sidecars_holds_the_app_back_until_the_sidecar_is_ready) {
  auto settings = test_settings();
  settings.kind = SidecarKind::container;
  const auto pod = injected(pod_with("{}"), settings);
  EXPECT_EQ(json::serialize(container(pod, "containers", 0).at("lifecycle")),
            R"({"postStart":{"exec":{"command":["/usr/local/bin/epaulet","wait",)"
            R"("--seconds=60","--then-go-on"]}}})");
  EXPECT_FALSE(container(pod, "containers", 1).contains("lifecycle"));
  EXPECT_FALSE(container(injected(pod_with("{}")), "initContainers", 1)
                   .at("lifecycle")
                   .as_object()
                   .contains("postStart"));
}

TEST(Inject, gives_the_secrets_that_its_image_is_pulled_with) {
  auto settings = test_settings();
  settings.image_pull_secrets = {"mine", "pull"};
  auto review = pod_with("{}", R"({"imagePullSecrets":[{"name":"mine"}]})");
  review.pod = injected(review, settings);
  EXPECT_EQ(json::serialize(review.pod.at("spec").at("imagePullSecrets")),
            R"([{"name":"mine"},{"name":"pull"}])");
  EXPECT_TRUE(inject(review, settings).patch.empty());
}

TEST(Inject, is_idempotent) {
  const auto review =
      pod_with("{}", R"({"containers":[{"name":"app","image":"a","ports":[{"containerPort":8080}],
        "readinessProbe":{"httpGet":{"path":"/healthz","port":8080}}}]})");
  auto again = review;
  again.pod = injected(review);
  again.probe_secret = std::string(32, 'f');  // Drawn anew for each review.
  const auto verdict = inject(again, test_settings());
  EXPECT_TRUE(verdict.allowed) << verdict.refusal;
  EXPECT_TRUE(verdict.patch.empty()) << json::serialize(verdict.patch);
  // What is no secret of ours is not kept.
  auto& env = again.pod["spec"].at("initContainers").at(1).at("env").at(0).as_object();
  env["value"] = "known";
  EXPECT_EQ(injected(again).at("spec").at("initContainers").at(1).at("env").at(0).at("value"),
            json::value(std::string(32, 'f')));
}

TEST(Inject, asked_again_takes_in_what_others_have_added) {
  auto review = pod_with("{}");
  review.pod = injected(review);
  auto& containers = review.pod["spec"].as_object()["containers"].as_array();
  containers.push_back(json::parse(R"({"name":"late","image":"l","ports":[{"containerPort":9000}],
    "livenessProbe":{"tcpSocket":{"port":9000}}})"));
  auto& init = review.pod["spec"].as_object()["initContainers"].as_array();
  init.insert(init.begin(), json::parse(R"({"name":"first","image":"f"})"));
  const auto pod = injected(review);
  EXPECT_EQ(text_in(container(pod, "initContainers", 0), "name"), "epaulet-init");
  EXPECT_EQ(text_in(container(pod, "initContainers", 2), "name"), "first");
  EXPECT_PRED2(has, annotation_of(pod, "epaulet.io/sidecar-config"), "9000: { tls: strict }");
  EXPECT_EQ(container(pod, "containers", 1).at("livenessProbe").at("httpGet").at("path"),
            json::value(probe_path(0)));
}

TEST(Inject, asked_again_keeps_what_a_limit_range_has_given_its_containers) {
  for (const auto kind : {SidecarKind::native, SidecarKind::container}) {
    auto settings = test_settings();
    settings.kind = kind;
    auto review = pod_with("{}");
    review.pod = injected(review, settings);
    const auto* list = kind == SidecarKind::native ? "initContainers" : "containers";
    const std::size_t at = kind == SidecarKind::native ? 1 : 0;
    auto& spec = review.pod["spec"].as_object();
    auto& init = spec["initContainers"].as_array()[0].as_object();
    auto& sidecar = spec[list].as_array()[at].as_object();
    init["resources"].at("limits").as_object()["cpu"] = "1";
    sidecar["resources"].at("limits").as_object()["cpu"] = "2";
    sidecar["resources"].at("requests").as_object()["ephemeral-storage"] = "1Gi";
    const auto kept = inject(review, settings);
    EXPECT_TRUE(kept.patch.empty()) << json::serialize(kept.patch);
    // What we say ourselves stays ours, and what is nobody's to give a sidecar does not stay.
    sidecar["resources"].at("limits").as_object()["memory"] = "64Gi";
    sidecar["resources"].at("limits").as_object()["example.com/many"] = std::string(65, '1');
    sidecar["resources"].at("limits").as_object()["example.com/number"] = 1;
    sidecar["resources"].as_object()["claims"] = json::parse(R"([{"name":"gpu"}])");
    sidecar["image"] = "mirror.example/epaulet:0.1.0";
    const auto pod = injected(review, settings);
    EXPECT_EQ(json::serialize(container(pod, list, at).at("resources")),
              R"({"requests":{"cpu":"50m","memory":"32Mi","ephemeral-storage":"1Gi"},)"
              R"("limits":{"memory":"256Mi","cpu":"2"}})");
    EXPECT_EQ(text_in(container(pod, list, at), "image"), settings.image);
  }
}

TEST(Inject, asked_again_takes_sixteen_resources_at_most) {
  auto review = pod_with("{}");
  review.pod = injected(review);
  auto& limits =
      review.pod["spec"].at("initContainers").at(1).at("resources").at("limits").as_object();
  for (int i = 0; i < 40; ++i) limits["example.com/" + std::to_string(i)] = "1";
  const auto pod = injected(review);
  EXPECT_EQ(container(pod, "initContainers", 1).at("resources").at("limits").as_object().size(),
            16u);
}

TEST(Inject, is_not_fooled_by_its_own_annotation) {
  auto review = annotated("epaulet.io/status", "{}");
  const auto pod = injected(review);
  EXPECT_EQ(text_in(container(pod, "initContainers", 1), "name"), "epaulet");
}

TEST(Inject, takes_nothing_but_where_a_probe_asked_from_its_own_annotation) {
  constexpr auto kApp = R"({"containers":[{"name":"app","image":"a",
    "ports":[{"containerPort":8080}],
    "readinessProbe":{"httpGet":{"path":"/healthz","port":8080},"periodSeconds":7}}]})";
  auto review = pod_with("{}", kApp);
  const auto tell = [&review](std::string_view text) {
    auto& annotations = review.pod["metadata"].as_object()["annotations"];
    if (!annotations.is_object()) annotations.emplace_object();
    annotations.as_object()["epaulet.io/status"] = "{}";
    annotations.as_object()["epaulet.io/app-probes"] = text;
  };
  // Of a pod that was never injected nothing is restored, and of another one no field but these.
  tell(R"({"app":{"image":"evil","command":["x"],"securityContext":{"privileged":true},
    "readinessProbe":{"exec":{"command":["x"]}},"lifecycle.postStart":{"exec":{"command":["x"]}}}})");
  for (int call = 0; call < 2; ++call) {
    const auto pod = injected(review);
    const auto& app = container(pod, "containers", 0);
    EXPECT_EQ(text_in(app, "image"), "a");
    for (const char* field : {"command", "securityContext"})
      EXPECT_FALSE(app.contains(field)) << field;
    EXPECT_FALSE(app.at("lifecycle").as_object().contains("postStart"));
    const auto& probe = app.at("readinessProbe").as_object();
    EXPECT_FALSE(probe.contains("exec"));
    EXPECT_EQ(probe.at("periodSeconds"), 7);
    EXPECT_EQ(probe.at("httpGet").at("path"), json::value(probe_path(0)));
    review.pod = pod;
    tell(R"({"app":{"image":"evil","readinessProbe":{"periodSeconds":1,"exec":{"command":["x"]},
      "httpGet":{"path":"/healthz","port":8080}}}})");
  }
}

TEST(Inject, never_touches_the_namespaces_of_the_system_and_its_own) {
  for (const char* name : {"kube-system", "epaulet-system"}) {
    auto review = annotated("epaulet.io/inject", "true");
    review.name_space = name;
    const auto verdict = inject(review, test_settings());
    EXPECT_TRUE(verdict.allowed);
    EXPECT_TRUE(verdict.patch.empty()) << name;
  }
}

TEST(Inject, lets_a_pod_say_no) {
  for (const char* where : {"labels", "annotations"}) {
    const auto review =
        pod_with(std::string("{\"") + where + R"(":{"epaulet.io/inject":"false"}})");
    const auto verdict = inject(review, test_settings());
    EXPECT_TRUE(verdict.allowed);
    EXPECT_TRUE(verdict.patch.empty()) << where;
  }
  EXPECT_EQ(refusal_of(annotated("epaulet.io/inject", "maybe")),
            "pod shop/orders-*: epaulet.io/inject: expected true or false; found \"maybe\"");
}

TEST(Inject, refuses_what_could_not_be_intercepted) {
  EXPECT_PRED2(has, refusal_of(pod_with("{}", R"({"hostNetwork":true})")),
               "shares the node's network");
  EXPECT_PRED2(has, refusal_of(pod_with("{}", R"({"securityContext":{"runAsUser":1337}})")),
               "the pod runs as user 1337");
  EXPECT_PRED2(has, refusal_of(pod_with("{}", R"({"containers":[{"name":"sly","image":"a",
      "securityContext":{"runAsUser":1337}}]})")),
               "container sly runs as user 1337");
  EXPECT_PRED2(has, refusal_of(pod_with("{}", R"({"os":{"name":"windows"}})")), "Windows");
  EXPECT_PRED2(has,
               refusal_of(pod_with("{}", R"({"containers":[{"name":"epaulet","image":"a"}]})")),
               "a container is named epaulet");
  EXPECT_PRED2(has, refusal_of(pod_with("{}", R"({"volumes":[{"name":"epaulet-run"}]})")),
               "a volume's name begins with epaulet-");
  EXPECT_PRED2(has, refusal_of(pod_with("{}", R"({"containers":[{"name":"app","image":"a",
      "ports":[{"containerPort":15006}]}]})")),
               "port 15006 of the app is one of the sidecar's own");
}

TEST(Inject, writes_the_pods_part_of_the_configuration) {
  auto review = pod_with(R"({"annotations":{"epaulet.io/opaque-ports":"5432",
      "epaulet.io/permissive-ports":"8080","epaulet.io/log-level":"debug",
      "epaulet.io/cpu-request":"1500m"}})");
  EXPECT_EQ(annotation_of(injected(review), "epaulet.io/sidecar-config"),
            "# Written by epaulet-injector for this pod; the rest is in ConfigMaps.\n"
            "workload:\n"
            "  service: orders.shop\n"
            "  ports:\n"
            "    5432: { tls: strict, protocol: tcp }\n"
            "    8080: { tls: permissive }\n"
            "identity:\n"
            "  trust_domain: \"cluster.local\"\n"
            "  service: \"https://epaulet-identity.epaulet-system.svc.cluster.local:15014\"\n"
            "  ca: ca.pem\n"
            "  token_file: token\n"
            "state: { dir: /var/run/epaulet/state }\n"
            "log: { level: debug }\n"
            "workers: 2\n");
}

TEST(Inject, mounts_the_config_maps_that_are_named) {
  const auto pod = injected(annotated("epaulet.io/config", "orders-mesh, shared"));
  EXPECT_EQ(json::serialize(container(pod, "initContainers", 1).at("args")),
            R"(["run","--config","/etc/epaulet/pod/epaulet.yaml","--config",)"
            R"("/etc/epaulet/namespace","--config","/etc/epaulet/config/orders-mesh",)"
            R"("--config","/etc/epaulet/config/shared"])");
  const auto volumes = json::serialize(pod.at("spec").at("volumes"));
  EXPECT_PRED2(has, volumes, R"("name":"orders-mesh","defaultMode":292})");
  EXPECT_PRED2(has, volumes, R"("name":"epaulet","defaultMode":292,"optional":true)");
}

TEST(Inject, gives_every_sidecar_the_configuration_of_the_mesh) {
  auto settings = test_settings();
  const auto review = annotated("epaulet.io/config", "orders-mesh");
  auto again = review;
  settings.mesh_config = "limits: { connections: 100 }\n";
  again.pod = injected(review, settings);
  EXPECT_EQ(annotation_of(again.pod, "epaulet.io/mesh-config"), settings.mesh_config);
  EXPECT_EQ(json::serialize(container(again.pod, "initContainers", 1).at("args")),
            R"(["run","--config","/etc/epaulet/pod/epaulet.yaml","--config",)"
            R"("/etc/epaulet/namespace","--config","/etc/epaulet/pod/mesh.yaml",)"
            R"("--config","/etc/epaulet/config/orders-mesh"])");
  EXPECT_PRED2(has, json::serialize(again.pod.at("spec").at("volumes")), R"("path":"mesh.yaml")");
  EXPECT_TRUE(inject(again, settings).patch.empty());
  // It goes, and a pod that is made from a copy gets it no more.
  settings.mesh_config.clear();
  const auto without = injected(again, settings);
  EXPECT_FALSE(has(json::serialize(without), "mesh.yaml"));
  EXPECT_FALSE(
      without.at("metadata").at("annotations").as_object().contains("epaulet.io/mesh-config"));
}

TEST(Inject, a_configuration_of_the_mesh_that_no_sidecar_could_read_is_none) {
  auto settings = test_settings();
  const auto wrong = [&](const std::string& text) {
    settings.mesh_config = text;
    return wrong_in_mesh_config(settings);
  };
  EXPECT_EQ(wrong("limits: { connections: 100 }\n"), "");
  EXPECT_PRED2(has, wrong("limits: { connectons: 100 }"), "did you mean \"connections\"?");
  EXPECT_PRED2(has, wrong("limits: ["), "not YAML");
  EXPECT_PRED2(has, wrong("workload: { service: a.b }"),
               "this section stands in epaulet.yaml, too");
  EXPECT_PRED2(has, wrong("# " + std::string(65'536, 'x')), "larger than 65536 bytes");
}

TEST(Inject, hands_skipped_ports_to_the_redirect) {
  const auto pod = injected(pod_with(R"({"annotations":{"epaulet.io/skip-inbound-ports":"9000",
    "epaulet.io/skip-outbound-ports":"25, 3306",
    "epaulet.io/skip-outbound-networks":"10.1.0.0/16,fd00:1::/64"}})",
                                     R"({"containers":[{"name":"app","image":"a",
    "ports":[{"containerPort":9000},{"containerPort":53,"protocol":"UDP"}]}]})"));
  EXPECT_EQ(json::serialize(container(pod, "initContainers", 0).at("args")),
            R"(["redirect","install","--exclude-inbound-port=9000",)"
            R"("--exclude-outbound-port=25,3306",)"
            R"("--exclude-outbound-network=10.1.0.0/16,fd00:1::/64","--allow-udp=53"])");
  EXPECT_FALSE(has(annotation_of(pod, "epaulet.io/sidecar-config"), "9000"));
}

TEST(Inject, refuses_malformed_annotations_by_name) {
  const auto refusal = [](const char* name, const char* value) {
    const auto text = refusal_of(annotated(std::string("epaulet.io/") + name, value));
    return text.substr(text.find("annotation"));
  };
  EXPECT_EQ(refusal("skip-inbound-ports", "80,http"),
            "annotation epaulet.io/skip-inbound-ports: expected ports from 1 to 65535 with commas "
            "between, like 8080,9000; found \"80,http\"");
  for (const char* value : {"0", "65536", "-1", "1,,2", "1;2", "1-5", "0x50"})
    EXPECT_PRED2(has, refusal("opaque-ports", value), "expected ports") << value;
  for (const char* value : {"10.0.0.0/33", "0.0.0.0/0", "example.com"})
    EXPECT_PRED2(has, refusal("skip-outbound-networks", value), "expected networks") << value;
  for (const char* value : {"a b", "../x", "x,x", "UPPER"})
    EXPECT_PRED2(has, refusal("config", value), "ConfigMap") << value;
  for (const char* value : {"lots", "1e3", "-1", "1.", "Mi", "64MiB"})
    EXPECT_PRED2(has, refusal("memory-limit", value), "expected a quantity") << value;
  for (const char* value : {"api", "a.b.c", "API.shop"})
    EXPECT_PRED2(has, refusal("service", value), "NAME.NAMESPACE") << value;
  EXPECT_PRED2(has, refusal("log-level", "verbose"), "debug, info, warning, error");
  EXPECT_PRED2(has, refusal("skip-inbuond-ports", "80"), "is unknown; remedy: there are: ");
}

TEST(Inject, refuses_lists_that_contradict_each_other) {
  EXPECT_PRED2(has, refusal_of(pod_with(R"({"annotations":{"epaulet.io/skip-inbound-ports":"9000",
      "epaulet.io/opaque-ports":"9000"}})")),
               "in another list as well");
}

TEST(Inject, warns_of_a_pod_that_nobody_reaches) {
  const auto verdict =
      inject(pod_with("{}", R"({"containers":[{"name":"job","image":"a"}]})"), test_settings());
  ASSERT_EQ(verdict.warnings.size(), 1u);
  EXPECT_PRED2(has, verdict.warnings[0], "no container declares a TCP port");
}

std::string service(const char* labels, const char* spec = "{}") {
  const auto pod = injected(pod_with(std::string(R"({"labels":)") + labels + "}", spec));
  const auto text = annotation_of(pod, "epaulet.io/sidecar-config");
  const auto at = text.find("service: ") + 9;
  return text.substr(at, text.find('\n', at) - at);
}

TEST(Inject, names_the_service_by_the_usual_labels) {
  EXPECT_EQ(service(R"({"app":"a","app.kubernetes.io/name":"b"})"), "b.shop");
  EXPECT_EQ(service(R"({"app":"My_App"})"), "my-app.shop");
  EXPECT_EQ(service("{}"), "orders.shop") << "the service account";
  EXPECT_EQ(service("{}", R"({"serviceAccountName":null})"), "default.shop");
}

TEST(Inject, a_label_that_begins_with_no_letter_names_a_service) {
  EXPECT_EQ(service(R"({"app":"}rders"})"), "rders.shop");
  EXPECT_EQ(service(R"({"app":"__"})"), "default.shop");
}

TEST(Inject, a_pod_without_metadata_gets_some) {
  auto review = pod_with("{}");
  review.pod.erase("metadata");
  EXPECT_EQ(injected(review).at("metadata").at("labels").at("epaulet.io/meshed"), "true");
}

TEST(Promise, is_broken_by_whatever_an_app_could_gain_from) {
  const auto settings = test_settings();
  const auto good = injected(pod_with("{}"));
  EXPECT_EQ(broken_promise(good, settings), "");
  auto first = good;
  auto& init = first["spec"].as_object()["initContainers"].as_array();
  std::swap(init[0], init[1]);
  EXPECT_NE(broken_promise(first, settings), "");
  auto mighty = good;
  mighty["spec"]
      .at("initContainers")
      .as_array()[1]
      .at("securityContext")
      .at("capabilities")
      .as_object()["add"] = json::array{"NET_ADMIN"};
  EXPECT_NE(broken_promise(mighty, settings), "");
  auto twice = good;
  auto& list = twice["spec"].as_object()["initContainers"].as_array();
  list.push_back(list[1]);
  EXPECT_NE(broken_promise(twice, settings), "");
}

}  // namespace
}  // namespace epaulet::injector
