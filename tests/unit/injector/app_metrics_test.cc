#include "k8s/injector/app_metrics.h"

#include "fixture.h"

namespace epaulet::injector {
namespace {

Review scraped(const std::string& annotations, const char* spec = "{}") {
  return pod_with(R"({"annotations":{"prometheus.io/scrape":"true")" + annotations + "}}", spec);
}

std::string metrics_of(const json::object& pod) {
  const auto text = annotation_of(pod, "epaulet.io/sidecar-config");
  const auto at = text.find("  metrics: ");
  return at == text.npos ? "" : text.substr(at, text.find('\n', at) - at);
}

TEST(AppMetrics, of_a_pod_that_says_nothing_are_the_sidecars) {
  const auto pod = injected(pod_with("{}"));
  EXPECT_EQ(annotation_of(pod, "prometheus.io/scrape"), "true");
  EXPECT_EQ(annotation_of(pod, "prometheus.io/port"), "15020");
  EXPECT_EQ(annotation_of(pod, "prometheus.io/path"), "/metrics");
  EXPECT_EQ(metrics_of(pod), "");
}

TEST(AppMetrics, are_served_by_the_sidecar) {
  const auto review = scraped(R"(,"prometheus.io/port":"9102","prometheus.io/path":"/stats?a=1")");
  const auto pod = injected(review);
  EXPECT_EQ(annotation_of(pod, "prometheus.io/port"), "15020");
  EXPECT_EQ(annotation_of(pod, "prometheus.io/path"), "/metrics");
  EXPECT_EQ(metrics_of(pod), "  metrics: { port: 9102, path: \"/stats?a=1\" }");
  EXPECT_TRUE(inject(review, test_settings()).warnings.empty());
}

TEST(AppMetrics, by_https_are_asked_for_so_and_served_in_the_open) {
  const auto pod =
      injected(scraped(R"(,"prometheus.io/port":"9102","prometheus.io/scheme":"https")"));
  EXPECT_EQ(annotation_of(pod, "prometheus.io/scheme"), "http");
  EXPECT_EQ(metrics_of(pod), "  metrics: { port: 9102, path: \"/metrics\", tls: true }");
}

TEST(AppMetrics, without_a_port_are_on_the_only_one) {
  EXPECT_EQ(metrics_of(injected(scraped(""))), "  metrics: { port: 8080, path: \"/metrics\" }");
  const auto two = scraped("", R"({"containers":[{"name":"app","image":"a",
    "ports":[{"containerPort":8080},{"containerPort":9090}]}]})");
  EXPECT_EQ(metrics_of(injected(two)), "");
  const auto verdict = inject(two, test_settings());
  ASSERT_EQ(verdict.warnings.size(), 1u);
  EXPECT_PRED2(has, verdict.warnings[0], "prometheus.io/port is absent");
}

TEST(AppMetrics, that_cannot_be_merged_stay_with_a_warning) {
  for (const char* annotations :
       {R"(,"prometheus.io/port":"web")", R"(,"prometheus.io/port":"0")",
        R"(,"prometheus.io/port":"15021")",
        R"(,"prometheus.io/port":"80","prometheus.io/path":"/a b")",
        R"(,"prometheus.io/port":"80","epaulet.io/merge-metrics":"false")"}) {
    const auto review = scraped(annotations);
    const auto verdict = inject(review, test_settings());
    ASSERT_EQ(verdict.warnings.size(), 1u) << annotations;
    EXPECT_PRED2(has, verdict.warnings[0], "are not merged into the sidecar's: ");
    const auto pod = injected(review);
    EXPECT_NE(annotation_of(pod, "prometheus.io/port"), "15020");
    EXPECT_EQ(metrics_of(pod), "");
  }
  EXPECT_PRED2(has, refusal_of(annotated("epaulet.io/merge-metrics", "no")),
               "expected true or false");
}

TEST(AppMetrics, that_nobody_may_scrape_are_left_alone) {
  const auto pod = injected(
      pod_with(R"({"annotations":{"prometheus.io/scrape":"false","prometheus.io/port":"80"}})"));
  EXPECT_EQ(annotation_of(pod, "prometheus.io/port"), "80");
  EXPECT_EQ(metrics_of(pod), "");
}

TEST(AppMetrics, asked_again_are_the_same) {
  for (const char* annotations :
       {"", R"(,"prometheus.io/port":"9102","prometheus.io/scheme":"https")"}) {
    auto review = scraped(annotations);
    review.pod = injected(review);
    const auto verdict = inject(review, test_settings());
    EXPECT_TRUE(verdict.patch.empty()) << json::serialize(verdict.patch);
    restore_scrapers(review.pod["metadata"].as_object()["annotations"].as_object());
    const auto& now = review.pod.at("metadata").at("annotations").as_object();
    EXPECT_EQ(now.contains("prometheus.io/scheme"), annotations[0] != 0);
    EXPECT_FALSE(now.contains("epaulet.io/app-metrics"));
    EXPECT_NE(text_in(now, "prometheus.io/port"), "15020");
  }
}

}  // namespace
}  // namespace epaulet::injector
