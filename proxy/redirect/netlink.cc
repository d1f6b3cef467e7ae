#include "redirect/netlink.h"

#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace epaulet::redirect {
namespace {

constexpr std::size_t kReplyBytes = 32 * 1024;  // the kernel's largest dump part
constexpr std::size_t kRepliesMax = 4096;       // routes of a pod; more is not a pod

constexpr std::size_t aligned(std::size_t size) {
  return (size + 3) & ~std::size_t{3};
}

}  // namespace

NetlinkRequest::NetlinkRequest(std::uint16_t type, std::uint16_t flags) {
  nlmsghdr header{};
  header.nlmsg_type = type;
  header.nlmsg_flags = static_cast<std::uint16_t>(NLM_F_REQUEST | flags);
  append(&header, sizeof header);
}

void NetlinkRequest::append(const void* bytes, std::size_t size) {
  const auto* const first = static_cast<const std::uint8_t*>(bytes);
  bytes_.insert(bytes_.end(), first, first + size);
  bytes_.resize(aligned(bytes_.size()));
}

void NetlinkRequest::put_bytes(std::uint16_t attribute, std::span<const std::uint8_t> bytes) {
  nlattr header{};
  header.nla_type = attribute;
  header.nla_len = static_cast<std::uint16_t>(sizeof header + bytes.size());
  append(&header, sizeof header);
  append(bytes.data(), bytes.size());
}

void NetlinkRequest::put_text(std::uint16_t attribute, std::string_view text) {
  std::vector<std::uint8_t> bytes(text.begin(), text.end());
  bytes.push_back(0);
  put_bytes(attribute, bytes);
}

std::size_t NetlinkRequest::begin(std::uint16_t attribute) {
  const auto begun = bytes_.size();
  put_bytes(static_cast<std::uint16_t>(attribute | NLA_F_NESTED), {});
  return begun;
}

void NetlinkRequest::end(std::size_t begun) {
  const auto length = static_cast<std::uint16_t>(bytes_.size() - begun);
  std::memcpy(bytes_.data() + begun + offsetof(nlattr, nla_len), &length, sizeof length);
}

std::span<const std::uint8_t> NetlinkRequest::finish(std::uint32_t sequence) {
  nlmsghdr header;
  std::memcpy(&header, bytes_.data(), sizeof header);
  header.nlmsg_len = static_cast<std::uint32_t>(bytes_.size());
  header.nlmsg_seq = sequence;
  std::memcpy(bytes_.data(), &header, sizeof header);
  return bytes_;
}

std::optional<std::span<const std::uint8_t>> find_attribute(
    std::span<const std::uint8_t> attributes, std::uint16_t wanted) {
  while (attributes.size() >= sizeof(nlattr)) {
    nlattr header;
    std::memcpy(&header, attributes.data(), sizeof header);
    if (header.nla_len < sizeof header || header.nla_len > attributes.size()) return std::nullopt;
    if ((header.nla_type & NLA_TYPE_MASK) == wanted) {
      return attributes.subspan(sizeof header, header.nla_len - sizeof header);
    }
    attributes = attributes.subspan(std::min(aligned(header.nla_len), attributes.size()));
  }
  return std::nullopt;
}

NetlinkSocket::NetlinkSocket(int protocol)
    : fd_(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol)) {
  if (fd_ < 0) {
    error_ = errno;
    return;
  }
  // The kernel answers in the same call; this only bounds a kernel that does not.
  const timeval patience{2, 0};
  ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
}

NetlinkSocket::~NetlinkSocket() {
  if (fd_ >= 0) ::close(fd_);
}

int NetlinkSocket::ask(NetlinkRequest& request, std::vector<NetlinkReply>* replies) {
  const auto message = request.finish(++sequence_);
  if (::send(fd_, message.data(), message.size(), 0) < 0) return errno;
  std::vector<std::uint8_t> buffer(kReplyBytes);
  for (;;) {
    const auto count = ::recv(fd_, buffer.data(), buffer.size(), 0);
    if (count < 0) return errno;
    std::span<const std::uint8_t> rest(buffer.data(), static_cast<std::size_t>(count));
    while (rest.size() >= sizeof(nlmsghdr)) {
      nlmsghdr header;
      std::memcpy(&header, rest.data(), sizeof header);
      if (header.nlmsg_len < sizeof header || header.nlmsg_len > rest.size()) return EBADMSG;
      const auto payload = rest.subspan(sizeof header, header.nlmsg_len - sizeof header);
      rest = rest.subspan(std::min(aligned(header.nlmsg_len), rest.size()));
      if (header.nlmsg_seq != sequence_) continue;  // of an earlier question
      if (header.nlmsg_type == NLMSG_ERROR || header.nlmsg_type == NLMSG_DONE) {
        std::int32_t code = 0;
        if (payload.size() >= sizeof code) std::memcpy(&code, payload.data(), sizeof code);
        return -code;
      }
      if (replies != nullptr && replies->size() < kRepliesMax) {
        replies->push_back({header.nlmsg_type, {payload.begin(), payload.end()}});
      }
    }
  }
}

}  // namespace epaulet::redirect
