#include <charconv>
#include <string>
#include <string_view>
#include <vector>

#include "admin/surfaces.h"
#include "base/assert.h"
#include "base/limits.h"
#include "http/http1/head_parser.h"
#include "io/block.h"
#include "runtime/frame_pool.h"
#include "support/admin_network.h"

// A whole connection to the admin port. The first byte of an input says in what pieces the rest
// arrives, and whether the client leaves behind them or stays and is silent.

namespace {

using namespace epaulet;

constexpr unsigned kLeaves = 0x80;

admin::AdminSources sources() {
  admin::AdminSources from;
  from.config = [] { return std::string(3 * limits::kBlockBytes, 'c'); };
  from.services = from.endpoints = from.certs = from.issuers = from.explain = [] { return "{}"; };
  from.explain_one = [](std::string_view id) -> std::optional<std::string> {
    if (id.size() > 8) return std::nullopt;
    return "{}";
  };
  from.readiness = [] { return admin::Readiness{true, {}}; };
  return from;
}

/// The methods of the requests in a row that must be answered: up to the first that is none, or
/// behind which nothing is read.
std::vector<http::Method> asked(ConstBytes input) {
  http::http1::HeadLimits bounds;
  bounds.bytes = limits::kAdminHeadBytesMax;
  std::vector<http::Method> methods;
  http::RequestHead head;
  for (;;) {
    std::size_t scanned = 0;
    const auto end = http::http1::find_head_end(input, bounds, scanned);
    if (!end || !*end) return methods;
    if (!http::http1::parse_request_head(input.first(**end), bounds, head)) return methods;
    methods.push_back(head.method);
    if (!head.keep_alive || head.framing.kind != http::Framing::Kind::none) return methods;
    input = input.subspan(**end);
  }
}

std::size_t length_of(std::string_view head) {
  constexpr std::string_view kName = "\r\nContent-Length: ";
  const auto begin = head.find(kName);
  EPAULET_ASSERT(begin != head.npos);
  const auto text = head.substr(begin + kName.size());
  std::size_t length = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), length);
  EPAULET_ASSERT(parsed.ec == std::errc{});
  return length;
}

/// How many answers stand in `text`, and nothing beside them.
std::size_t count_answers(std::string_view text, const std::vector<http::Method>& methods) {
  std::size_t count = 0;
  while (!text.empty()) {
    EPAULET_ASSERT(text.starts_with("HTTP/1.1 ") && text.size() > 12 && text[12] == ' ');
    const auto end = text.find("\r\n\r\n");
    EPAULET_ASSERT(end != text.npos);
    const auto head = text.substr(0, end + 2);
    text.remove_prefix(end + 4);
    const bool is_refusal = count >= methods.size();  // of what may have begun with HEAD
    const bool without_body = is_refusal ? text.empty() : methods[count] == http::Method::head;
    if (!without_body) {
      EPAULET_ASSERT(text.size() >= length_of(head));
      text.remove_prefix(length_of(head));
    }
    ++count;
    const bool is_last = head.find("\r\nConnection: close\r\n") != head.npos;
    EPAULET_ASSERT(is_last ? text.empty() : !is_refusal);
  }
  return count;
}

void run(unsigned how, ConstBytes input) {
  admin::AdminNetwork network;
  network.serve(admin::admin_surface(sources()));
  const auto client = network.connect();
  const std::size_t piece = how % kLeaves + 1;
  for (std::size_t begin = 0; begin < input.size() && !client->closed(); begin += piece) {
    client->write(
        std::string(as_text(input.subspan(begin).first(std::min(piece, input.size() - begin)))));
  }
  if ((how & kLeaves) != 0) {
    client->leave();
    network.loop.run_until_quiet();
    return;
  }
  network.loop.advance(limits::kAdminHeadTime + limits::kAdminIdle + limits::kAdminSendTime);
  EPAULET_ASSERT(client->closed());  // Whoever is silent has ended.
  EPAULET_ASSERT(network.server->connections() == 0);
  const auto methods = asked(input);
  const auto answers = count_answers(client->take(), methods);
  EPAULET_ASSERT(answers == methods.size() || answers == methods.size() + 1);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const auto frames = FramePool::in_use();
  const auto blocks = Block::in_use();
  run(data[0], std::as_bytes(std::span(data, size).subspan(1)));
  EPAULET_ASSERT(FramePool::in_use() == frames && Block::in_use() == blocks);
  return 0;
}
