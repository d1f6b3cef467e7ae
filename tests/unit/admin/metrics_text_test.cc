#include "admin/metrics_text.h"

#include <gtest/gtest.h>

namespace epaulet::admin {
namespace {

std::string clean(std::string_view page, MetricsFormat format = MetricsFormat::text) {
  const auto made = clean_metrics(page, format);
  return made ? made->text : "malformed";
}

TEST(MetricsText, hands_on_what_a_scraper_reads) {
  constexpr std::string_view kPage =
      "# HELP http_requests_total How many \\ there \\n were\n"
      "# TYPE http_requests_total counter\n"
      "http_requests_total{method=\"post\",code=\"200\"} 1027 1395066363000\n"
      "http_requests_total{path=\"C:\\\\DIR\\n\\\"x}\\\"\",} 3\n"
      "metric:without_labels 12.47\n"
      "some{problem=\"division by zero\"} +Inf -3982045\n"
      "a NaN\nb -Inf\nc 1e-7\nd 1e999\n"
      "# TYPE u untyped\n"
      "u{l=\"\xc3\xbc\"} 0\n";
  EXPECT_EQ(clean(kPage), kPage);
  EXPECT_EQ(clean_metrics(kPage, MetricsFormat::text)->samples, 9u);
}

TEST(MetricsText, leaves_out_what_means_nothing) {
  EXPECT_EQ(clean("# a comment\n\n  \r\na 1\r\n  b{ x = \"y\" , } \t 2 \n# EOF\n#\nc 3"),
            "a 1\nb{ x = \"y\" , } 2\nc 3\n");
  EXPECT_EQ(clean(""), "");
}

TEST(MetricsText, keeps_names_of_ours_for_us) {
  const auto made = clean_metrics(
      "# TYPE epaulet_ready gauge\n# HELP epaulet_ready x\nepaulet_ready 0\nmy_epaulet_ 1\n",
      MetricsFormat::text);
  ASSERT_TRUE(made);
  EXPECT_EQ(made->text, "my_epaulet_ 1\n");
  EXPECT_EQ(made->left_out, 3u);
  EXPECT_EQ(made->samples, 1u);
}

TEST(MetricsText, keeps_names_for_us_that_become_ours_in_the_older_format) {
  const auto made = clean_metrics("# TYPE epaulet counter\nepaulet_total 1\nepaulet 1\n# EOF\n",
                                  MetricsFormat::open_metrics);
  ASSERT_TRUE(made);
  EXPECT_EQ(made->text, "epaulet 1\n");
  EXPECT_EQ(made->left_out, 2u);
}

TEST(MetricsText, refuses_a_page_that_a_scraper_would_refuse) {
  for (const std::string_view line : {"a",
                                      "a ",
                                      "a b",
                                      "1a 1",
                                      "a{ 1",
                                      "a{x} 1",
                                      "a{x=\"y} 1",
                                      "a{x=y} 1",
                                      "a{x=\"y\" z=\"\"} 1",
                                      "a{=\"y\"} 1",
                                      "a{x:y=\"\"} 1",
                                      "a 1 2 3",
                                      "a 1 2.5",
                                      "a 1 x",
                                      "a 1 # {} 1",
                                      "a-b 1",
                                      "a 0x",
                                      "a 1,5",
                                      "<html>",
                                      "{\"a\":1}",
                                      "# TYPE a thing",
                                      "# TYPE a",
                                      "# TYPE 1 gauge",
                                      "# TYPE a gauge x",
                                      "# HELP",
                                      "# HELP 1 x",
                                      "a{x=\"\xff\"} 1",
                                      "# HELP a \xc3",
                                      "a{x=\"y\"}"}) {
    EXPECT_EQ(clean("fine 1\n" + std::string(line) + "\nfine 2\n"), "malformed") << line;
  }
  EXPECT_EQ(clean(std::string_view("a 1\nb\0 2\n", 9)), "malformed");
}

TEST(MetricsText, turns_open_metrics_into_the_older_format) {
  EXPECT_EQ(clean("# TYPE foo_seconds counter\n# UNIT foo_seconds seconds\n"
                  "foo_seconds_total{a=\"b\"} 17.0 1520879607.789 # {trace_id=\"x\"} 0.67\n"
                  "foo_seconds_created 1520430000.123\n"
                  "# TYPE bar histogram\nbar_bucket{le=\"+Inf\"} 2 # {} 1 2\n"
                  "# TYPE baz info\nbaz_info{v=\"1\"} 1\n# TYPE s stateset\ns{s=\"a\"} 1\n"
                  "# TYPE q unknown\nq 1 1e0\n# TYPE g gaugehistogram\n# EOF\nbehind it 1\n",
                  MetricsFormat::open_metrics),
            "# TYPE foo_seconds_total counter\n"
            "foo_seconds_total{a=\"b\"} 17.0 1520879607789\n"
            "foo_seconds_created 1520430000.123\n"
            "# TYPE bar histogram\nbar_bucket{le=\"+Inf\"} 2\n"
            "# TYPE baz_info gauge\nbaz_info{v=\"1\"} 1\n# TYPE s gauge\ns{s=\"a\"} 1\n"
            "# TYPE q untyped\nq 1 1000\n# TYPE g untyped\n");
  EXPECT_EQ(clean("a 1 1e300\n", MetricsFormat::open_metrics), "malformed");
}

TEST(MetricsText, knows_formats_by_their_names) {
  EXPECT_EQ(metrics_format("text/plain; version=0.0.4; charset=utf-8"), MetricsFormat::text);
  EXPECT_EQ(metrics_format(""), MetricsFormat::text);
  EXPECT_EQ(metrics_format("Application/OpenMetrics-Text;version=1.0.0"),
            MetricsFormat::open_metrics);
  EXPECT_FALSE(metrics_format("text/html"));
  EXPECT_FALSE(metrics_format("application/vnd.google.protobuf"));
}

}  // namespace
}  // namespace epaulet::admin
