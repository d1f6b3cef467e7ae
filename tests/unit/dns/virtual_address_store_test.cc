#include "dns/virtual_address_store.h"

#include <gtest/gtest.h>

#include "tests/unit/discovery/temporary_folder.h"

namespace epaulet::test {
namespace {

using namespace std::chrono_literals;

constexpr WallTime kNow{std::chrono::seconds(1'760'000'000)};

Settings settings_with(std::initializer_list<std::string> services, const std::string& state_dir) {
  Settings settings;
  settings.state_dir = state_dir;
  settings.dns.virtual_v4 = *IpNetwork::parse("240.0.0.8/31");
  for (const auto& name : services) settings.services[name].name = name;
  return settings;
}

TEST(VirtualAddressStore, another_process_gives_the_same_addresses) {
  const TemporaryFolder folder;
  VirtualAddressStore first;
  const auto before = first.apply(settings_with({"b"}, folder.path()), kNow);
  EXPECT_FALSE(first.storage_error());
  // Without the file "a" would come first, and might take what is b's.
  VirtualAddressStore second;
  const auto after = second.apply(settings_with({"a", "b"}, folder.path()), kNow + 1h);
  EXPECT_EQ(after->find("b")->v4, before->find("b")->v4);
  EXPECT_NE(after->find("a")->v4, before->find("b")->v4);
}

TEST(VirtualAddressStore, another_process_keeps_the_day) {
  const TemporaryFolder folder;
  (void)VirtualAddressStore().apply(settings_with({"a", "b"}, folder.path()), kNow);
  (void)VirtualAddressStore().apply(settings_with({"a"}, folder.path()), kNow);
  VirtualAddressStore third;
  const std::vector<std::string> c{"c"};
  (void)third.apply(settings_with({"a", "c"}, folder.path()), kNow + 23h);
  EXPECT_EQ(third.without_address(), c);
  (void)third.apply(settings_with({"a", "c"}, folder.path()), kNow + 24h);
  EXPECT_TRUE(third.without_address().empty());
}

TEST(VirtualAddressStore, writes_only_what_changed) {
  const TemporaryFolder folder;
  VirtualAddressStore store;
  (void)store.apply(settings_with({"a"}, folder.path()), kNow);
  std::filesystem::remove(folder / "virtual_addresses.json");
  (void)store.apply(settings_with({"a"}, folder.path()), kNow + 1h);
  EXPECT_EQ(folder.read("virtual_addresses.json"), "");
  (void)store.apply(settings_with({"a", "b"}, folder.path()), kNow + 1h);
  EXPECT_NE(folder.read("virtual_addresses.json"), "");
}

TEST(VirtualAddressStore, works_without_a_state_directory) {
  VirtualAddressStore store;
  const auto table = store.apply(settings_with({"a"}, ""), kNow);
  EXPECT_NE(table->find("a"), nullptr);
  EXPECT_FALSE(store.storage_error());
}

TEST(VirtualAddressStore, gives_addresses_when_the_disk_does_not_work_and_says_so) {
  const TemporaryFolder folder;
  folder.write("state", "a file where the folder should be");
  VirtualAddressStore store;
  const auto table = store.apply(settings_with({"a"}, folder / "state"), kNow);
  EXPECT_NE(table->find("a"), nullptr);
  ASSERT_TRUE(store.storage_error());
  EXPECT_EQ(store.storage_error()->code, ErrorCode::io_failed);
}

TEST(VirtualAddressStore, writes_later_what_could_not_be_written) {
  const TemporaryFolder folder;
  folder.write("state", "a file where the folder should be");
  VirtualAddressStore store;
  (void)store.apply(settings_with({"a"}, folder / "state"), kNow);
  store.write_again();
  EXPECT_TRUE(store.storage_error());
  EXPECT_EQ(store.storage_failures(), 3U) << "it was read once and written twice";
  std::filesystem::remove(folder / "state");
  store.write_again();
  EXPECT_FALSE(store.storage_error());
  EXPECT_NE(folder.read("state/virtual_addresses.json"), "");
  std::filesystem::remove(folder / "state/virtual_addresses.json");
  store.write_again();
  EXPECT_EQ(folder.read("state/virtual_addresses.json"), "") << "nothing waits any more";
}

TEST(VirtualAddressStore, replaces_a_file_that_is_not_ours_and_says_so) {
  const TemporaryFolder folder;
  folder.write("virtual_addresses.json", "half a fi");
  VirtualAddressStore store;
  (void)store.apply(settings_with({"a"}, folder.path()), kNow);
  ASSERT_TRUE(store.storage_error());
  EXPECT_EQ(store.storage_error()->code, ErrorCode::config_invalid);
  EXPECT_TRUE(VirtualAddressBook::from_json(folder.read("virtual_addresses.json")));
  (void)store.apply(settings_with({"a"}, folder.path()), kNow);
  EXPECT_FALSE(store.storage_error());
}

}  // namespace
}  // namespace epaulet::test
