#include "redirect/netlink.h"

#include <gtest/gtest.h>

#include <cstring>

namespace epaulet::redirect {
namespace {

using Bytes = std::vector<std::uint8_t>;

nlmsghdr header_of(std::span<const std::uint8_t> message) {
  nlmsghdr header;
  std::memcpy(&header, message.data(), sizeof header);
  return header;
}

TEST(NetlinkRequest, fills_in_its_length_and_pads_every_attribute) {
  NetlinkRequest request(7, NLM_F_ACK, std::uint32_t{0x01020304});
  request.put_text(5, "lo");
  request.put(6, std::uint8_t{9});
  const auto message = request.finish(3);
  EXPECT_EQ(message.size(), sizeof(nlmsghdr) + 4 + (4 + 4) + (4 + 4));
  const auto header = header_of(message);
  EXPECT_EQ(header.nlmsg_len, message.size());
  EXPECT_EQ(header.nlmsg_type, 7);
  EXPECT_EQ(header.nlmsg_seq, 3u);
  EXPECT_EQ(header.nlmsg_flags, NLM_F_REQUEST | NLM_F_ACK);
}

TEST(NetlinkRequest, lets_find_attribute_read_what_it_nested) {
  NetlinkRequest request(1, 0);
  const auto outer = request.begin(10);
  request.put(11, std::uint16_t{0x0102});
  const auto inner = request.begin(12);
  request.put_text(13, "veth");
  request.end(inner);
  request.end(outer);
  request.put(14, std::uint32_t{5});
  const auto attributes = request.finish(1).subspan(sizeof(nlmsghdr));
  const auto found_outer = find_attribute(attributes, 10);
  ASSERT_TRUE(found_outer);
  const auto found_inner = find_attribute(*found_outer, 12);
  ASSERT_TRUE(found_inner);
  const auto text = find_attribute(*found_inner, 13);
  ASSERT_TRUE(text);
  EXPECT_EQ(Bytes(text->begin(), text->end()), (Bytes{'v', 'e', 't', 'h', 0}));
  EXPECT_FALSE(find_attribute(*found_outer, 14));
  EXPECT_TRUE(find_attribute(attributes, 14));
}

TEST(FindAttribute, is_not_fooled_by_lengths_that_lie) {
  EXPECT_FALSE(find_attribute({}, 1));
  EXPECT_FALSE(find_attribute(Bytes{4, 0, 1}, 1));           // shorter than a header
  EXPECT_FALSE(find_attribute(Bytes{0, 0, 1, 0, 0, 0}, 1));  // a length of zero would never end
  EXPECT_FALSE(find_attribute(Bytes{9, 0, 1, 0, 0, 0}, 1));  // longer than what is there
  EXPECT_FALSE(find_attribute(Bytes{5, 0, 1, 0, 7}, 2));     // the last one, unpadded, is another
  const Bytes last{5, 0, 1, 0, 7};
  ASSERT_TRUE(find_attribute(last, 1));
  EXPECT_EQ(find_attribute(last, 1)->size(), 1u);
}

}  // namespace
}  // namespace epaulet::redirect
