#include "http/http1/trailers.h"

#include <gtest/gtest.h>

namespace epaulet::http::http1 {
namespace {

bool passes(std::string_view name) {
  Field field;
  field.name = name;
  field.id = field_id(name);
  return may_be_trailer(field);
}

TEST(Trailers, metadata_about_the_content_passes) {
  for (const std::string_view name :
       {"Digest", "Content-MD5", "ETag", "Server-Timing", "grpc-status", "grpc-message",
        "Authentication-Info", "X-Checksum", "traceparent", "Iffy", "Forwarded-By"}) {
    EXPECT_TRUE(passes(name)) << name;
  }
}

TEST(Trailers, what_a_head_must_say_does_not) {
  // RFC 9110 section 6.5.1. That every name is refused in a body is in chunked_test.cc.
  for (const std::string_view name :
       {"If-Unmodified-Since", "IF-", "x-forwarded-proto", "SET-COOKIE", "Host",
        "Transfer-Encoding", "X_Epaulet_Roles"}) {
    EXPECT_FALSE(passes(name)) << name;
  }
}

TEST(Trailers, an_underscore_hides_no_name) {
  // RFC 3875 section 4.1.18: CGI-like servers read "_" as "-".
  for (const std::string_view name :
       {"Content_Length", "transfer_encoding", "Proxy_Authorization", "X_REQUEST_ID", "set_cookie",
        "X_Forwarded-For", "if_match"}) {
    EXPECT_FALSE(passes(name)) << name;
  }
  for (const std::string_view name : {"server_timing", "_", "content_length_", "iffy_"}) {
    EXPECT_TRUE(passes(name)) << name;
  }
}

}  // namespace
}  // namespace epaulet::http::http1
