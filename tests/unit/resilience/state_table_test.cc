#include "resilience/state_table.h"

#include <gtest/gtest.h>

namespace epaulet::resilience {
namespace {

struct Budget {
  int number = 0;
};
struct Limit {
  int number = 0;
};

class StateTableTest : public testing::Test {
 protected:
  template <class State>
  std::shared_ptr<State> get(const std::string& name, const std::string& shape) {
    return table_.get<State>(name, shape, [this] {
      auto state = std::make_shared<State>();
      state->number = ++made_;
      return state;
    });
  }
  StateTable table_;
  int made_ = 0;
};

TEST_F(StateTableTest, keeps_the_state_of_a_name_while_its_shape_stays) {
  const auto state = get<Budget>("api", "20%/3");
  EXPECT_EQ(get<Budget>("api", "20%/3"), state);
  EXPECT_EQ(made_, 1);
}

TEST_F(StateTableTest, another_shape_begins_anew_and_leaves_the_old_to_who_holds_it) {
  const auto old = get<Budget>("api", "20%/3");
  const auto now = get<Budget>("api", "50%/3");
  EXPECT_NE(now, old);
  EXPECT_EQ(old->number, 1);
  EXPECT_EQ(get<Budget>("api", "50%/3"), now);
  EXPECT_NE(get<Budget>("api", "20%/3"), old);  // It was forgotten.
}

TEST_F(StateTableTest, names_and_kinds_are_apart) {
  const auto api = get<Budget>("api", "1");
  const auto other = get<Budget>("other", "1");
  const auto limit = get<Limit>("api", "1");
  EXPECT_NE(api, other);
  EXPECT_EQ(made_, 3);
  EXPECT_EQ(limit->number, 3);
  EXPECT_EQ(get<Budget>("api", "1"), api);
  EXPECT_EQ(get<Limit>("api", "1"), limit);
}

TEST_F(StateTableTest, survives_a_reload_between_two_snapshots) {
  auto held = get<Budget>("api", "1");
  held->number = 42;
  auto next = get<Budget>("api", "1");  // The new snapshot is built while the old one is held.
  held.reset();
  table_.collect();
  EXPECT_EQ(next->number, 42);
  EXPECT_EQ(get<Budget>("api", "1"), next);
}

TEST_F(StateTableTest, forgets_what_nobody_holds_only_when_it_is_told_to) {
  get<Budget>("api", "1")->number = 42;
  EXPECT_EQ(get<Budget>("api", "1")->number, 42);
  table_.collect();
  EXPECT_EQ(get<Budget>("api", "1")->number, 2);  // Made anew.
}

}  // namespace
}  // namespace epaulet::resilience
