// Reviews that a real API server (1.34) sent, and what we answer, whole: so that every change of an
// answer is seen. `again` is the second question about `deployment` in a namespace with a
// LimitRange (max.cpu: 1): not recorded, but our answer with what an API server adds before it asks
// again: defaults, LimitRanger's quantities, and ServiceAccount's mount. EPAULET_UPDATE_GOLDEN=1
// writes the answers anew.
#include <cstdlib>
#include <fstream>
#include <iterator>

#include "crypto/path_secret.h"
#include "fixture.h"

namespace epaulet::injector {
namespace {

std::string path_of(const char* name, const char* kind) {
  return std::string(EPAULET_SOURCE_DIR) + "/tests/unit/injector/reviews/" + name + kind;
}

std::string read(const std::string& path) {
  std::ifstream file(path);
  EXPECT_TRUE(file) << path;
  return {std::istreambuf_iterator<char>(file), {}};
}

/// One member a line, so that a difference is seen.
void print(std::string& out, const json::value& value, std::string indent) {
  indent += "  ";
  if (const auto* object = value.if_object(); object != nullptr && !object->empty()) {
    std::string separator = "{\n";
    for (const auto& [key, member] : *object) {
      out += separator + indent + json::serialize(json::string(key)) + ": ";
      print(out, member, indent);
      separator = ",\n";
    }
    out += "\n" + indent.substr(2) + "}";
  } else if (const auto* array = value.if_array(); array != nullptr && !array->empty()) {
    std::string separator = "[\n";
    for (const auto& item : *array) {
      out += separator + indent;
      print(out, item, indent);
      separator = ",\n";
    }
    out += "\n" + indent.substr(2) + "]";
  } else {
    out += json::serialize(value);
  }
}

struct Golden : testing::TestWithParam<const char*> {};

TEST_P(Golden, is_answered_as_ever) {
  auto review = read_review(read(path_of(GetParam(), ".review.json")));
  ASSERT_TRUE(review) << review.error().to_string();
  EXPECT_TRUE(is_path_secret(review->probe_secret)) << "drawn";
  review->probe_secret = kSecret;
  const auto verdict = inject(*review, test_settings());
  json::object shown;
  shown["allowed"] = verdict.allowed;
  shown["refusal"] = verdict.refusal;
  json::array warnings;
  for (const auto& warning : verdict.warnings) warnings.push_back(json::value(warning));
  shown["warnings"] = std::move(warnings);
  shown["patch"] = verdict.patch;
  std::string answer;
  print(answer, shown, "");
  answer += "\n";
  const auto path = path_of(GetParam(), ".answer.json");
  if (std::getenv("EPAULET_UPDATE_GOLDEN") != nullptr) std::ofstream(path) << answer;
  EXPECT_EQ(answer, read(path));
}

INSTANTIATE_TEST_SUITE_P(Recorded, Golden,
                         testing::Values("deployment", "again", "grpc", "job", "refused"),
                         [](const auto& each) { return std::string(each.param); });

}  // namespace
}  // namespace epaulet::injector
