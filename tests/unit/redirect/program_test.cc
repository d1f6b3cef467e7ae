#include "redirect/program.h"

#include <gtest/gtest.h>

namespace epaulet::redirect {
namespace {

TEST(RunProgram, gives_the_input_and_takes_both_streams) {
  const auto end = run_program({"sh", "-c", "cat; echo and this >&2"}, "through\n", "dash");
  ASSERT_TRUE(end.has_value());
  EXPECT_EQ(end->status, 0);
  EXPECT_EQ(end->output, "through\nand this\n");
}

TEST(RunProgram, passes_arguments_as_they_are) {
  const auto end = run_program({"printf", "%s|", "a b", "$HOME", ";x", ""}, "", "coreutils");
  ASSERT_TRUE(end.has_value());
  EXPECT_EQ(end->output, "a b|$HOME|;x||");
}

TEST(RunProgram, tells_how_it_ended) {
  EXPECT_EQ(run_program({"sh", "-c", "exit 7"}, "", "dash")->status, 7);
  EXPECT_EQ(run_program({"sh", "-c", "kill -9 $$"}, "", "dash")->status, 128 + 9);
}

TEST(RunProgram, does_not_hang_on_input_that_nobody_reads) {
  const std::string much(1 << 20, 'x');
  EXPECT_EQ(run_program({"true"}, much, "coreutils")->status, 0);
}

TEST(RunProgram, bounds_what_it_keeps_and_still_reads_to_the_end) {
  const auto end = run_program({"sh", "-c", "head -c 3000000 /dev/zero; exit 3"}, "", "dash");
  ASSERT_TRUE(end.has_value());
  EXPECT_EQ(end->status, 3);
  EXPECT_EQ(end->output.size(), kProgramOutputBytesMax);
}

TEST(ProgramEnd, gives_its_reason_in_one_line) {
  EXPECT_EQ((ProgramEnd{1, "first\n\n  second \n"}).reason(), "first | second");
  EXPECT_EQ((ProgramEnd{1, " \n"}).reason(), "no reason given");
}

TEST(RunProgram, names_the_package_of_a_program_that_is_not_there) {
  const auto end = run_program({"no-such-program-here"}, "", "some-package");
  ASSERT_TRUE(end.has_error());
  EXPECT_NE(end.error().what.find("no-such-program-here"), std::string::npos);
  EXPECT_EQ(end.error().remedy, "apt-get install some-package");
}

}  // namespace
}  // namespace epaulet::redirect
