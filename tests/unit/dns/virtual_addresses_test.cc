#include "dns/virtual_addresses.h"

#include <gtest/gtest.h>

#include <set>

namespace epaulet {
namespace {

using namespace std::chrono_literals;
using Names = std::vector<std::string>;

constexpr WallTime kNow{std::chrono::seconds(1'760'000'000)};
const IpNetwork kV4 = *IpNetwork::parse("240.0.0.0/4");
const IpNetwork kV6 = *IpNetwork::parse("fd00:e9a0::/32");

/// All of `names` get addresses.
void assign(VirtualAddressBook& book, const Names& names, WallTime now = kNow) {
  EXPECT_EQ(book.assign(names, now), Names());
}
std::string v4_of(const VirtualAddressBook& book, const std::string& name) {
  const auto table = book.table();
  const auto* address = table->find(name);
  return address == nullptr ? "" : address->v4.to_string();
}

Names many_names(std::size_t count) {
  Names names;
  for (std::size_t i = 0; i < count; ++i)
    names.push_back("service-" + std::to_string(i) + ".default");
  return names;
}

TEST(VirtualAddresses, are_the_same_on_every_machine_and_in_every_version) {
  VirtualAddressBook book(kV4, kV6);
  assign(book, {"api2.default", "my-event-server"});
  const auto table = book.table();
  // Running apps remember these: a change of the hash is a change for users.
  EXPECT_EQ(table->find("api2.default")->v4.to_string(), "244.50.79.17");
  EXPECT_EQ(table->find("api2.default")->v6->to_string(), "fd00:e9a0::6fd2:eb9e:69d4:d985");
}

TEST(VirtualAddresses, do_not_depend_on_the_other_names_nor_on_their_order) {
  VirtualAddressBook alone(kV4, kV6);
  assign(alone, {"api2.default"});
  VirtualAddressBook among(kV4, kV6);
  assign(among, {"zz", "api2.default", "aa"});
  VirtualAddressBook later(kV4, kV6);
  assign(later, {"zz"});
  assign(later, {"aa", "zz", "api2.default"});
  EXPECT_EQ(v4_of(alone, "api2.default"), v4_of(among, "api2.default"));
  EXPECT_EQ(v4_of(alone, "api2.default"), v4_of(later, "api2.default"));
}

TEST(VirtualAddresses, lie_in_their_networks_and_are_all_different) {
  VirtualAddressBook book(kV4, kV6);
  assign(book, many_names(10'000));
  std::set<IpAddress> seen;
  for (const auto& entry : book.entries()) {
    EXPECT_TRUE(kV4.contains(entry.v4)) << entry.v4.to_string();
    ASSERT_TRUE(entry.v6);
    EXPECT_TRUE(kV6.contains(*entry.v6)) << entry.v6->to_string();
    EXPECT_TRUE(seen.insert(entry.v4).second);
    EXPECT_TRUE(seen.insert(*entry.v6).second);
  }
}

TEST(VirtualAddresses, collide_and_are_still_all_different) {
  // Fourteen usable addresses for fourteen names: nearly every name meets a taken one.
  VirtualAddressBook book(*IpNetwork::parse("240.0.0.0/28"), std::nullopt);
  assign(book, many_names(14));
  std::set<IpAddress> seen;
  for (const auto& entry : book.entries()) {
    EXPECT_TRUE(seen.insert(entry.v4).second);
    EXPECT_NE(entry.v4.to_string(), "240.0.0.0");
    EXPECT_NE(entry.v4.to_string(), "240.0.0.15");
    EXPECT_FALSE(entry.v6);
  }
  EXPECT_EQ(seen.size(), 14u);
}

TEST(VirtualAddresses, run_out_and_say_for_whom) {
  VirtualAddressBook book(*IpNetwork::parse("240.0.0.0/29"), std::nullopt);
  const Names names = many_names(7);
  EXPECT_EQ(book.assign(names, kNow), Names{"service-6.default"});
  EXPECT_EQ(v4_of(book, "service-6.default"), "");
  EXPECT_NE(v4_of(book, "service-0.default"), "");
}

TEST(VirtualAddresses, work_in_the_smallest_networks) {
  VirtualAddressBook two(*IpNetwork::parse("240.0.0.8/31"), std::nullopt);
  assign(two, {"a", "b"});
  VirtualAddressBook one(*IpNetwork::parse("240.0.0.8/32"), *IpNetwork::parse("fd00::7/128"));
  assign(one, {"a"});
  EXPECT_EQ(v4_of(one, "a"), "240.0.0.8");
  EXPECT_EQ(one.table()->find("a")->v6->to_string(), "fd00::7");
  EXPECT_EQ(one.assign(Names{"a", "b"}, kNow), Names{"b"});
}

TEST(VirtualAddresses, are_found_from_both_sides) {
  VirtualAddressBook book(kV4, kV6);
  assign(book, {"api2.default", "other"});
  const auto table = book.table();
  const auto* address = table->find("api2.default");
  ASSERT_NE(address, nullptr);
  EXPECT_EQ(*table->service_at(address->v4), "api2.default");
  EXPECT_EQ(*table->service_at(*address->v6), "api2.default");
  EXPECT_EQ(table->service_at(*IpAddress::parse("240.255.255.1")), nullptr);
  EXPECT_EQ(table->find("nobody"), nullptr);
  EXPECT_TRUE(table->is_virtual(*IpAddress::parse("255.255.255.254")));
  EXPECT_TRUE(table->is_virtual(*IpAddress::parse("fd00:e9a0::1")));
  EXPECT_FALSE(table->is_virtual(*IpAddress::parse("10.0.0.1")));
  EXPECT_FALSE(table->is_virtual(*IpAddress::parse("fd00:e9a1::1")));
  EXPECT_EQ(table->services_by_address().size(), 4u);
  EXPECT_EQ(table->services_by_address().at(address->v4), "api2.default");
}

TEST(VirtualAddresses, a_name_that_disappeared_has_no_address_and_nobody_else_gets_it_for_a_day) {
  const IpNetwork two = *IpNetwork::parse("240.0.0.8/31");
  VirtualAddressBook book(two, std::nullopt);
  assign(book, {"a", "b"});
  const auto address_of_a = v4_of(book, "a");
  const Names after{"b", "c"};
  EXPECT_EQ(book.assign(after, kNow + 1h), Names{"c"});
  EXPECT_EQ(book.table()->service_at(*IpAddress::parse(address_of_a)), nullptr);
  EXPECT_EQ(book.assign(after, kNow + 25h - 1s), Names{"c"});
  EXPECT_EQ(book.assign(after, kNow + 25h), Names());
  EXPECT_EQ(v4_of(book, "c"), address_of_a);
}

TEST(VirtualAddresses,
     a_name_that_comes_back_within_a_day_finds_its_address_even_after_a_collision) {
  const IpNetwork small = *IpNetwork::parse("240.0.0.0/28");
  VirtualAddressBook book(small, std::nullopt);
  const Names all = many_names(14);
  assign(book, all);
  std::map<std::string, std::string> before;
  for (const auto& name : all) before[name] = v4_of(book, name);
  assign(book, {});
  assign(book, all, kNow + 23h);
  for (const auto& name : all) EXPECT_EQ(v4_of(book, name), before[name]);
}

TEST(VirtualAddresses, a_clock_set_back_makes_the_day_longer_and_not_endless) {
  VirtualAddressBook book(*IpNetwork::parse("240.0.0.8/32"), std::nullopt);
  assign(book, {"a"}, kNow);
  const Names b{"b"};
  EXPECT_EQ(book.assign(b, kNow + 8760h), b);
  EXPECT_EQ(book.assign(b, kNow), b);
  EXPECT_EQ(book.assign(b, kNow + 24h - 1s), b);
  EXPECT_EQ(book.assign(b, kNow + 24h), Names());
}

TEST(VirtualAddresses, the_table_is_bounded_and_no_name_loses_its_day_for_it) {
  VirtualAddressBook book(kV4, std::nullopt, 3);
  assign(book, {"a", "b", "c"});
  const Names next{"a", "d"};
  EXPECT_EQ(book.assign(next, kNow), Names{"d"});
  EXPECT_EQ(book.assign(next, kNow + 24h), Names());
}

TEST(VirtualAddresses, another_book_takes_them_over) {
  const IpNetwork small = *IpNetwork::parse("240.0.0.0/28");
  VirtualAddressBook first(small, kV6);
  assign(first, {"z"});
  assign(first, many_names(13), kNow + 1h);
  const auto text = VirtualAddressBook::to_json(first.entries());
  const auto entries = VirtualAddressBook::from_json(text);
  ASSERT_TRUE(entries);
  EXPECT_EQ(*entries, first.entries());

  VirtualAddressBook second(small, kV6);
  second.restore(*entries);
  assign(second, many_names(13), kNow + 2h);
  EXPECT_EQ(second.entries(), first.entries());
}

TEST(VirtualAddresses, outside_of_a_changed_network_are_made_anew) {
  VirtualAddressBook first(kV4, std::nullopt);
  assign(first, {"a"});
  VirtualAddressBook second(*IpNetwork::parse("198.18.0.0/15"), kV6);
  second.restore(first.entries());
  assign(second, {"a"});
  EXPECT_TRUE(v4_of(second, "a").starts_with("198.1"));
  EXPECT_TRUE(second.table()->find("a")->v6);

  VirtualAddressBook with_v6(kV4, kV6);
  with_v6.restore(first.entries());
  assign(with_v6, {"a"});
  EXPECT_EQ(v4_of(with_v6, "a"), v4_of(first, "a"));
  EXPECT_TRUE(with_v6.table()->find("a")->v6);

  VirtualAddressBook without_v6(kV4, std::nullopt);
  without_v6.restore(with_v6.entries());
  assign(without_v6, {"a"});
  EXPECT_FALSE(without_v6.table()->find("a")->v6);
}

TEST(VirtualAddresses, never_belong_to_two_names_whatever_the_file_says) {
  const IpAddress same = *IpAddress::parse("240.0.0.1");
  const std::vector<VirtualAddressBook::Entry> entries{{"a", same, {}, 0}, {"b", same, {}, 0}};
  VirtualAddressBook book(kV4, std::nullopt);
  book.restore(entries);
  assign(book, {"a", "b"});
  EXPECT_EQ(v4_of(book, "a"), "240.0.0.1");
  EXPECT_NE(v4_of(book, "b"), "240.0.0.1");
}

TEST(VirtualAddresses, refuses_a_file_that_is_not_ours) {
  for (
      const std::string text :
      {"", "{", "[]", R"({"version":2,"addresses":[]})", R"({"version":1,"addresses":{}})",
       R"({"version":1,"addresses":[1]})",
       R"({"version":1,"addresses":[{"service":"a","v4":"fd00::1","gone_since":0}]})",
       R"({"version":1,"addresses":[{"service":"a","v4":"240.0.0.1","v6":"240.0.0.2","gone_since":0}]})",
       R"({"version":1,"addresses":[{"service":"a","v4":"240.0.0.1","gone_since":-1}]})",
       R"({"version":1,"addresses":[{"service":7,"v4":"240.0.0.1","gone_since":0}]})"}) {
    EXPECT_FALSE(VirtualAddressBook::from_json(text)) << text;
  }
}

}  // namespace
}  // namespace epaulet
