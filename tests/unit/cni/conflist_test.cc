#include "k8s/cni/conflist.h"

#include <gtest/gtest.h>

#include <boost/json.hpp>

#include "k8s/cni/fate.h"

namespace epaulet::cni {
namespace {

constexpr const char* kOthers =
    R"({"cniVersion":"0.4.0","name":"net","plugins":[{"type":"bridge","mtu":1450},{"type":"portmap"}]})";
constexpr const char* kEntry =
    R"({"type":"epaulet-cni","capabilities":{"io.kubernetes.cri.pod-annotations":true}})";

std::string list(const std::string& plugins) {
  return R"({"cniVersion":"0.4.0","name":"net","plugins":[)" + plugins + "]}";
}

TEST(ConfList, is_the_first_by_name) {
  EXPECT_EQ(chosen_list({"99-b.conflist", "10-a.conflist", "05-notes.txt", ".epaulet-cni.new"}),
            "10-a.conflist");
  EXPECT_EQ(chosen_list({"20.json", "10.conf"}), "10.conf");
  EXPECT_EQ(chosen_list({"README"}), "");
  EXPECT_EQ(chosen_list({}), "");
}

TEST(ConfList, gets_the_plugin_behind_the_others) {
  const auto made = with_plugin(kOthers);
  ASSERT_TRUE(made && *made);
  EXPECT_EQ(
      **made,
      list(R"({"type":"bridge","mtu":1450},{"type":"portmap"},)" + std::string(kEntry)) + "\n");
  const auto again = with_plugin(**made);
  ASSERT_TRUE(again.has_value());
  EXPECT_FALSE(*again) << "it stands there already";
  EXPECT_EQ(without_plugin(**made), std::string(kOthers) + "\n");
}

TEST(ConfList, in_which_somebody_stands_behind_us_is_left_alone) {
  const auto made =
      with_plugin(list(R"({"type":"bridge"},)" + std::string(kEntry) + R"(,{"type":"x"})"));
  ASSERT_TRUE(made.has_value());
  EXPECT_FALSE(*made);
}

TEST(ConfList, an_entry_that_is_not_as_it_should_be_is_replaced) {
  for (const std::string& wrong :
       {std::string(R"({"type":"epaulet-cni"})"),
        std::string(
            R"({"type":"epaulet-cni","capabilities":{"io.kubernetes.cri.pod-annotations":false}})"),
        std::string(kEntry) + "," + kEntry}) {
    const auto made = with_plugin(list(wrong + R"(,{"type":"bridge"})"));
    ASSERT_TRUE(made && *made) << wrong;
    EXPECT_EQ(**made, list(R"({"type":"bridge"},)" + std::string(kEntry)) + "\n");
  }
}

TEST(ConfList, with_a_number_that_would_be_written_back_as_another_is_refused) {
  for (const char* number : {"1e451", "-1e451"}) {
    const auto others = list(R"({"type":"bridge","deep":[{"mtu":)" + std::string(number) + "}]}");
    const auto made = with_plugin(others);
    ASSERT_FALSE(made.has_value());
    EXPECT_EQ(made.error().what, "a number in it is too large to be written back");
    EXPECT_EQ(without_plugin(list(R"({"mtu":)" + std::string(number) + "}," + kEntry)),
              std::nullopt);
  }
}

TEST(ConfList, what_is_none_is_refused_with_a_remedy) {
  for (const char* text :
       {"", "{", "[]", R"({"type":"bridge"})", R"({"plugins":[]})", R"({"plugins":{}})"}) {
    const auto made = with_plugin(text);
    ASSERT_FALSE(made.has_value()) << text;
    EXPECT_FALSE(made.error().what.empty());
    EXPECT_FALSE(made.error().remedy.empty());
    EXPECT_EQ(without_plugin(text), std::nullopt);
  }
  EXPECT_EQ(without_plugin(kOthers), std::nullopt);
}

TEST(ForGood, is_told_from_what_the_api_server_says) {
  const auto there = boost::json::parse(R"({"metadata":{"name":"epaulet-cni"}})");
  const auto going =
      boost::json::parse(R"({"metadata":{"deletionTimestamp":"2026-01-01T00:00:00Z"}})");
  EXPECT_FALSE(is_for_good(200, there, true));
  EXPECT_TRUE(is_for_good(200, going, true));
  EXPECT_TRUE(is_for_good(404, {}, false));
  // Whoever uninstalls takes the right to ask away, too; who never had it knows nothing.
  for (const std::uint16_t refused : {std::uint16_t{401}, std::uint16_t{403}}) {
    EXPECT_TRUE(is_for_good(refused, {}, true));
    EXPECT_FALSE(is_for_good(refused, {}, false));
  }
  for (const std::uint16_t silent : {std::uint16_t{0}, std::uint16_t{500}, std::uint16_t{503}})
    EXPECT_FALSE(is_for_good(silent, {}, true));
  EXPECT_FALSE(is_for_good(200, boost::json::parse("[]"), true));
}

TEST(ForGood, a_refusal_is_believed_when_it_stays) {
  const auto there = boost::json::parse(R"({"metadata":{"name":"epaulet-cni"}})");
  int asks = 0;
  int pauses = 0;
  const auto judge = [&](std::vector<std::uint16_t> answers, bool could_ask) {
    asks = pauses = 0;
    const auto ask = [&] {
      const auto at = std::min(static_cast<std::size_t>(asks++), answers.size() - 1);
      return Said{answers[at], answers[at] == 200 ? there : boost::json::value()};
    };
    return is_for_good(ask, could_ask, [&pauses] { ++pauses; });
  };
  EXPECT_FALSE(judge({403, 200}, true)) << "an API server that has just started";
  EXPECT_EQ(asks, 2);
  EXPECT_FALSE(judge({401, 403, 0}, true));
  EXPECT_TRUE(judge({403, 404}, true));
  EXPECT_EQ(pauses, 1);
  EXPECT_TRUE(judge({403}, true));
  EXPECT_EQ(asks, kAsksMax);
  EXPECT_EQ(pauses, kAsksMax - 1);
  EXPECT_FALSE(judge({403}, false));
  EXPECT_EQ(asks, 1) << "it means nothing however often";
  EXPECT_FALSE(judge({200}, true));
  EXPECT_EQ(pauses, 0);
}

}  // namespace
}  // namespace epaulet::cni
