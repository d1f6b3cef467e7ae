#include "http/http1/fault.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

namespace epaulet::http::http1 {
namespace {

TEST(Fault, every_one_has_a_sentence_and_a_section) {
  std::set<std::string_view> seen;
  for (int i = 1; i < static_cast<int>(Fault::count_); ++i) {
    const auto& description = describe_fault(static_cast<Fault>(i));
    EXPECT_GT(description.text.size(), 10U) << i;
    EXPECT_FALSE(description.text.ends_with('.')) << i;
    EXPECT_TRUE(description.section.starts_with("RFC ")) << i;
    EXPECT_TRUE(seen.insert(description.text).second) << "twice: " << description.text;
  }
}

TEST(Fault, rows_stand_at_their_faults) {
  // The table is positional: a fault inserted in one place only would shift all that follow.
  EXPECT_EQ(describe_fault(Fault::bare_cr).text, "a CR is not followed by LF");
  EXPECT_EQ(describe_fault(Fault::method).text, "the method is not a token");
  EXPECT_EQ(describe_fault(Fault::host_missing).text, "Host is missing");
  EXPECT_EQ(describe_fault(Fault::expectation).text,
            "Expect asks for something else than 100-continue");
  EXPECT_EQ(describe_fault(Fault::body_of_informational).text, "a 1xx response announces a body");
  EXPECT_EQ(describe_fault(Fault::trailer_too_large).text,
            "the trailer section is larger than allowed");
}

TEST(Fault, is_read_back_from_an_error) {
  EXPECT_EQ(fault_of(malformed(MessageKind::request, Fault::bare_lf)), Fault::bare_lf);
  EXPECT_EQ(fault_of(Error{ErrorCode::io_failed, Side::self, Stage::none, Retry::never, 9999}),
            Fault::none);
  EXPECT_EQ(fault_of(Error{ErrorCode::io_failed, Side::self, Stage::none, Retry::never, -1}),
            Fault::none);
}

}  // namespace
}  // namespace epaulet::http::http1
