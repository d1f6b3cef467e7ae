#include "k8s/injector/hold.h"

#include "fixture.h"

namespace epaulet::injector {
namespace {

std::string hook_of(const json::object& holder) {
  const auto* lifecycle = object_in(holder, "lifecycle");
  const auto* hook = lifecycle == nullptr ? nullptr : object_in(*lifecycle, "preStop");
  return hook == nullptr ? "" : json::serialize(*hook);
}

std::string asks(const std::string& path) {
  return R"({"httpGet":{"path":"/end/)" + std::string(kSecret) + path +
         R"(","port":15021,"scheme":"HTTP"}})";
}

TEST(Hold, the_sidecar_hears_of_the_end_and_keeps_the_app_back) {
  const auto pod = injected(pod_with("{}"));
  EXPECT_EQ(hook_of(container(pod, "initContainers", 1)), asks(""));
  EXPECT_EQ(hook_of(container(pod, "containers", 0)), asks("/5"));
}

TEST(Hold, takes_half_of_the_time_at_most_and_what_is_asked_for) {
  const auto seconds = [](const char* metadata, const char* spec) {
    return hook_of(container(injected(pod_with(metadata, spec)), "containers", 0));
  };
  EXPECT_EQ(seconds("{}", R"({"terminationGracePeriodSeconds":6})"), asks("/3"));
  EXPECT_EQ(seconds("{}", R"({"terminationGracePeriodSeconds":1})"), "");
  EXPECT_EQ(seconds(R"({"annotations":{"epaulet.io/hold-seconds":"20"}})", "{}"), asks("/20"));
  EXPECT_EQ(seconds(R"({"annotations":{"epaulet.io/hold-seconds":"20"}})",
                    R"({"terminationGracePeriodSeconds":10})"),
            asks("/8"))
      << "two seconds are the app's";
  EXPECT_EQ(seconds(R"({"annotations":{"epaulet.io/hold-seconds":"0"}})", "{}"), "");
  for (const char* wrong : {"", "-1", "61", "5s", " 5"}) {
    const auto verdict = inject(annotated("epaulet.io/hold-seconds", wrong), test_settings());
    EXPECT_PRED2(has, verdict.refusal, "epaulet.io/hold-seconds: expected seconds, 0 to 60")
        << wrong;
  }
}

TEST(Hold, an_app_that_has_a_hook_of_its_own_keeps_it_and_one_without_ports_has_no_callers) {
  constexpr auto kExec = R"({"exec":{"command":["sleep","9"]}})";
  const auto own = pod_with("{}", R"({"containers":[{"name":"app","image":"a",
    "ports":[{"containerPort":8080}],"lifecycle":{"preStop":)" +
                                      std::string(kExec) + "}}]}");
  EXPECT_EQ(hook_of(container(injected(own), "containers", 0)), kExec);
  const auto job = pod_with("{}", R"({"containers":[{"name":"app","image":"a"}]})");
  EXPECT_EQ(hook_of(container(injected(job), "containers", 0)), "");
}

TEST(Hold, asked_again_it_follows_the_pod) {
  auto review = pod_with("{}", R"({"containers":[{"name":"app","image":"a",
    "ports":[{"containerPort":8080}],"lifecycle":{"postStart":{"exec":{"command":["x"]}}}}]})");
  review.pod = injected(review);
  EXPECT_TRUE(inject(review, test_settings()).patch.empty());
  review.pod["metadata"].as_object()["annotations"].as_object()["epaulet.io/hold-seconds"] = "0";
  const auto pod = injected(review);
  EXPECT_EQ(hook_of(container(pod, "containers", 0)), "");
  EXPECT_TRUE(container(pod, "containers", 0).at("lifecycle").as_object().contains("postStart"));
}

TEST(Hold, without_native_sidecars_nobody_is_kept_back) {
  auto settings = test_settings();
  settings.kind = SidecarKind::container;
  const auto pod = injected(pod_with("{}"), settings);
  EXPECT_EQ(hook_of(container(pod, "containers", 0)), "");
  EXPECT_EQ(hook_of(container(pod, "containers", 1)), "");
}

}  // namespace
}  // namespace epaulet::injector
