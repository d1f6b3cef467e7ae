#pragma once

#include <functional>
#include <list>
#include <map>
#include <string>
#include <utility>

#include "dns/upstream.h"
#include "tests/unit/dns/bytes.h"

namespace epaulet::test {

/// Upstream servers that say what a test wrote down; silent about anything else until told.
class FakeUpstream final : public UpstreamDns {
 public:
  explicit FakeUpstream(Loop& loop) : loop_(loop) {}

  SocketAddress own;
  std::size_t asked = 0;
  DnsBytes last_query;

  /// Answers of this name and type; the id is set to the query's.
  void answer(const std::string& name, RecordType type, DnsMessage response) {
    answers_.insert_or_assign({name, type}, std::move(response));
  }
  void answer(const std::string& name, RecordType type, Rcode rcode) {
    answer(name, type, response_message(name, type, rcode));
  }
  void fail_all(const Error& error) {
    for (auto& waiting : waiting_) waiting.complete(loop_, error);
    waiting_.clear();
  }
  /// Exchanges that are still wanted and have no answer.
  [[nodiscard]] std::size_t waiting() const {
    std::size_t count = 0;
    for (const auto& link : waiting_) count += link.is_wanted() ? 1 : 0;
    return count;
  }

  void start_exchange(ExchangeOp& op) override {
    ++asked;
    last_query = op.query;
    auto& link = waiting_.emplace_back();
    link.attach(op);
    const auto query = read_dns_message(op.query);
    if (!query || query->questions.empty()) return;
    const auto found = answers_.find({query->questions[0].name.key(), query->questions[0].type});
    if (found == answers_.end()) return;
    auto response = found->second;
    response.header.id = query->header.id;
    link.complete(loop_, write_dns_message(response, 65535));
    waiting_.pop_back();
  }
  bool is_own_socket(const SocketAddress& from) const override { return from == own; }

 private:
  Loop& loop_;
  std::map<std::pair<std::string, RecordType>, DnsMessage> answers_;
  std::list<ExchangeOp::Link> waiting_;
};

}  // namespace epaulet::test
