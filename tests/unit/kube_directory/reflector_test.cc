#include "k8s/directory/reflector.h"

#include <gtest/gtest.h>

#include "k8s/directory/page_limit.h"
#include "k8s/directory/question.h"

namespace epaulet::kube {
namespace {

using namespace std::chrono_literals;
using Step = Reflector::Step;

TEST(Reflector, lists_first_and_watches_from_there) {
  Reflector reflector;
  EXPECT_EQ(reflector.next(), Step::stream);
  EXPECT_EQ(reflector.wait(1), 0ms);
  reflector.listed("10");
  EXPECT_EQ(reflector.next(), Step::watch);
  EXPECT_EQ(reflector.version(), "10");
}

TEST(Reflector, a_server_without_watch_lists_is_not_asked_for_one_again) {
  Reflector reflector;
  reflector.has_no_streams();
  EXPECT_EQ(reflector.next(), Step::list);
  reflector.listed("10");
  reflector.expired();
  EXPECT_EQ(reflector.next(), Step::list);
}

TEST(Reflector, a_stream_that_did_not_come_to_its_end_is_listed_in_pages_once) {
  Reflector reflector;
  reflector.stream_failed();
  EXPECT_EQ(reflector.next(), Step::list);
  reflector.ended();
  EXPECT_EQ(reflector.next(), Step::list) << "until that has worked";
  reflector.listed("10");
  reflector.expired();
  EXPECT_EQ(reflector.next(), Step::stream);
}

TEST(Reflector, a_watch_that_brought_news_goes_on_at_once_from_the_newest_version) {
  Reflector reflector;
  reflector.listed("10");
  reflector.news("11");
  reflector.news("15");
  reflector.news("");  // An object without a version.
  reflector.ended();
  EXPECT_EQ(reflector.next(), Step::watch);
  EXPECT_EQ(reflector.version(), "15");
  EXPECT_EQ(reflector.wait(1), 0ms);
}

TEST(Reflector, what_expired_is_listed_again) {
  Reflector reflector;
  reflector.listed("10");
  reflector.news("11");
  reflector.expired();
  EXPECT_EQ(reflector.next(), Step::stream);
  EXPECT_EQ(reflector.wait(1), 0ms);
  // A server that forgets at once what it has just listed is not asked in a loop.
  reflector.listed("20");
  reflector.expired();
  EXPECT_EQ(reflector.wait(1), Reflector::kBackoff);
  reflector.listed("30");
  reflector.expired();
  EXPECT_EQ(reflector.wait(1), 2 * Reflector::kBackoff);
}

TEST(Reflector, a_watch_that_ends_at_once_with_bookmarks_alone_backs_off) {
  Reflector reflector;
  reflector.listed("10");
  reflector.bookmark("11");
  reflector.ended();
  EXPECT_EQ(reflector.version(), "11");
  EXPECT_EQ(reflector.wait(1), Reflector::kBackoff);
  reflector.news("11");  // The same once more.
  reflector.ended();
  EXPECT_EQ(reflector.wait(1), 2 * Reflector::kBackoff);
  reflector.lasted();
  reflector.ended();
  EXPECT_EQ(reflector.wait(1), 0ms);
}

TEST(Reflector, a_refused_watch_is_listed_again_unless_it_is_we_who_are_refused) {
  for (const std::uint16_t status :
       std::initializer_list<std::uint16_t>{400, 404, 410, 422, 500, 504}) {
    Reflector reflector;
    reflector.listed("10");
    reflector.refused(status);
    EXPECT_EQ(reflector.next(), Step::stream) << status;
    EXPECT_EQ(reflector.wait(1), Reflector::kBackoff) << status;
  }
  for (const std::uint16_t status : std::initializer_list<std::uint16_t>{401, 403, 429, 503}) {
    Reflector reflector;
    reflector.listed("10");
    reflector.refused(status);
    EXPECT_EQ(reflector.next(), Step::watch) << status;
    EXPECT_EQ(reflector.wait(1), Reflector::kBackoff) << status;
  }
}

TEST(PageLimit, halves_after_pages_that_are_too_long_and_doubles_after_short_ones) {
  PageLimit limit;
  std::size_t halvings = 0;
  while (limit.shrink()) ++halvings;
  EXPECT_EQ(limit.objects(), 1u);
  EXPECT_EQ(halvings, 7u);
  limit.fits(PageLimit::kBytesMax / 2);
  EXPECT_EQ(limit.objects(), 1u);
  for (int i = 0; i < 20; ++i) limit.fits(100);
  EXPECT_EQ(limit.objects(), PageLimit::kObjectsMax);
}

TEST(Reflector, failures_back_off_to_a_bound_and_news_ends_that) {
  Reflector reflector;
  for (int i = 0; i < 100; ++i) reflector.ended();
  EXPECT_EQ(reflector.wait(1), Reflector::kBackoffMax);
  EXPECT_EQ(reflector.wait(0), Reflector::kBackoffMax / 2);
  reflector.listed("10");
  reflector.news("11");
  EXPECT_EQ(reflector.wait(1), 0ms);
}

TEST(Reflector, what_was_missed_is_listed_later_and_once) {
  Reflector reflector;
  const TimePoint start{std::chrono::hours(1)};
  reflector.listed("10");
  EXPECT_FALSE(reflector.has_to_catch_up(start));
  EXPECT_TRUE(reflector.missed(start));
  EXPECT_FALSE(reflector.missed(start + 9min)) << "one list is enough for both";
  EXPECT_FALSE(reflector.has_to_catch_up(start + Reflector::kMissedTime - 1s));
  EXPECT_TRUE(reflector.has_to_catch_up(start + Reflector::kMissedTime));
  reflector.expired();
  EXPECT_EQ(reflector.next(), Step::stream);
  reflector.listed("20");
  EXPECT_FALSE(reflector.has_to_catch_up(start + Reflector::kMissedTime));
  EXPECT_TRUE(reflector.missed(start + 1h));
}

TEST(Question, names_services_once_each) {
  const auto question = read_question(R"({"services":["b.x","a.x","b.x"],"version":"i.4"})");
  ASSERT_TRUE(question.has_value());
  EXPECT_EQ(question->services, (std::vector<std::string>{"a.x", "b.x"}));
  EXPECT_EQ(question->version, "i.4");
  for (const auto* bad :
       {"", "{}", R"({"services":[]})", R"({"services":["x"]})", R"({"services":[".x"]})",
        R"({"services":["a.X"]})", R"({"services":[1]})", R"({"services":"a.x"})"})
    EXPECT_FALSE(read_question(bad).has_value()) << bad;
}

}  // namespace
}  // namespace epaulet::kube
