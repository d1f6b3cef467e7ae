#include "discovery/state_file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cerrno>

#include "base/limits.h"
#include "tests/unit/discovery/temporary_folder.h"

namespace epaulet::test {
namespace {

TEST(StateFile, a_missing_file_is_empty) {
  const TemporaryFolder folder;
  const auto text = read_state_file(folder / "none");
  ASSERT_TRUE(text);
  EXPECT_EQ(*text, "");
}

TEST(StateFile, gives_back_what_was_written_and_replaces_what_was_there) {
  const TemporaryFolder folder;
  ASSERT_TRUE(write_state_file(folder / "f", std::string(100'000, 'x')));
  ASSERT_TRUE(write_state_file(folder / "f", "short"));
  EXPECT_EQ(*read_state_file(folder / "f"), "short");
}

TEST(StateFile, makes_the_folder_and_keeps_others_out) {
  const TemporaryFolder folder;
  ASSERT_TRUE(write_state_file(folder / "state/f", "text"));
  struct stat about {};
  ASSERT_EQ(::stat((folder / "state").c_str(), &about), 0);
  EXPECT_EQ(about.st_mode & 0777, 0700u);
  ASSERT_EQ(::stat((folder / "state/f").c_str(), &about), 0);
  EXPECT_EQ(about.st_mode & 0777, 0600u);
}

TEST(StateFile, a_failed_write_leaves_the_old_text_and_no_remains) {
  const TemporaryFolder folder;
  ASSERT_TRUE(write_state_file(folder / "f", "old"));
  std::filesystem::create_directory(folder / "f.new");
  const auto written = write_state_file(folder / "f", "new");
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().code, ErrorCode::io_failed);
  EXPECT_EQ(written.error().detail, EISDIR);
  EXPECT_EQ(folder.read("f"), "old");
}

TEST(StateFile, says_why_a_folder_cannot_be_made) {
  const TemporaryFolder folder;
  folder.write("file", "");
  const auto written = write_state_file(folder / "file/f", "text");
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().detail, ENOTDIR);
}

TEST(StateFile, refuses_a_file_that_is_too_large) {
  const TemporaryFolder folder;
  folder.write("f", std::string(limits::kStateFileBytesMax + 1, 'x'));
  const auto text = read_state_file(folder / "f");
  ASSERT_FALSE(text);
  EXPECT_EQ(text.error().detail, EFBIG);
}

}  // namespace
}  // namespace epaulet::test
