#include "route/header_edits.h"

#include <gtest/gtest.h>

#include "tests/support/test_request.h"

namespace epaulet {
namespace {

/// As a serializer sends them.
std::string sent(const http::RequestHead& head) {
  std::string out;
  for (const auto& field : head.fields) {
    if (!field.removed) out += field.line;
  }
  return out.append(head.added.lines());
}

TEST(HeaderEditsTest, set_add_and_remove_in_any_case_and_nothing_else) {
  HeaderModifierSettings settings;
  settings.set = {{"X-Tenant", "blue"}};
  settings.add = {{"Via", "epaulet"}};
  settings.remove = {"x-debug"};
  TestRequest request("/a?b=1", "GET", "h",
                      {{"Host", "h"},
                       {"x-tenant", "red"},
                       {"X-TENANT", "green"},
                       {"via", "one"},
                       {"X-Debug", "1"},
                       {"x-debugger", "1"},
                       {"Odd", "  spaced"}});
  HeaderEdits(settings).apply(request.head);
  EXPECT_EQ(sent(request.head),
            "Host: h\r\nvia: one\r\nx-debugger: 1\r\nOdd:   spaced\r\n"
            "X-Tenant: blue\r\nVia: epaulet\r\n");
}

TEST(HeaderEditsTest, what_we_added_before_is_replaced_too) {
  HeaderModifierSettings settings;
  settings.set = {{"Authorization", "Basic eDp5"}};
  settings.remove = {"traceparent"};
  TestRequest request;
  request.head.added.add("x-request-id", "7");
  request.head.added.add("authorization", "Bearer minted");
  request.head.added.add("Traceparent", "00-1");
  request.head.added.add("Transfer-Encoding", "chunked");
  HeaderEdits(settings).apply(request.head);
  EXPECT_EQ(request.head.added.lines(),
            "x-request-id: 7\r\nTransfer-Encoding: chunked\r\nAuthorization: Basic eDp5\r\n");
}

TEST(HeaderEditsTest, what_apps_take_for_the_same_name_is_replaced_too) {
  HeaderModifierSettings settings;
  settings.set = {{"x-tenant", "blue"}};
  settings.remove = {"x-debug"};
  TestRequest request("/", "GET", "h", {{"Host", "h"}, {"X_Tenant", "red"}, {"x_debug", "2"}});
  HeaderEdits(settings).apply(request.head);
  EXPECT_EQ(sent(request.head), "Host: h\r\nx-tenant: blue\r\n");
}

TEST(HeaderEditsTest, the_same_for_responses) {
  HeaderModifierSettings settings;
  settings.add = {{"vary", "x-tenant"}};
  const HeaderEdits edits(settings);
  http::ResponseHead head;
  edits.apply(head);
  EXPECT_EQ(head.added.lines(), "vary: x-tenant\r\n");
  EXPECT_EQ(edits.lines(), head.added.lines());
}

}  // namespace
}  // namespace epaulet
