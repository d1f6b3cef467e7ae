#include "base/intrusive_list.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

namespace epaulet {
namespace {

struct Item : ListNode {
  explicit Item(char name_) : name(name_) {}
  char name;
};

class IntrusiveListTest : public testing::Test {
 protected:
  std::string names() {
    std::string names;
    list_.for_each([&names](Item& item) { names += item.name; });
    return names;
  }
  Item a_{'a'};
  Item b_{'b'};
  Item c_{'c'};
  IntrusiveList<Item> list_;
};

TEST_F(IntrusiveListTest, keeps_the_order_at_both_ends) {
  EXPECT_TRUE(list_.empty());
  EXPECT_EQ(names(), "");
  list_.push_back(b_);
  list_.push_back(c_);
  list_.push_front(a_);
  EXPECT_FALSE(list_.empty());
  EXPECT_EQ(names(), "abc");
  EXPECT_EQ(list_.front().name, 'a');
  EXPECT_EQ(list_.back().name, 'c');
  EXPECT_EQ(list_.pop_front().name, 'a');
  EXPECT_FALSE(a_.linked());
  EXPECT_EQ(names(), "bc");
}

TEST_F(IntrusiveListTest, an_item_leaves_wherever_it_stands) {
  for (Item* item : {&a_, &b_, &c_}) list_.push_back(*item);
  b_.unlink();
  b_.unlink();
  EXPECT_EQ(names(), "ac");
  a_.unlink();
  c_.unlink();
  EXPECT_TRUE(list_.empty());
  list_.push_back(b_);
  EXPECT_EQ(names(), "b");
}

TEST_F(IntrusiveListTest, a_destroyed_item_leaves) {
  list_.push_back(a_);
  {
    Item gone('x');
    list_.push_back(gone);
    list_.push_back(b_);
    EXPECT_EQ(names(), "axb");
  }
  EXPECT_EQ(names(), "ab");
}

TEST_F(IntrusiveListTest, items_outlive_their_list) {
  {
    IntrusiveList<Item> list;
    list.push_back(a_);
    list.push_back(b_);
    EXPECT_TRUE(a_.linked());
  }
  EXPECT_FALSE(a_.linked());
  EXPECT_FALSE(b_.linked());
  list_.push_back(a_);
  EXPECT_EQ(names(), "a");
}

TEST_F(IntrusiveListTest, the_visited_item_may_leave) {
  for (Item* item : {&a_, &b_, &c_}) list_.push_back(*item);
  list_.for_each([](Item& item) {
    if (item.name != 'b') item.unlink();
  });
  EXPECT_EQ(names(), "b");
}

TEST_F(IntrusiveListTest, an_item_in_two_places_is_a_broken_invariant) {
  list_.push_back(a_);
  IntrusiveList<Item> other;
  EXPECT_DEATH(other.push_back(a_), "broken invariant");
}

}  // namespace
}  // namespace epaulet
