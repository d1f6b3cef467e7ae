#include "k8s/cni/plugin.h"

#include <gtest/gtest.h>

namespace epaulet::cni {
namespace {

constexpr const char* kPrevious =
    R"({"cniVersion":"0.4.0","interfaces":[{"name":"eth0"}],"ips":[{"version":"4","address":"10.1.0.5/24"}],"dns":{}})";
constexpr const char* kArguments =
    "IgnoreUnknown=1;K8S_POD_NAMESPACE=shop;K8S_POD_NAME=cart-1;K8S_POD_INFRA_CONTAINER_ID=9";

/// Hands that note what they are told and do as they are told to.
class Plugin : public ::testing::Test {
 protected:
  Answer ask(const std::string& command, const std::string& input) {
    Hands hands;
    const auto take = [this](const char* what) {
      return [this, what](const redirect::RedirectOptions& options) {
        done_ += what;
        told_ = options;
        return report_;
      };
    };
    hands.install = take("install ");
    hands.check = take("check ");
    return answer({command, kArguments, input}, hands);
  }
  /// `annotations`: the members of the object.
  static std::string config(const std::string& annotations,
                            const std::string& previous = kPrevious) {
    return R"({"cniVersion":"0.4.0","name":"net","type":"epaulet-cni","runtimeConfig":{)"
           R"("io.kubernetes.cri.pod-annotations":{)" +
           annotations + R"(}},"prevResult":)" + previous + "}";
  }
  static std::string rules(const std::string& text) { return "\"epaulet.io/redirect\":" + text; }
  /// Why the pod is not started: code, message, details.
  static std::string refusal(const Answer& answer) {
    if (answer.exit_code == 0) return "it is no failure: " + answer.text;
    const auto said = boost::json::parse(answer.text).get_object();
    std::string all = std::to_string(said.at("code").to_number<int>()) + " " +
                      std::string(said.at("msg").get_string());
    if (const auto* details = said.if_contains("details"))
      all += " | " + std::string(details->get_string());
    return all;
  }

  redirect::Report report_ = [] {
    redirect::Report well;
    well.ok = true;
    return well;
  }();
  std::string done_;
  redirect::RedirectOptions told_;
};

TEST_F(Plugin, installs_the_rules_of_the_annotation_and_passes_the_result_on) {
  const auto said = ask("ADD", config(rules(R"("[\"--exclude-inbound-port=9000,9001\"]")")));
  EXPECT_EQ(said.exit_code, 0);
  EXPECT_EQ(boost::json::parse(said.text), boost::json::parse(kPrevious));
  EXPECT_EQ(done_, "install ");
  EXPECT_EQ(told_.exclude_inbound_ports, (std::vector<std::uint16_t>{9000, 9001}));
  EXPECT_EQ(told_.uid, 1337u);
}

TEST_F(Plugin, an_empty_list_is_the_rules_that_everybody_gets) {
  EXPECT_EQ(ask("ADD", config(rules(R"("[]")"))).exit_code, 0);
  EXPECT_EQ(done_, "install ");
}

TEST_F(Plugin, leaves_pods_outside_the_mesh_alone) {
  for (const auto& input :
       {config(""), config(R"("kubernetes.io/config.source":"api")"),
        std::string(R"({"cniVersion":"0.4.0","prevResult":)") + kPrevious + "}",
        std::string(R"({"cniVersion":"0.4.0","runtimeConfig":[],"prevResult":)") + kPrevious +
            "}"}) {
    const auto said = ask("ADD", input);
    EXPECT_EQ(said.exit_code, 0) << said.text;
    EXPECT_EQ(boost::json::parse(said.text), boost::json::parse(kPrevious));
  }
  EXPECT_EQ(done_, "");
}

TEST_F(Plugin, does_not_start_a_pod_whose_rules_fail) {
  report_.ok = false;
  report_.error = "the program `nft` is not installed; remedy: apt-get install nftables";
  EXPECT_EQ(refusal(ask("ADD", config(rules(R"("[]")")))),
            "102 epaulet-cni: pod shop/cart-1: the mesh's rules cannot be installed: the program "
            "`nft` is not installed; remedy: apt-get install nftables");
  report_.error.clear();
  report_.checks = {{"inbound/ipv4", false, "it reached the app"}};
  EXPECT_EQ(refusal(ask("CHECK", config(rules(R"("[]")")))),
            "102 epaulet-cni: pod shop/cart-1: the mesh's rules do not do what they should: "
            "inbound/ipv4: it reached the app");
  EXPECT_EQ(done_, "install check ");
}

TEST_F(Plugin, does_not_start_a_pod_whose_annotation_is_not_the_injectors) {
  const std::string mine = "101 epaulet-cni: pod shop/cart-1: the annotation epaulet.io/redirect: ";
  for (const char* text : {"\"\"", "\"{}\"", "\"[1]\"", "\"[[]]\"", "\"[\"", "7", "null", "[]"}) {
    const auto said = refusal(ask("ADD", config(rules(text))));
    EXPECT_TRUE(said.starts_with(mine + "it is no list of texts")) << text << ": " << said;
    EXPECT_NE(said.find("| remedy: "), std::string::npos) << said;
  }
  for (const char* word :
       {"--uid=many", "--no-such-option", "--exclude-inbound-port=70000", "--help",
        "--result=/etc/passwd", "--exclude-outbound-network=x", "word"}) {
    const auto said = refusal(ask("ADD", config(rules("\"[\\\"" + std::string(word) + "\\\"]\""))));
    EXPECT_TRUE(said.starts_with(mine)) << word << ": " << said;
  }
  const std::string longest(kRulesBytesMax, ' ');
  EXPECT_TRUE(refusal(ask("ADD", config(rules("\"[]" + longest + "\"")))).starts_with("101 "));
  EXPECT_EQ(done_, "");
}

TEST_F(Plugin, takes_no_option_that_the_injector_never_writes) {
  for (const char* word : {"--include-inbound-port=80", "--exclude-uid=0", "--include-uid=5",
                           "--uid=0", "--inbound-port=1", "--backend=nft", "--virtual-v4=0.0.0.0/0",
                           "--exclude-inbound-ports=1", " --allow-udp=53"}) {
    const auto said = refusal(ask("ADD", config(rules("\"[\\\"" + std::string(word) + "\\\"]\""))));
    EXPECT_NE(said.find("\" is no option that an injector writes"), std::string::npos) << said;
  }
  EXPECT_EQ(done_, "");
  const auto all = R"("[\"--exclude-inbound-port=1\",\"--exclude-outbound-port=2\",)"
                   R"(\"--exclude-outbound-network=10.0.0.0/8\",\"--allow-udp=53\"]")";
  EXPECT_EQ(ask("ADD", config(rules(all))).text.find("msg"), std::string::npos);
  EXPECT_EQ(done_, "install ");
}

TEST_F(Plugin, answers_in_json_that_any_reader_takes) {
  // Cut in the middle of a character, it would be none.
  const std::string version = std::string(39, 'a') + "\u00e9";
  const auto said = ask("ADD", R"({"cniVersion":")" + version + "\"}");
  const auto answer = boost::json::parse(said.text);
  const auto& message = answer.get_object().at("msg").get_string();
  EXPECT_NE(message.find(std::string(39, 'a') + "?\""), message.npos) << message;
  EXPECT_EQ(refusal(ask("\xc3\xa9\n", R"({"cniVersion":"1.0.0"})")).substr(0, 40),
            "4 epaulet-cni: CNI_COMMAND \"???\" is unkn");
}

TEST_F(Plugin, says_what_is_wrong_with_its_input) {
  EXPECT_TRUE(refusal(ask("ADD", "")).starts_with("6 epaulet-cni: standard input is no network"));
  EXPECT_TRUE(refusal(ask("ADD", "[]")).starts_with("6 "));
  EXPECT_TRUE(refusal(ask("ADD", std::string(kInputBytesMax + 1, ' '))).starts_with("6 "));
  EXPECT_TRUE(refusal(ask("ADD", R"({"cniVersion":"0.2.0"})"))
                  .starts_with("1 epaulet-cni: cniVersion \"0.2.0\" is none of 0.3.0 to 1.1.0"));
  EXPECT_TRUE(refusal(ask("ADD", "{}")).starts_with("1 "));
  EXPECT_TRUE(refusal(ask("ADD", R"({"cniVersion":"1.0.0"})"))
                  .starts_with("7 epaulet-cni: there is no prevResult"));
  EXPECT_TRUE(refusal(ask("REMOVE", R"({"cniVersion":"1.0.0"})"))
                  .starts_with("4 epaulet-cni: CNI_COMMAND \"REMOVE\" is unknown"));
  EXPECT_EQ(done_, "");
}

TEST_F(Plugin, has_nothing_to_undo_and_says_which_versions_it_speaks) {
  for (const char* command : {"DEL", "GC"}) {
    const auto said = ask(command, "whatever");
    EXPECT_EQ(said.exit_code, 0);
    EXPECT_EQ(said.text, "");
  }
  EXPECT_EQ(ask("STATUS", R"({"cniVersion":"1.1.0"})").exit_code, 0);
  const auto said = boost::json::parse(ask("VERSION", "").text).get_object();
  EXPECT_EQ(boost::json::serialize(said.at("supportedVersions")),
            R"(["0.3.0","0.3.1","0.4.0","1.0.0","1.1.0"])");
}

TEST_F(Plugin, a_check_that_passes_says_nothing) {
  const auto said = ask("CHECK", config(rules(R"("[]")")));
  EXPECT_EQ(said.exit_code, 0);
  EXPECT_EQ(said.text, "");
  EXPECT_EQ(done_, "check ");
}

}  // namespace
}  // namespace epaulet::cni
