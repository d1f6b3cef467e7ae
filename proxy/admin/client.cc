#include "admin/client.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <array>
#include <cerrno>
#include <cstdio>

#include "base/char_class.h"
#include "http/http1/head_parser.h"
#include "io/tcp.h"

namespace epaulet::admin {
namespace {

Error failed(ErrorCode code, Stage stage, int detail = 0) {
  return {code, Side::upstream, stage, Retry::never, detail};
}

Error from_errno(Stage stage, int error) {
  // A connect that runs into SO_SNDTIMEO says EINPROGRESS (socket(7)).
  if (error == EAGAIN || error == EINPROGRESS) return failed(ErrorCode::attempt_timeout, stage);
  if (stage != Stage::connect) return failed(ErrorCode::io_failed, stage, error);
  const bool refused = error == ECONNREFUSED;
  return failed(refused ? ErrorCode::connect_refused : ErrorCode::connect_failed, stage, error);
}

void set_patience(int socket, std::chrono::milliseconds patience) {
  timeval time{};
  time.tv_sec = patience.count() / 1000;
  time.tv_usec = patience.count() % 1000 * 1000;
  (void)::setsockopt(socket, SOL_SOCKET, SO_SNDTIMEO, &time, sizeof time);
  (void)::setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &time, sizeof time);
}

Result<void> send_all(int socket, std::string_view text) {
  while (!text.empty()) {
    const ssize_t sent = ::send(socket, text.data(), text.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0) return from_errno(Stage::send, errno);
    text.remove_prefix(static_cast<std::size_t>(sent));
  }
  return {};
}

Result<std::string> receive_all(int socket) {
  std::string bytes;
  std::array<char, 16 * limits::kKiB> buffer;
  for (;;) {
    const ssize_t got = ::recv(socket, buffer.data(), buffer.size(), 0);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return from_errno(Stage::receive, errno);
    if (got == 0) return bytes;
    bytes.append(buffer.data(), static_cast<std::size_t>(got));
    if (bytes.size() > limits::kAdminAnswerBytesMax) {
      return failed(ErrorCode::response_malformed, Stage::receive);
    }
  }
}

}  // namespace

Result<AdminAnswer> parse_admin_answer(std::string_view bytes) {
  std::size_t scanned = 0;
  const auto end =
      http::http1::find_head_end(as_bytes(bytes), {}, scanned, http::http1::MessageKind::response);
  if (!end) return end.error();
  if (!*end) return failed(ErrorCode::response_truncated, Stage::receive);
  http::ResponseHead head;
  const auto parsed = http::http1::parse_response_head(as_bytes(bytes.substr(0, **end)), {},
                                                       http::Method::get, head);
  if (!parsed) return parsed.error();
  const auto body = bytes.substr(**end);
  switch (head.framing.kind) {
    case http::Framing::Kind::none:
    case http::Framing::Kind::until_close:
      break;
    case http::Framing::Kind::length:
      if (body.size() < head.framing.length) {
        return failed(ErrorCode::response_truncated, Stage::receive);
      }
      return AdminAnswer{head.status, std::string(body.substr(0, head.framing.length))};
    case http::Framing::Kind::chunked:  // Not what our server sends: somebody else listens there.
      return failed(ErrorCode::response_malformed, Stage::receive);
  }
  return AdminAnswer{head.status, std::string(body)};
}

Result<AdminAnswer> admin_get_on(int socket, std::string_view host, std::string_view target,
                                 std::chrono::milliseconds patience) {
  set_patience(socket, patience);
  std::string request("GET ");
  request.append(target).append(" HTTP/1.1\r\nHost: ").append(host);
  request.append("\r\nConnection: close\r\n\r\n");
  const auto sent = send_all(socket, request);
  if (!sent) return sent.error();
  const auto bytes = receive_all(socket);
  if (!bytes) return bytes.error();
  return parse_admin_answer(*bytes);
}

std::optional<SocketAddress> address_or_complaint(const std::string& text) {
  auto address = SocketAddress::parse(text);
  if (address) return *address;
  std::fprintf(stderr,
               "epaulet: --admin %s is not an address with a port, such as 127.0.0.1:15000\n",
               text.c_str());
  return std::nullopt;
}

Result<AdminAnswer> admin_get(const SocketAddress& address, std::string_view target,
                              std::chrono::milliseconds patience) {
  sockaddr_storage storage{};
  const unsigned length = address.to_sockaddr(storage);
  const OwnedFd socket(::socket(storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!socket.valid()) return from_errno(Stage::connect, errno);
  set_patience(socket.get(), patience);
  if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&storage), length) != 0) {
    return from_errno(Stage::connect, errno);
  }
  return admin_get_on(socket.get(), address.to_string(), target, patience);
}

std::string percent_encoded(std::string_view text) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    // kHost is exactly the set of unreserved characters.
    if (char_class::is(c, char_class::kHost)) {
      out += c;
    } else {
      out += '%';
      out += kDigits[byte >> 4];
      out += kDigits[byte & 0xf];
    }
  }
  return out;
}

}  // namespace epaulet::admin
