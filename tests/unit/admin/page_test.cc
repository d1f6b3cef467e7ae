#include "admin/page.h"

#include <gtest/gtest.h>

#include <boost/json.hpp>

namespace epaulet::admin {
namespace {

TEST(QueryValue, finds_and_decodes_the_first_of_its_name) {
  EXPECT_EQ(query_value("id=abc", "id"), "abc");
  EXPECT_EQ(query_value("x=1&id=abc&id=def", "id"), "abc");
  EXPECT_EQ(query_value("id=a%2Bb%20c%3d", "id"), "a+b c=");
  EXPECT_EQ(query_value("id=a=b", "id"), "a=b");
}

TEST(QueryValue, is_empty_where_there_is_none) {
  for (const char* query :
       {"", "id", "idx=1", "x=id", "&", "=abc", "id=", "id=%", "id=%2", "id=%zz", "ID=abc"}) {
    EXPECT_EQ(query_value(query, "id"), "") << query;
  }
}

TEST(ErrorPage, is_json_whatever_the_message) {
  const auto page = error_page(404, "there is no \"page\"");
  EXPECT_EQ(page.status, 404);
  EXPECT_EQ(boost::json::parse(page.body).at("error").as_string(), "there is no \"page\"");
}

}  // namespace
}  // namespace epaulet::admin
