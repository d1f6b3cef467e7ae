#include "http/hop_by_hop.h"

#include <gtest/gtest.h>

namespace epaulet::http {
namespace {

/// A head with these fields, each "Name: value".
RequestHead head_with(std::initializer_list<std::string_view> lines) {
  RequestHead head;
  for (const auto line : lines) {
    Field field;
    field.name = line.substr(0, line.find(':'));
    field.value = line.substr(line.find(':') + 2);
    field.line = line;
    field.id = field_id(field.name);
    head.fields.push_back(field);
  }
  return head;
}

std::vector<std::string_view> kept(const RequestHead& head) {
  std::vector<std::string_view> lines;
  for (const Field& field : head.fields) {
    if (!field.removed) lines.push_back(field.line);
  }
  return lines;
}

using Lines = std::vector<std::string_view>;

TEST(HopByHop, removes_what_belongs_to_one_connection) {
  // RFC 9110 section 7.6.1, whether it is nominated or not.
  auto head = head_with({"Host: a", "Connection: close", "Keep-Alive: timeout=5",
                         "Proxy-Connection: keep-alive", "TE: gzip", "Upgrade: h2c", "X: y"});
  remove_hop_by_hop(head);
  EXPECT_EQ(kept(head), (Lines{"Host: a", "X: y"}));
  EXPECT_EQ(head.added.lines(), "");
}

TEST(HopByHop, removes_what_any_connection_field_nominates) {
  auto head = head_with({"Foo: 1", "Connection: close, FOO", "bar: 2", "Foo: 3",
                         "connection: ,Bar , baz", "Food: 4"});
  remove_hop_by_hop(head);
  EXPECT_EQ(kept(head), (Lines{"Food: 4"}));
}

TEST(HopByHop, follows_nominations_of_a_connection_field_that_was_removed_before) {
  // Somebody before us hid Connection; what it nominated is still of one connection only.
  auto head = head_with({"Connection: foo", "Foo: 1"});
  head.remove(FieldId::connection);
  remove_hop_by_hop(head);
  EXPECT_EQ(kept(head), Lines{});
}

TEST(HopByHop, keeps_what_is_meant_for_the_application) {
  const auto lines = {"Transfer-Encoding: chunked",   "Trailer: X",
                      "Proxy-Authorization: Basic x", "Proxy-Authenticate: Basic",
                      "Authorization: Bearer x",      "Content-Length: 5",
                      "Expect: 100-continue"};
  RequestHead head;
  for (const std::string_view line : lines) {
    Field field;
    field.name = line.substr(0, line.find(':'));
    field.line = line;
    field.id = field_id(field.name);
    head.fields.push_back(field);
  }
  remove_hop_by_hop(head);
  EXPECT_EQ(kept(head), Lines(lines.begin(), lines.end()));
}

TEST(HopByHop, keeps_te_trailers_and_nominates_it_anew) {
  auto head = head_with({"TE: Trailers", "Connection: TE, close"});
  remove_hop_by_hop(head);
  EXPECT_EQ(kept(head), (Lines{"TE: Trailers"}));
  EXPECT_EQ(head.added.lines(), "Connection: TE\r\n");
  for (const std::string_view value :
       {"TE: trailers, gzip", "TE: gzip", "TE: ", "TE: trailers;q=1"}) {
    auto other = head_with({value});
    remove_hop_by_hop(other);
    EXPECT_EQ(kept(other), Lines{}) << value;
    EXPECT_EQ(other.added.lines(), "") << value;
  }
}

TEST(HopByHop, hands_an_upgrade_on_only_if_told) {
  auto refused = head_with({"Connection: Upgrade", "Upgrade: websocket"});
  remove_hop_by_hop(refused);
  EXPECT_EQ(kept(refused), Lines{});
  auto handed = head_with({"Connection: keep-alive, Upgrade, HTTP2-Settings", "upGRADE: websocket",
                           "HTTP2-Settings: x"});
  remove_hop_by_hop(handed, Upgrading::yes);
  EXPECT_EQ(kept(handed), (Lines{"upGRADE: websocket"}));
  EXPECT_EQ(handed.added.lines(), "Connection: Upgrade\r\n");
  auto both = head_with({"Connection: upgrade, te", "Upgrade: websocket", "TE: trailers"});
  remove_hop_by_hop(both, Upgrading::yes);
  EXPECT_EQ(both.added.lines(), "Connection: Upgrade, TE\r\n");
}

TEST(HopByHop, adds_no_connection_for_an_upgrade_that_is_not_there) {
  auto head = head_with({"Connection: upgrade"});
  remove_hop_by_hop(head, Upgrading::yes);
  EXPECT_EQ(kept(head), Lines{});
  EXPECT_EQ(head.added.lines(), "");
}

TEST(HopByHop, done_twice_is_done_once) {
  auto head = head_with({"Connection: foo", "Foo: 1", "TE: trailers"});
  remove_hop_by_hop(head);
  const auto first = kept(head);
  head.added.clear();
  remove_hop_by_hop(head);
  EXPECT_EQ(kept(head), first);
}

}  // namespace
}  // namespace epaulet::http
