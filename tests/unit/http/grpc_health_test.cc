#include "http/grpc_health.h"

#include <gtest/gtest.h>

namespace epaulet::http {
namespace {

using namespace std::string_literals;

TEST(GrpcHealth, the_request_is_what_grpcs_own_library_writes) {
  EXPECT_EQ(grpc_health_request(""), "\0\0\0\0\0"s);
  EXPECT_EQ(grpc_health_request("a.B"), "\0\0\0\0\5\x0a\3a.B"s);
  const std::string longer(300, 'x');
  EXPECT_EQ(grpc_health_request(longer), "\0\0\0\x01\x2f\x0a\xac\x02"s + longer);
}

TEST(GrpcHealth, answers_are_read) {
  EXPECT_EQ(grpc_health_answer("\0\0\0\0\2\x08\1"s), ServingStatus::serving);
  EXPECT_EQ(grpc_health_answer("\0\0\0\0\2\x08\2"s), ServingStatus::not_serving);
  EXPECT_EQ(grpc_health_answer("\0\0\0\0\2\x08\3"s), ServingStatus::service_unknown);
  EXPECT_EQ(grpc_health_answer("\0\0\0\0\0"s), ServingStatus::unknown);
  EXPECT_EQ(grpc_health_answer("\0\0\0\0\3\x08\xff\x01"s), ServingStatus::unknown);
  // The last one counts, and what we do not know is passed over.
  EXPECT_EQ(grpc_health_answer("\0\0\0\0\4\x08\2\x08\1"s), ServingStatus::serving);
  EXPECT_EQ(grpc_health_answer("\0\0\0\0\7\x12\3abc\x08\1"s), ServingStatus::serving);
  EXPECT_EQ(grpc_health_answer("\0\0\0\0\x07\x1d\1\2\3\4\x08\1"s), ServingStatus::serving);
}

TEST(GrpcHealth, what_is_no_answer_is_none) {
  for (const auto& body :
       {""s, "\0\0\0\0"s, "\1\0\0\0\2\x08\1"s, "\0\0\0\0\3\x08\1"s, "\0\0\0\0\1\x08\1"s,
        "\0\0\0\0\1\x08"s, "\0\0\0\0\2\x08\x80"s, "\0\0\0\0\2\x12\5"s, "\0\0\0\0\1\x0b"s,
        "\0\0\0\0\2\0\0"s, "\0\0\0\0\2\x1d\1"s,
        "\0\0\0\0\x0c\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"s}) {
    EXPECT_FALSE(grpc_health_answer(body)) << body.size();
  }
}

}  // namespace
}  // namespace epaulet::http
