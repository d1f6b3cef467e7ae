#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "base/assert.h"
#include "dns/address_answer.h"
#include "dns/answers.h"
#include "dns/codec.h"
#include "dns/srv_answer.h"

// Any octets, as a query from an app and as an answer from upstream. What could be read is written
// and read again; whatever is sent stays within what the client takes and can be read.
namespace {

using namespace epaulet;

DnsViewPtr make_view() {
  Settings settings;
  settings.workload.service = "api.default";
  settings.services["api2.default"].name = "api2.default";
  settings.services["api2.default"].ports = {{80, PortProtocol::http}};
  const IpNetwork v4 = *IpNetwork::parse("240.0.0.0/4");
  const IpNetwork v6 = *IpNetwork::parse("fd00:e9a0::/32");
  const VirtualAddress address{"api2.default", *IpAddress::parse("240.1.2.3"),
                               IpAddress::parse("fd00:e9a0::1")};
  return make_dns_view(settings,
                       std::make_shared<VirtualAddressTable>(v4, v6, std::vector{address}),
                       {"corp.example"});
}

void check_round_trip(std::span<const std::byte> bytes) {
  const auto message = read_dns_message(bytes);
  if (!message) return;
  constexpr std::size_t kNoLimit =
      1 << 24;  // Names once compressed in unknown ways may become longer.
  const auto again = read_dns_message(write_dns_message(*message, kNoLimit));
  EPAULET_ASSERT(again && *again == *message);
}

void check_reply(const DnsReply& reply, std::size_t limit) {
  EPAULET_ASSERT(reply.bytes.size() <= limit);
  EPAULET_ASSERT(read_dns_message(reply.bytes));
}

void check_query(const DnsView& view, std::span<const std::byte> bytes, bool over_tcp) {
  const auto decision = read_query(view, bytes, over_tcp);
  switch (decision.next) {
    case DnsDecision::Next::drop:
      return;
    case DnsDecision::Next::reply:
      return check_reply(decision.reply, 65535);
    case DnsDecision::Next::service:
      check_reply(answer_service(view, *decision.query, *decision.service),
                  decision.query->answer_bytes_max);
      check_reply(answer_not_deployed(view, *decision.query, *decision.service),
                  decision.query->answer_bytes_max);
      return;
    case DnsDecision::Next::forward: {
      const Error error(ErrorCode::dns_failed, Side::upstream, Stage::dns);
      check_reply(answer_failure(*decision.query, DnsResult::forward_failed, error),
                  decision.query->answer_bytes_max);
      EPAULET_ASSERT(read_dns_message(upstream_query(*decision.query, bytes)));
      return;
    }
  }
}

void check_answer(const DnsView& view, std::span<const std::byte> bytes) {
  DnsMessage question;
  question.questions.push_back({*DomainName::from_text("example.com"), RecordType::a, kClassIn});
  for (const bool with_edns : {false, true}) {
    if (with_edns) question.edns = Edns{1232, 0, true, {}};
    const auto decision = read_query(view, write_dns_message(question, 512), false);
    check_reply(answer_forwarded(view, *decision.query, bytes), decision.query->answer_bytes_max);
  }
  DnsMessage in_cluster;
  in_cluster.questions.push_back(
      {*DomainName::from_text("a.cluster.local"), RecordType::a, kClassIn});
  const auto decision = read_query(view, write_dns_message(in_cluster, 512), false);
  if (const auto alias = find_service_alias(view, *decision.query, bytes)) {
    check_reply(answer_service_alias(view, *decision.query, *alias),
                decision.query->answer_bytes_max);
  }
  (void)read_address_answer(bytes, question.questions[0].name, RecordType::a);
  (void)read_srv_answer(bytes, question.questions[0].name);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const DnsViewPtr view = make_view();
  if (size > 65535) return 0;
  const auto bytes = std::as_bytes(std::span(data, size));
  check_round_trip(bytes);
  check_query(*view, bytes, false);
  check_query(*view, bytes, true);
  check_answer(*view, bytes);
  return 0;
}
