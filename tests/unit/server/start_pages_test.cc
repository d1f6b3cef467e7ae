#include "server/start_pages.h"

#include <gtest/gtest.h>

#include <sstream>

namespace epaulet::server {
namespace {

bool traced_by(const std::string& status) {
  std::istringstream stream(status);
  return is_traced(stream);
}

TEST(StartPages, a_tracer_is_seen) {
  EXPECT_FALSE(traced_by("Name:\tepaulet\nTracerPid:\t0\nUid:\t0\n"));
  EXPECT_TRUE(traced_by("Name:\tepaulet\nTracerPid:\t100\nUid:\t0\n"));
  EXPECT_TRUE(traced_by("Name:\tepaulet\nTracerPid:\t7\n"));
}

TEST(StartPages, what_cannot_be_told_is_taken_for_traced) {
  EXPECT_TRUE(traced_by(""));
  EXPECT_TRUE(traced_by("Name:\tepaulet\n"));
}

}  // namespace
}  // namespace epaulet::server
