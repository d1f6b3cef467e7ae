#include "http/grpc.h"

#include <gtest/gtest.h>

namespace epaulet::http {
namespace {

using namespace std::chrono_literals;

RequestHead with(std::string_view name, std::string_view value) {
  RequestHead head;
  head.fields.push_back({name, value, {}, field_id(name), false});
  return head;
}

TEST(Grpc, is_known_by_its_content_type) {
  for (const auto* type : {"application/grpc", "application/grpc+proto", "Application/GRPC;x=y"}) {
    EXPECT_TRUE(is_grpc(with("content-type", type))) << type;
  }
  for (const auto* type : {"application/grpc-web", "application/json", "application/grp", ""}) {
    EXPECT_FALSE(is_grpc(with("content-type", type))) << type;
  }
  EXPECT_FALSE(is_grpc(RequestHead()));
}

TEST(Grpc, reads_timeouts_with_every_unit) {
  const auto timeout = [](std::string_view text) {
    return grpc_timeout(with("grpc-timeout", text));
  };
  EXPECT_EQ(timeout("1H"), 1h);
  EXPECT_EQ(timeout("2M"), 2min);
  EXPECT_EQ(timeout("3S"), 3s);
  EXPECT_EQ(timeout("100m"), 100ms);
  EXPECT_EQ(timeout("5u"), 5us);
  EXPECT_EQ(timeout("99999999n"), 99999999ns);
  EXPECT_EQ(timeout("0n"), 0ns);
  EXPECT_EQ(timeout("99999999H"), 24h);
  EXPECT_EQ(timeout("99999999M"), 24h);
  for (const auto* text : {"", "m", "1", "1s", "-1S", "-0S", "+1S", "1.5S", "123456789m", "1 S"}) {
    EXPECT_FALSE(timeout(text)) << text;
  }
}

TEST(Grpc, reads_the_status_of_a_head_that_is_all) {
  const auto status = [](std::string_view text) {
    ResponseHead head;
    head.fields.push_back({"grpc-status", text, {}, field_id("grpc-status"), false});
    return grpc_status(head);
  };
  EXPECT_EQ(status("0"), 0);
  EXPECT_EQ(status("14"), 14);
  EXPECT_EQ(status("16"), 16);
  for (const auto* text : {"", "17", "256", "-1", "14 ", "unavailable"}) {
    EXPECT_EQ(status(text), 2) << text;
  }
  EXPECT_FALSE(grpc_status(ResponseHead()));
}

TEST(Grpc, reads_the_status_of_trailers) {
  EXPECT_EQ(grpc_status("grpc-message: no\r\ngrpc-status: 5\r\n"), 5);
  EXPECT_EQ(grpc_status("Grpc-Status:0\r\nx: y\r\n"), 0);
  EXPECT_EQ(grpc_status("grpc-status: x\r\n"), 2);
  EXPECT_EQ(grpc_status("grpc-status: 5"), 5);
  for (const auto* text : {"", "\r\n", "x-grpc-status: 5\r\n", "grpc-status\r\n"}) {
    EXPECT_FALSE(grpc_status(std::string_view(text))) << text;
  }
}

TEST(Grpc, encodes_messages) {
  EXPECT_EQ(grpc_message("plain text"), "plain text");
  EXPECT_EQ(grpc_message("100% \n\xc3\xa9"), "100%25 %0A%C3%A9");
}

}  // namespace
}  // namespace epaulet::http
