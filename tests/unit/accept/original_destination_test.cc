#include "accept/original_destination.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

namespace epaulet {
namespace {

SocketAddress at(std::string_view text) {
  return *SocketAddress::parse(text);
}

LoopGuard own() {
  LoopGuard guard(
      [](const IpAddress& address) { return address == *IpAddress::parse("10.1.0.5"); });
  guard.add(at("127.0.0.1:15001"));
  guard.add(at("0.0.0.0:15006"));
  return guard;
}

void expect_downstream_error(const Result<SocketAddress>& result, ErrorCode code) {
  ASSERT_TRUE(result.has_error());
  EXPECT_EQ(result.error().code, code);
  EXPECT_EQ(result.error().side, Side::downstream);
  EXPECT_EQ(result.error().stage, Stage::accept);
  EXPECT_EQ(result.error().retry, Retry::never);
}

TEST(Decide, gives_the_destination_of_a_redirected_connection) {
  const auto result = decide(at("10.2.0.7:80"), at("127.0.0.1:15001"), own());
  ASSERT_TRUE(result.has_value());
  EXPECT_EQ(*result, at("10.2.0.7:80"));
}

TEST(Decide, gives_a_virtual_address_and_an_own_application_port) {
  EXPECT_EQ(*decide(at("240.0.0.9:80"), at("127.0.0.1:15001"), own()), at("240.0.0.9:80"));
  EXPECT_EQ(*decide(at("10.1.0.5:8080"), at("10.1.0.5:15006"), own()), at("10.1.0.5:8080"));
}

TEST(Decide, refuses_a_connection_without_an_original_destination) {
  expect_downstream_error(decide(std::nullopt, at("127.0.0.1:15001"), own()),
                          ErrorCode::original_destination_missing);
}

TEST(Decide, refuses_a_connection_whose_original_destination_is_where_it_arrived) {
  // What the kernel says of a direct dial once any NAT rule exists.
  expect_downstream_error(decide(at("10.1.0.5:15006"), at("10.1.0.5:15006"), own()),
                          ErrorCode::original_destination_missing);
}

TEST(Decide, refuses_a_redirected_dial_of_one_of_our_own_listeners) {
  // A neighbour dials podIP:15006; the rule turns it to 15006 again through another address.
  expect_downstream_error(decide(at("10.1.0.5:15006"), at("127.0.0.1:15001"), own()),
                          ErrorCode::destination_is_ourselves);
  expect_downstream_error(decide(at("127.0.0.1:15001"), at("10.1.0.5:15006"), own()),
                          ErrorCode::destination_is_ourselves);
}

TEST(Decide, lets_the_same_port_of_another_pod_pass) {
  EXPECT_TRUE(decide(at("10.1.0.6:15006"), at("127.0.0.1:15001"), own()).has_value());
}

TEST(RequireHere, accepts_where_it_arrived_and_any_other_address_of_the_pod) {
  EXPECT_TRUE(require_here(at("10.1.0.9:8080"), at("10.1.0.9:15006"), own()).has_value());
  EXPECT_TRUE(require_here(at("10.1.0.5:8080"), at("10.1.0.9:15006"), own()).has_value());
}

TEST(RequireHere, refuses_what_was_sent_through_the_pod) {
  LoopGuard all_local([](const IpAddress&) { return true; });
  for (const auto* text : {"10.1.0.6:8080", "169.254.169.254:80", "240.0.0.9:80"}) {
    const auto here = require_here(at(text), at("10.1.0.5:15006"), own());
    ASSERT_TRUE(here.has_error()) << text;
    expect_downstream_error(here.error(), ErrorCode::destination_not_here);
  }
  for (const auto* text : {"127.0.0.1:8080", "[::1]:8080", "0.0.0.0:8080", "[::]:8080"}) {
    EXPECT_TRUE(require_here(at(text), at("10.1.0.5:15006"), all_local).has_error()) << text;
  }
}

TEST(OriginalDestination, is_missing_for_a_socket_without_addresses) {
  int pair[2];
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
  expect_downstream_error(original_destination(pair[0]), ErrorCode::original_destination_missing);
  ::close(pair[0]);
  ::close(pair[1]);
}

TEST(OriginalDestination, is_missing_for_a_closed_descriptor_and_says_why) {
  const auto result = original_destination(-1);
  expect_downstream_error(result, ErrorCode::original_destination_missing);
  EXPECT_EQ(result.error().detail, EBADF);
}

/// Whether or not this machine tracks connections: a direct dial has no original destination.
TEST(OriginalDestination, is_missing_for_a_connection_that_was_dialled_directly) {
  for (const auto* text : {"127.0.0.1:0", "[::1]:0"}) {
    sockaddr_storage storage;
    socklen_t length = at(text).to_sockaddr(storage);
    auto* const address = reinterpret_cast<sockaddr*>(&storage);
    const int listener = ::socket(storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (listener < 0 || ::bind(listener, address, length) != 0) {
      ::close(listener);
      continue;  // no IPv6 here; IPv4 is always tried
    }
    ASSERT_EQ(::listen(listener, 1), 0);
    length = sizeof storage;
    ASSERT_EQ(::getsockname(listener, address, &length), 0);
    const int client = ::socket(storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ASSERT_EQ(::connect(client, address, length), 0);
    const int accepted = ::accept(listener, nullptr, nullptr);
    ASSERT_GE(accepted, 0);
    expect_downstream_error(original_destination(accepted),
                            ErrorCode::original_destination_missing);
    for (const int fd : {accepted, client, listener}) ::close(fd);
  }
}

}  // namespace
}  // namespace epaulet
