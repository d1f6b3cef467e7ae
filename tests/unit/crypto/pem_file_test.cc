#include "crypto/pem_file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "base/limits.h"

namespace epaulet {
namespace {

namespace fs = std::filesystem;

class PemFileTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = (fs::temp_directory_path() / "epaulet-pem-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    folder_ = name;
  }
  void TearDown() override { fs::remove_all(folder_); }

  [[nodiscard]] std::string path(const char* name) const { return (folder_ / name).string(); }
  [[nodiscard]] std::size_t count() const {
    return static_cast<std::size_t>(
        std::distance(fs::directory_iterator(folder_), fs::directory_iterator()));
  }
  static mode_t mode_of(const std::string& path) {
    struct stat facts {};
    EXPECT_EQ(::stat(path.c_str(), &facts), 0);
    return facts.st_mode & 07777u;
  }

  fs::path folder_;
};

TEST_F(PemFileTest, a_set_is_written_with_its_modes_and_nothing_else_stays) {
  const auto old = ::umask(0);
  const auto written =
      write_pem_files({{path("key.pem"), "secret", 0600}, {path("cert.pem"), "public", 0644}}, {});
  ::umask(old);
  ASSERT_TRUE(written.has_value()) << written.error().what;
  EXPECT_EQ(mode_of(path("key.pem")), 0600u);
  EXPECT_EQ(mode_of(path("cert.pem")), 0644u);
  EXPECT_EQ(*read_pem_file(path("key.pem")), "secret");
  EXPECT_EQ(count(), 2u);
}

TEST_F(PemFileTest, an_existing_file_refuses_the_whole_set) {
  std::ofstream(path("cert.pem")) << "old";
  const auto written =
      write_pem_files({{path("key.pem"), "new", 0600}, {path("cert.pem"), "new", 0644}}, {});
  ASSERT_FALSE(written.has_value());
  EXPECT_EQ(written.error().what, path("cert.pem") + " exists already");
  EXPECT_NE(written.error().remedy.find("--force"), std::string::npos);
  EXPECT_EQ(*read_pem_file(path("cert.pem")), "old");
  EXPECT_EQ(count(), 1u);
}

TEST_F(PemFileTest, overwriting_replaces_the_file_and_its_mode) {
  std::ofstream(path("key.pem")) << "old";
  ASSERT_TRUE(write_pem_files({{path("key.pem"), "new", 0600}}, {.overwrite = true}).has_value());
  EXPECT_EQ(*read_pem_file(path("key.pem")), "new");
  EXPECT_EQ(mode_of(path("key.pem")), 0600u);
}

TEST_F(PemFileTest, a_link_is_replaced_and_not_followed) {
  std::ofstream(path("victim")) << "untouched";
  fs::create_symlink(path("victim"), path("key.pem"));
  EXPECT_FALSE(write_pem_files({{path("key.pem"), "new", 0600}}, {}).has_value());
  ASSERT_TRUE(write_pem_files({{path("key.pem"), "new", 0600}}, {.overwrite = true}).has_value());
  EXPECT_EQ(*read_pem_file(path("victim")), "untouched");
  EXPECT_FALSE(fs::is_symlink(path("key.pem")));
}

TEST_F(PemFileTest, a_failure_leaves_nothing_behind) {
  const auto written =
      write_pem_files({{path("a.pem"), "a", 0644}, {path("missing/b.pem"), "b", 0644}}, {});
  ASSERT_FALSE(written.has_value());
  EXPECT_NE(written.error().what.find("missing/b.pem cannot be written"), std::string::npos);
  EXPECT_EQ(count(), 0u);
}

TEST_F(PemFileTest, what_cannot_be_read_is_named) {
  EXPECT_NE(read_pem_file(path("absent")).error().what.find("does not exist"), std::string::npos);
  EXPECT_NE(read_pem_file(folder_.string()).error().what.find("not a regular file"),
            std::string::npos);
  ASSERT_EQ(::mkfifo(path("pipe").c_str(), 0600), 0);
  EXPECT_NE(read_pem_file(path("pipe")).error().what.find("not a regular file"), std::string::npos);
  std::ofstream(path("large")) << std::string(limits::kPemBytesMax + 1, 'x');
  EXPECT_NE(read_pem_file(path("large")).error().what.find("is larger than"), std::string::npos);
}

TEST_F(PemFileTest, an_owner_that_cannot_be_given_is_a_refusal) {
  const bool is_root = ::geteuid() == 0;
  const auto written = write_pem_files({{path("key.pem"), "k", 0600}}, {.owner = 1337});
  EXPECT_EQ(written.has_value(), is_root);
  if (is_root) {
    struct stat facts {};
    ASSERT_EQ(::stat(path("key.pem").c_str(), &facts), 0);
    EXPECT_EQ(facts.st_uid, 1337u);
  } else {
    EXPECT_EQ(count(), 0u);
  }
}

}  // namespace
}  // namespace epaulet
