#include "redirect/report.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace epaulet::redirect {
namespace {

/// A folder of the test's own that vanishes with it.
class Folder {
 public:
  Folder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "report-XXXXXX").string();
    path_ = ::mkdtemp(pattern.data());
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  [[nodiscard]] std::string file(const char* name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

Report sample() {
  Report report;
  report.ok = false;
  report.backend = "iptables-legacy";
  report.families = {"ipv4", "ipv6"};
  report.checks = {{"dns-udp/ipv4", true, "goes"}, {"outbound-tcp/ipv6", false, "says \"no\"\n"}};
  report.arguments = {"--uid=1400", "--ipv6=on"};
  report.installed_at = "2026-01-02T03:04:05Z";
  return report;
}

TEST(Report, survives_being_written_and_read) {
  const Folder folder;
  const auto file = folder.file("deeper/still/redirect.json");
  ASSERT_TRUE(write_report(file, sample()).has_value());
  const auto read = read_report(file);
  ASSERT_TRUE(read.has_value());
  EXPECT_FALSE(read->ok);
  EXPECT_EQ(read->backend, "iptables-legacy");
  EXPECT_EQ(read->families, sample().families);
  EXPECT_EQ(read->arguments, sample().arguments);
  EXPECT_EQ(read->installed_at, sample().installed_at);
  ASSERT_EQ(read->checks.size(), 2u);
  EXPECT_EQ(read->checks[1].name, "outbound-tcp/ipv6");
  EXPECT_EQ(read->checks[1].detail, "says \"no\"\n");
  EXPECT_TRUE(read->checks[0].ok);
  EXPECT_FALSE(read->checks[1].ok);
}

TEST(Report, is_readable_by_the_proxys_user_and_leaves_no_half_file) {
  const Folder folder;
  const auto file = folder.file("redirect.json");
  ASSERT_TRUE(write_report(file, sample()).has_value());
  ASSERT_TRUE(write_report(file, sample()).has_value());
  struct stat status {};
  ASSERT_EQ(::stat(file.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777u, 0644u);
  const std::filesystem::directory_iterator entries(std::filesystem::path(file).parent_path());
  EXPECT_EQ(std::distance(begin(entries), end(entries)), 1);
}

TEST(Report, says_which_file_cannot_be_written) {
  const auto written = write_report("/proc/no/such/place.json", sample());
  ASSERT_TRUE(written.has_error());
  EXPECT_NE(written.error().what.find("/proc/no/such/place.json"), std::string::npos);
  EXPECT_NE(written.error().remedy.find("--result"), std::string::npos);
}

TEST(Report, is_not_read_from_an_absent_or_foreign_file) {
  const Folder folder;
  EXPECT_TRUE(read_report(folder.file("absent.json")).has_error());
  const auto foreign = folder.file("foreign.json");
  std::ofstream(foreign) << "{\"ok\": \"yes\"}";
  const auto read = read_report(foreign);
  ASSERT_TRUE(read.has_error());
  EXPECT_EQ(read.error().remedy, "epaulet redirect install");
}

TEST(ReportFromJson, refuses_what_is_no_report) {
  for (const auto* text :
       {"", "{", "[]", "{}", "null", R"({"ok":1})", R"({"ok":true,"checks":[1]})"}) {
    EXPECT_FALSE(report_from_json(text)) << text;
  }
}

TEST(ReportFromJson, takes_a_check_without_a_verdict_for_failed) {
  const auto report = report_from_json(R"({"ok":true,"checks":[{"name":"x"}]})");
  ASSERT_TRUE(report);
  EXPECT_FALSE(report->checks.at(0).ok);
}

TEST(Complaint, is_empty_when_all_is_well) {
  Report report;
  report.ok = true;
  EXPECT_EQ(complaint(report), "");
}

TEST(Complaint, names_the_first_failed_check_or_the_reason_there_is_none) {
  EXPECT_EQ(complaint(sample()), "outbound-tcp/ipv6: says \"no\"\n");
  Report report;
  report.error = "nft is not installed; remedy: apt-get install nftables";
  EXPECT_EQ(complaint(report), report.error);
  report.error.clear();
  EXPECT_EQ(complaint(report), "the rules were not installed");
}

}  // namespace
}  // namespace epaulet::redirect
