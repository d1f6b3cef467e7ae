#include "k8s/cni/node_files.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <vector>

namespace {

/// What has been synced so far, in order.
std::vector<std::filesystem::path> synced;

}  // namespace

/// In the place of the C library's, which it is otherwise.
extern "C" int fsync(int file) {
  synced.push_back(std::filesystem::read_symlink("/proc/self/fd/" + std::to_string(file)));
  return static_cast<int>(::syscall(SYS_fsync, file));
}

namespace epaulet::cni {
namespace {

namespace fs = std::filesystem;

constexpr const char* kOthers =
    R"({"cniVersion":"0.4.0","name":"n","plugins":[{"type":"bridge"}]})";

void write(const fs::path& file, const std::string& text) {
  fs::create_directories(file.parent_path());
  std::ofstream(file) << text;
}

std::string read(const fs::path& file) {
  std::ifstream stream(file);
  return {std::istreambuf_iterator<char>(stream), {}};
}

/// An image and a node, both folders.
class Node : public ::testing::Test {
 protected:
  void SetUp() override {
    auto name = (fs::temp_directory_path() / "epaulet-cni-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    root_ = name;
    places_ = {root_ / "image", root_ / "bin", root_ / "net.d"};
    write(places_.image / "usr/local/bin/epaulet-cni-launcher", "launcher 1");
    write(places_.image / "usr/local/bin/epaulet-cni", "plugin 1");
    write(places_.image / "usr/local/bin/epaulet", "not needed on the node");
    fs::permissions(places_.image / "usr/local/bin/epaulet-cni", fs::perms(0755));
    write(places_.image / "usr/sbin/nft", "nft");
    fs::create_symlink("nft", places_.image / "usr/sbin/other");
    fs::create_symlink("usr/sbin", places_.image / "sbin");
    fs::create_directories(places_.plugins);
    fs::create_directories(places_.lists);
  }
  void TearDown() override { fs::remove_all(root_); }

  fs::path list() const { return places_.lists / "10-net.conflist"; }
  fs::path current() const { return places_.plugins / "epaulet-cni.d/current"; }
  std::size_t roots() const {
    const fs::directory_iterator all(places_.plugins / "epaulet-cni.d");
    return static_cast<std::size_t>(std::distance(begin(all), end(all))) - 1;  // Without `current`.
  }

  fs::path root_;
  NodePlaces places_;
};

TEST_F(Node, gets_what_the_plugin_needs_and_no_more) {
  ASSERT_TRUE(put_files(places_));
  EXPECT_EQ(read(places_.plugins / "epaulet-cni"), "launcher 1");
  EXPECT_EQ(fs::status(places_.plugins / "epaulet-cni").permissions(), fs::perms(0755));
  EXPECT_EQ(read(current() / "usr/local/bin/epaulet-cni"), "plugin 1");
  EXPECT_EQ(read(current() / "sbin/other"), "nft") << "links stay links";
  EXPECT_TRUE(fs::is_directory(current() / "proc") && fs::is_directory(current() / "run"));
  EXPECT_FALSE(fs::exists(current() / "usr/local/bin/epaulet"));
}

TEST_F(Node, a_newer_image_takes_the_place_of_the_older) {
  ASSERT_TRUE(put_files(places_));
  write(places_.image / "usr/local/bin/epaulet-cni", "plugin 2");
  write(places_.image / "usr/local/bin/epaulet-cni-launcher", "launcher 2");
  ASSERT_TRUE(put_files(places_));
  EXPECT_EQ(read(current() / "usr/local/bin/epaulet-cni"), "plugin 2");
  EXPECT_EQ(read(places_.plugins / "epaulet-cni"), "launcher 2");
  EXPECT_EQ(roots(), 1u) << "the older one is forgotten";
}

TEST_F(Node, files_that_cannot_be_copied_leave_the_older_ones) {
  ASSERT_TRUE(put_files(places_));
  fs::remove(places_.image / "usr/local/bin/epaulet-cni");
  const auto put = put_files(places_);
  ASSERT_FALSE(put);
  EXPECT_NE(put.error().what.find("usr/local/bin/epaulet-cni"), std::string::npos)
      << put.error().what;
  EXPECT_FALSE(put.error().remedy.empty());
  EXPECT_EQ(read(current() / "usr/local/bin/epaulet-cni"), "plugin 1");
  EXPECT_EQ(roots(), 1u);
}

TEST_F(Node, a_launcher_that_cannot_be_written_leaves_the_older_ones) {
  ASSERT_TRUE(put_files(places_));
  write(places_.image / "usr/local/bin/epaulet-cni", "plugin 2");
  fs::create_directories(places_.plugins / ".epaulet-cni.new/in the way");
  ASSERT_FALSE(put_files(places_));
  EXPECT_EQ(read(current() / "usr/local/bin/epaulet-cni"), "plugin 1");
  EXPECT_EQ(read(places_.plugins / "epaulet-cni"), "launcher 1");
  EXPECT_EQ(roots(), 1u);
}

TEST_F(Node, files_that_lead_nowhere_but_to_the_new_ones_keep_them) {
  ASSERT_TRUE(put_files(places_));
  write(places_.image / "usr/local/bin/epaulet-cni", "plugin 2");
  // The last step of all fails.
  fs::remove(places_.plugins / "epaulet-cni");
  fs::create_directories(places_.plugins / "epaulet-cni/in the way");
  ASSERT_FALSE(put_files(places_));
  EXPECT_EQ(read(current() / "usr/local/bin/epaulet-cni"), "plugin 2");
}

TEST_F(Node, has_the_files_on_its_disk_before_a_list_names_them) {
  synced.clear();
  ASSERT_TRUE(put_files(places_));
  const auto is_synced = [](const fs::path& path) {
    return std::find(synced.begin(), synced.end(), path) != synced.end();
  };
  const auto root = fs::canonical(current());
  for (const auto& each : fs::recursive_directory_iterator(root))
    EXPECT_TRUE(each.is_symlink() || is_synced(each.path())) << each.path();
  EXPECT_TRUE(is_synced(fs::canonical(places_.plugins) / ".epaulet-cni.new")) << "the launcher";
  for (const auto& folder : {root, root.parent_path(), fs::canonical(places_.plugins)})
    EXPECT_TRUE(is_synced(folder)) << folder;
}

TEST_F(Node, the_entry_comes_once_and_goes) {
  std::string named;
  EXPECT_FALSE(put_entry(places_, named)) << "nobody has configured a network yet";
  write(list(), kOthers);
  fs::permissions(list(), fs::perms(0600));
  auto put = put_entry(places_, named);
  ASSERT_TRUE(put && *put);
  EXPECT_EQ(named, "10-net.conflist");
  EXPECT_NE(read(list()).find("epaulet-cni"), std::string::npos);
  EXPECT_EQ(fs::status(list()).permissions(), fs::perms(0600)) << "as it was";
  put = put_entry(places_, named);
  EXPECT_TRUE(put && !*put);
  // Another list stands first now; ours is taken out of both in the end.
  write(places_.lists / "05-new.conflist", kOthers);
  put = put_entry(places_, named);
  EXPECT_TRUE(put && *put);
  EXPECT_EQ(named, "05-new.conflist");
  ASSERT_TRUE(take_entry(places_));
  for (const auto& name : {"05-new.conflist", "10-net.conflist"})
    EXPECT_EQ(read(places_.lists / name), std::string(kOthers) + "\n");
  EXPECT_EQ(std::distance(fs::directory_iterator(places_.lists), {}), 2) << "nothing half is left";
}

TEST_F(Node, a_list_that_cannot_take_us_is_told_with_its_name) {
  write(places_.lists / "01-one.conf", R"({"type":"bridge"})");
  write(list(), kOthers);
  std::string named;
  const auto put = put_entry(places_, named);
  ASSERT_FALSE(put);
  EXPECT_NE(put.error().what.find("01-one.conf: it configures one plugin"), std::string::npos)
      << put.error().what;
  EXPECT_EQ(read(list()), kOthers);
}

TEST_F(Node, is_ready_with_files_and_entry) {
  write(list(), kOthers);
  EXPECT_FALSE(look_at_node(places_));
  ASSERT_TRUE(put_files(places_));
  fs::permissions(current() / "usr/local/bin/epaulet-cni", fs::perms(0755));
  EXPECT_FALSE(look_at_node(places_));
  std::string named;
  ASSERT_TRUE(put_entry(places_, named));
  EXPECT_TRUE(look_at_node(places_));
  write(list(), kOthers);
  const auto seen = look_at_node(places_);
  ASSERT_FALSE(seen);
  EXPECT_NE(seen.error().what.find("10-net.conflist does not name epaulet-cni"), std::string::npos);
  ASSERT_TRUE(put_entry(places_, named));
  take_files(places_);
  EXPECT_FALSE(look_at_node(places_));
  EXPECT_TRUE(fs::exists(places_.plugins / "epaulet-cni")) << "for pods that end later";
}

}  // namespace
}  // namespace epaulet::cni
