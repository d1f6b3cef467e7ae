#include "k8s/injector/json_patch.h"

#include <gtest/gtest.h>

#include <random>

#include "apply_patch.h"

namespace epaulet::injector {
namespace {

namespace json = boost::json;

std::string between(const char* before, const char* after) {
  return json::serialize(patch_between(json::parse(before), json::parse(after)));
}

TEST(JsonPatch, of_equal_documents_is_empty) {
  EXPECT_EQ(between(R"({"a":[1,{"b":null}]})", R"({"a":[1,{"b":null}]})"), "[]");
}

TEST(JsonPatch, names_only_what_differs) {
  EXPECT_EQ(between(R"({"a":1,"b":{"c":2,"d":3}})", R"({"a":1,"b":{"c":4,"e":5}})"),
            R"([{"op":"remove","path":"/b/d"},{"op":"replace","path":"/b/c","value":4},)"
            R"({"op":"add","path":"/b/e","value":5}])");
}

TEST(JsonPatch, goes_into_arrays_of_one_size_and_replaces_others) {
  EXPECT_EQ(between(R"({"a":[{"x":1},{"x":2}]})", R"({"a":[{"x":1},{"x":3}]})"),
            R"([{"op":"replace","path":"/a/1/x","value":3}])");
  EXPECT_EQ(between(R"({"a":[1]})", R"({"a":[1,2]})"),
            R"([{"op":"replace","path":"/a","value":[1,2]}])");
}

TEST(JsonPatch, escapes_keys) {
  EXPECT_EQ(between(R"({})", R"({"epaulet.io/inject~":"x"})"),
            R"([{"op":"add","path":"/epaulet.io~1inject~0","value":"x"}])");
}

json::value random_value(std::mt19937& random, int depth) {
  switch (depth > 3 ? random() % 3 : random() % 5) {
    case 0:
      return nullptr;
    case 1:
      return static_cast<std::int64_t>(random() % 3);
    case 2:
      return json::string(1, static_cast<char>('a' + random() % 3));
    case 3: {
      json::array list;
      for (auto left = random() % 3; left > 0; --left)
        list.push_back(random_value(random, depth + 1));
      return list;
    }
    default: {
      json::object object;
      for (auto left = random() % 4; left > 0; --left)
        object[std::string(1, "ab/~"[random() % 4])] = random_value(random, depth + 1);
      return object;
    }
  }
}

TEST(JsonPatch, makes_one_document_of_any_other) {
  for (unsigned seed = 0; seed < 3000; ++seed) {
    std::mt19937 random(seed);
    json::value before(json::object{{"x", random_value(random, 0)}});
    const json::value after(json::object{{"x", random_value(random, 0)}});
    const auto patch = patch_between(before, after);
    ASSERT_NO_THROW(apply(before, patch)) << "seed " << seed << " " << json::serialize(patch);
    ASSERT_EQ(before, after) << "seed " << seed << " " << json::serialize(patch);
  }
}

}  // namespace
}  // namespace epaulet::injector
