#include "k8s/doctor/sources.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "k8s/doctor/inside.h"

namespace epaulet::kube {
namespace {

TEST(Kubectl, is_understood) {
  EXPECT_TRUE(fact_of_kubectl(0, "{\"items\":[]}", "").is_there());
  EXPECT_EQ(fact_of_kubectl(0, "<html>", "").status, 0);
  EXPECT_TRUE(fact_of_kubectl(1, "", "Error from server (NotFound): secrets \"a\" not found\n")
                  .is_absent());
  const auto forbidden = fact_of_kubectl(1, "", "Error from server (Forbidden): no\x1b[31m\n");
  EXPECT_EQ(forbidden.status, 403);
  EXPECT_EQ(forbidden.why, "Error from server (Forbidden): no [31m");
  EXPECT_EQ(fact_of_kubectl(1, "", "The connection to the server was refused").status, 0);
}

/// Answers in pages.
class Pages final : public FactSource {
 public:
  Fact get(const std::string& path) override {
    asked.push_back(path);
    Fact fact;
    fact.status = 404;
    if (path.starts_with("/api/v1/namespaces?")) {
      fact.status = 200;
      const bool is_second = path.find("continue=a%3D") != path.npos;
      fact.document = json::parse(
          is_second ? R"({"items":[{"metadata":{"name":"b"}}],"metadata":{}})"
                    : R"({"items":[{"metadata":{"name":"a"}}],"metadata":{"continue":"a="}})");
    }
    return fact;
  }
  std::vector<std::string> asked;
};

TEST(Gathering, takes_whole_lists) {
  Pages pages;
  const auto facts = gather(pages, Question(), WallTime());
  EXPECT_EQ(facts.items(paths::kNamespaces).size(), 2u);
  EXPECT_TRUE(facts.at(paths::kWebhooks).is_absent());
  EXPECT_EQ(facts.at("/nobody/asked").status, 0);
  EXPECT_EQ(pages.asked.size(), 18u) << "nothing is asked for twice";
  EXPECT_EQ(std::count(pages.asked.begin(), pages.asked.end(),
                       "/api/v1/events?fieldSelector=reason%3DFailedCreate&limit=250"),
            1);
}

struct Inside : testing::Test {
  InsideFacts facts;
  DoctorReport report;
  Inside() {
    facts.now = WallTime(std::chrono::seconds(1'800'000'000));  // 2027-01-15T08:00:00Z
    facts.redirect_report =
        R"({"ok":true,"backend":"nft","families":["ipv4"],"checks":[],"error":"","arguments":[],)"
        R"("installed_at":"2027-01-15T07:00:00Z"})";
    facts.ready = R"({"ready":true})";
    certificate("2027-01-15T07:25:00Z", "2027-01-15T07:30:00Z", "2027-01-16T07:25:00Z");
  }
  void certificate(const std::string& begins, const std::string& came, const std::string& ends) {
    facts.certs =
        R"({"configured":true,"identity":"spiffe://cluster.local/ns/a/sa/b","not_after":")" + ends +
        R"(","chain":[{"not_before":")" + begins + R"("}],"service":{"renewed_at":")" + came +
        "\"}}";
  }
  std::string told(Level level, const InsideQuestion& question = {}) {
    report = {};
    diagnose_inside(facts, question, report);
    std::string text;
    for (const auto& one : report.findings()) {
      if (one.level == level) text += one.about + ": " + one.what + "\n";
    }
    return text;
  }
};

TEST_F(Inside, a_pod_in_which_all_is_well_is_told_so) {
  EXPECT_EQ(told(Level::failure) + told(Level::warning), "");
  EXPECT_EQ(report.count(Level::ok), 4u) << report.text();
}

TEST_F(Inside, rules_that_are_missing_are_told) {
  facts.redirect_report.reset();
  EXPECT_NE(told(Level::failure).find("no rules were installed"), std::string::npos);
  facts.rules.emplace(false, "outbound IPv4: not redirected");
  EXPECT_NE(told(Level::failure).find("outbound IPv4: not redirected"), std::string::npos);
  facts.rules->first = true;
  EXPECT_EQ(told(Level::failure), "");
}

TEST_F(Inside, rules_that_have_gone_since_are_told) {
  redirect::Check check;
  check.ok = true;
  facts.standing = {check};
  EXPECT_EQ(told(Level::failure), "");
  EXPECT_NE(told(Level::ok).find("and still there"), std::string::npos) << report.text();
  check.ok = false;
  check.detail = "240.0.0.1:15021 is answered, and should be refused";
  facts.standing.push_back(check);
  EXPECT_EQ(told(Level::failure),
            "redirect: installed by nft at 2027-01-15T07:00:00Z, and gone since: 240.0.0.1:15021 "
            "is answered, and should be refused\n");
}

TEST_F(Inside, a_sidecar_that_is_not_ready_or_not_there_is_told) {
  facts.ready = R"({"ready":false,"reasons":["waiting for a certificate"]})";
  EXPECT_EQ(told(Level::failure), "sidecar: not ready: waiting for a certificate\n");
  facts.ready.reset();
  facts.certs.reset();
  EXPECT_EQ(told(Level::failure), "sidecar: it does not answer on 127.0.0.1:15000\n");
}

TEST_F(Inside, clocks_that_differ_are_told) {
  certificate("2027-01-15T10:00:00Z", "2027-01-15T07:30:00Z", "2027-01-16T07:25:00Z");
  EXPECT_NE(told(Level::failure).find("this node's clock is behind"), std::string::npos);
  certificate("2027-01-15T04:25:00Z", "2027-01-15T07:30:00Z", "2027-01-16T07:25:00Z");
  EXPECT_NE(told(Level::warning).find("3 h ahead of the identity service's"), std::string::npos)
      << report.text();
}

TEST_F(Inside, a_certificate_that_ended_is_told) {
  certificate("2027-01-14T07:25:00Z", "2027-01-14T07:30:00Z", "2027-01-15T07:25:00Z");
  EXPECT_NE(told(Level::failure).find("it ended 35 min ago"), std::string::npos) << report.text();
  facts.certs = R"({"configured":true,"service":{"last_error":"refused"}})";
  EXPECT_NE(told(Level::failure).find("there is none yet: refused"), std::string::npos);
}

TEST_F(Inside, what_is_heard_of_the_directory_is_told) {
  const auto page = [](int connected, const std::string& heard) {
    return "# TYPE epaulet_directory_connected gauge\nepaulet_directory_connected " +
           std::to_string(connected) + "\n" +
           (heard.empty() ? "" : "epaulet_directory_heard_timestamp_seconds " + heard + "\n") +
           "epaulet_backend_endpoints{backend=\"api2.default\"} 2\n"
           "epaulet_backend_endpoints_more{backend=\"x\"} 0\n";
  };
  facts.metrics = page(1, "1799999990");
  EXPECT_EQ(told(Level::failure) + told(Level::warning), "");
  EXPECT_NE(told(Level::ok).find("directory: it answers; heard 10 s ago"), std::string::npos)
      << report.text();
  facts.metrics = page(1, "1.7999997e+09");
  EXPECT_EQ(told(Level::warning), "directory: it answers, and has said nothing for 5 min\n");
  facts.metrics = page(0, "1799999700");
  EXPECT_EQ(told(Level::warning),
            "directory: it does not answer; it was last heard 5 min ago, and what it told then "
            "stays in use\n");
  facts.metrics = page(0, "");
  EXPECT_NE(told(Level::failure).find("directory: nothing was heard of it yet"), std::string::npos);
  facts.metrics = "epaulet_backend_endpoints{backend=\"api2.default\"} 0\n";
  EXPECT_EQ(told(Level::failure), "") << "there is no directory";
  EXPECT_EQ(told(Level::warning), "backends: have no endpoint: {backend=\"api2.default\"}\n");
}

}  // namespace
}  // namespace epaulet::kube
