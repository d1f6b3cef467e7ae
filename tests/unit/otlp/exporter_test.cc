#include "otlp/exporter.h"

#include <gtest/gtest.h>

#include <boost/json.hpp>

#include "io/accept.h"
#include "io/ops.h"
#include "io/reader.h"
#include "support/memory_network.h"
#include "support/sim_loop.h"
#include "telemetry/span_record.h"

namespace epaulet::otlp {
namespace {

using namespace std::chrono_literals;
using test::SimLoop;

/// Says whatever the test wants it to say.
class Collector {
 public:
  Collector(SimLoop& loop, test::MemoryNetwork& network, const char* address) : scope_(loop) {
    listener_ = network.listen(loop, *SocketAddress::parse(address));
    loop.spawn(accept(*this));
  }
  ~Collector() { scope_.cancel({ErrorCode::cancelled, Side::self, Stage::shutdown}); }

  std::string answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}";
  bool is_silent = false;
  bool reads_nothing = false;
  std::vector<std::string> heads;
  std::vector<std::string> bodies;

  [[nodiscard]] std::size_t spans_in_last() const {
    const auto root = boost::json::parse(bodies.back());
    return root.at("resourceSpans").at(0).at("scopeSpans").at(0).at("spans").as_array().size();
  }

 private:
  static Task<void> accept(Collector& self) {
    for (;;) {
      auto stream = co_await Accept(*self.listener_, self.scope_);
      if (!stream) co_return;
      self.scope_.loop().spawn(serve(self, std::move(*stream)));
    }
  }
  static std::size_t length_in(const std::string& head) {
    return std::stoul(head.substr(head.find("Content-Length: ") + 16));
  }
  static Task<void> serve(Collector& self, StreamPtr stream) {
    StreamReader reader(*stream);
    std::string text;
    std::size_t end = std::string::npos;
    if (self.reads_nothing) {
      const std::array<ConstBytes, 1> early{as_bytes(self.answer)};
      (void)co_await write_all(*stream, early, self.scope_, true);
      (void)co_await sleep_until(self.scope_, self.scope_.loop().now() + 1h);
      co_return;
    }
    while (end == text.npos || text.size() < end + 4 + length_in(text.substr(0, end))) {
      const auto filled = co_await reader.fill(self.scope_);
      if (!filled || *filled == 0) co_return;
      const auto bytes = reader.buffered();
      text.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
      reader.consume(bytes.size());
      end = text.find("\r\n\r\n");
    }
    self.heads.push_back(text.substr(0, end));
    self.bodies.push_back(text.substr(end + 4));
    if (self.is_silent) {
      (void)co_await sleep_until(self.scope_, self.scope_.loop().now() + 1h);
      co_return;
    }
    const std::array<ConstBytes, 1> pieces{as_bytes(self.answer)};
    (void)co_await write_all(*stream, pieces, self.scope_, true);
  }

  Scope scope_;
  std::unique_ptr<Listener> listener_;
};

class NoNames final : public Resolver {
 public:
  Task<Result<Addresses>> resolve(std::string, Scope&) override {
    co_return Error(ErrorCode::dns_failed, Side::self, Stage::resolve);
  }
  Task<Result<ServiceEndpoints>> resolve_service(std::string, Scope&) override {
    co_return Error(ErrorCode::dns_failed, Side::self, Stage::resolve);
  }
};

class ExporterTest : public testing::Test {
 protected:
  ExporterTest() {
    settings_.url = "http://10.0.0.1:4318";
    Exporter::Listener listener;
    listener.on_failure = [this](const Exporter::Failure& failure) {
      failures_.emplace_back(failure.why);
      EXPECT_EQ(failure.collector, "10.0.0.1:4318");
      is_kept_ = failure.may_send_again;
    };
    listener.on_recovery = [this](std::string_view) { ++recoveries_; };
    exporter_ = std::make_unique<Exporter>(loop_, std::move(listener));
    ring_ = &exporter_->add_ring();
    exporter_->apply(settings_, {"api", "api-0", "1"});
    exporter_->start({names_, *dialer_});
  }
  ~ExporterTest() override {
    exporter_.reset();
    collector_.reset();
    other_.reset();
    loop_.run_until_quiet();
    loop_.end_tasks();
  }

  void make_spans(int count) {
    const telemetry::SpanPlace place;
    telemetry::SpanDetails details{place, {}, {}, {}};
    details.path = "/orders";
    telemetry::ExchangeRecord record;
    record.reset(loop_.now());
    record.end = loop_.now();
    record.trace_id.fill('1');
    record.span_id.fill('2');
    for (int i = 0; i < count; ++i) {
      const telemetry::PackedSpan packed(details, record, loop_.wall_now());
      EXPECT_TRUE(ring_->push(packed.view()));
    }
  }
  [[nodiscard]] std::uint64_t requests(SendResult result) const {
    return exporter_->status().requests[static_cast<std::size_t>(result)];
  }
  [[nodiscard]] std::uint64_t dropped(Drop why) const {
    return exporter_->status().dropped[static_cast<std::size_t>(why)];
  }
  void flush(std::chrono::nanoseconds patience) {
    loop_.spawn(flush_within(*this, patience));
    loop_.run_until_quiet();
  }
  static Task<void> flush_within(ExporterTest& self, std::chrono::nanoseconds patience) {
    Scope scope(self.root_);
    scope.set_deadline(self.loop_.now() + patience,
                       {ErrorCode::drain_timeout, Side::self, Stage::shutdown});
    co_await self.exporter_->flush(scope);
    self.flushed_ = true;
  }

  SimLoop loop_;
  Scope root_{loop_};
  test::MemoryNetwork network_{Random(3)};
  std::unique_ptr<Dialer> dialer_ = network_.dialer(loop_, *IpAddress::parse("10.0.0.2"));
  NoNames names_;
  std::unique_ptr<Collector> collector_ =
      std::make_unique<Collector>(loop_, network_, "10.0.0.1:4318");
  std::unique_ptr<Collector> other_;
  OtlpSettings settings_;
  std::unique_ptr<Exporter> exporter_;
  telemetry::LogRing* ring_ = nullptr;
  std::vector<std::string> failures_;
  bool is_kept_ = false;  ///< Of the last failure.
  int recoveries_ = 0;
  bool flushed_ = false;
};

TEST_F(ExporterTest, spans_go_in_one_post_after_an_interval) {
  make_spans(3);
  loop_.advance(4s);
  EXPECT_TRUE(collector_->heads.empty());
  loop_.advance(2s);
  ASSERT_EQ(collector_->heads.size(), 1u);
  EXPECT_TRUE(
      collector_->heads[0].starts_with("POST /v1/traces HTTP/1.1\r\nHost: 10.0.0.1:4318\r\n"
                                       "Content-Type: application/json\r\n"))
      << collector_->heads[0];
  EXPECT_EQ(collector_->spans_in_last(), 3u);
  EXPECT_EQ(exporter_->status().sent, 3u);
  EXPECT_EQ(recoveries_, 1);
  loop_.advance(1h);
  EXPECT_EQ(collector_->heads.size(), 1u) << "nothing to say, nothing said";
}

TEST_F(ExporterTest, a_ring_that_has_gone_round_loses_nothing) {
  for (int i = 0; i < 100; ++i) {
    make_spans(50);
    loop_.advance(200ms);
  }
  loop_.advance(10s);
  EXPECT_EQ(exporter_->status().sent, 5000u);
}

TEST_F(ExporterTest, who_is_busy_is_asked_again_and_no_sooner_than_it_says) {
  collector_->answer = "HTTP/1.1 503 Busy\r\nRetry-After: 20\r\nContent-Length: 0\r\n\r\n";
  make_spans(1);
  loop_.advance(6s);
  loop_.advance(18s);
  EXPECT_EQ(collector_->heads.size(), 1u);
  collector_->answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}";
  loop_.advance(3s);
  EXPECT_EQ(collector_->heads.size(), 2u);
  EXPECT_EQ(collector_->bodies[0], collector_->bodies[1]);
  EXPECT_EQ(exporter_->status().sent, 1u);
  EXPECT_EQ(requests(SendResult::busy), 1u);
  EXPECT_EQ(failures_.size(), 1u);
  EXPECT_TRUE(exporter_->status().last_error.empty());
}

TEST_F(ExporterTest, what_is_refused_is_not_sent_again) {
  collector_->answer = "HTTP/1.1 400 Bad\r\nContent-Length: 0\r\n\r\n";
  make_spans(2);
  loop_.advance(1min);
  EXPECT_EQ(collector_->heads.size(), 1u);
  EXPECT_EQ(dropped(Drop::refused), 2u);
  ASSERT_EQ(failures_.size(), 1u);
  EXPECT_NE(failures_[0].find("answered 400"), std::string::npos);
  EXPECT_FALSE(is_kept_);
}

TEST_F(ExporterTest, who_answers_before_it_has_read_is_heard) {
  collector_->reads_nothing = true;
  collector_->answer = "HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n";
  make_spans(200);
  loop_.advance(6s);
  EXPECT_EQ(requests(SendResult::refused), 1u);
  EXPECT_EQ(dropped(Drop::refused), 200u);
  EXPECT_EQ(requests(SendResult::unreachable), 0u);
}

TEST_F(ExporterTest, full_batches_do_not_wait_for_each_other) {
  for (int i = 0; i < 10; ++i) {
    make_spans(512);
    loop_.advance(100ms);
  }
  loop_.advance(200ms);
  EXPECT_EQ(exporter_->status().sent, 5120u);
  EXPECT_EQ(dropped(Drop::queue_full), 0u);
}

TEST_F(ExporterTest, what_is_applied_after_a_flush_began_changes_nothing) {
  make_spans(300);
  collector_->is_silent = true;
  flush(3s);
  exporter_->apply(std::nullopt, {});
  EXPECT_TRUE(exporter_->status().configured);
  loop_.advance(4s);
  EXPECT_TRUE(flushed_);
  EXPECT_EQ(dropped(Drop::shutdown), 300u);
}

TEST_F(ExporterTest, what_came_after_the_end_of_settings_is_not_sent_under_the_next) {
  exporter_->apply(std::nullopt, {});
  make_spans(1);
  exporter_->apply(settings_, {"api", "api-0", "1"});
  make_spans(2);
  loop_.advance(6s);
  EXPECT_EQ(exporter_->status().sent, 2u);
}

TEST_F(ExporterTest, a_collector_that_is_away_costs_what_does_not_fit) {
  collector_.reset();
  settings_.queue = 100;
  exporter_->apply(settings_, {"api", "api-0", "1"});
  for (int i = 0; i < 10; ++i) {
    make_spans(20);
    loop_.advance(1s);
  }
  EXPECT_EQ(exporter_->status().waiting, 100u);
  EXPECT_EQ(dropped(Drop::queue_full), 100u);
  EXPECT_GE(requests(SendResult::unreachable), 2u);
  EXPECT_EQ(failures_.size(), 1u) << "told once";
  collector_ = std::make_unique<Collector>(loop_, network_, "10.0.0.1:4318");
  loop_.advance(1min);
  EXPECT_EQ(exporter_->status().sent, 100u);
  EXPECT_EQ(recoveries_, 1);
}

TEST_F(ExporterTest, rings_are_emptied_while_a_collector_says_nothing) {
  collector_->is_silent = true;
  make_spans(1);
  loop_.advance(6s);
  for (int i = 0; i < 80; ++i) {
    make_spans(20);  // More than a ring holds.
    loop_.advance(100ms);
  }
  EXPECT_GT(exporter_->status().waiting, 1500u);
}

TEST_F(ExporterTest, a_part_that_is_not_wanted_is_counted) {
  const std::string body = R"({"partialSuccess":{"rejectedSpans":"1","errorMessage":"old"}})";
  collector_->answer =
      "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
  make_spans(3);
  loop_.advance(6s);
  EXPECT_EQ(exporter_->status().sent, 2u);
  EXPECT_EQ(dropped(Drop::refused), 1u);
  ASSERT_EQ(failures_.size(), 1u);
  EXPECT_NE(failures_[0].find("did not want 1 spans: old"), std::string::npos) << failures_[0];
  EXPECT_FALSE(is_kept_);
  make_spans(1);
  loop_.advance(6s);
  EXPECT_EQ(failures_.size(), 1u) << "told once";
  collector_->answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}";
  make_spans(1);
  loop_.advance(6s);
  EXPECT_EQ(recoveries_, 1);
}

TEST_F(ExporterTest, a_reload_sends_what_waits_to_the_new_collector) {
  other_ = std::make_unique<Collector>(loop_, network_, "10.0.0.3:80");
  collector_->is_silent = true;
  make_spans(2);
  loop_.advance(6s);
  ASSERT_EQ(collector_->heads.size(), 1u);
  make_spans(1);
  settings_.url = "http://10.0.0.3/custom?x=1";
  exporter_->apply(settings_, {"api", "api-0", "1"});
  loop_.advance(10s);
  ASSERT_EQ(other_->heads.size(), 2u) << "what was on its way, then the rest";
  EXPECT_TRUE(other_->heads[0].starts_with("POST /custom?x=1 HTTP/1.1\r\n")) << other_->heads[0];
  EXPECT_EQ(exporter_->status().sent, 3u);
  exporter_->apply(std::nullopt, {});
  make_spans(1);
  loop_.advance(10s);
  EXPECT_EQ(other_->heads.size(), 2u);
  EXPECT_FALSE(exporter_->status().configured);
}

TEST_F(ExporterTest, a_flush_sends_what_there_is_at_once) {
  make_spans(300);
  flush(3s);
  EXPECT_TRUE(flushed_);
  EXPECT_EQ(collector_->heads.size(), 2u);
  EXPECT_EQ(exporter_->status().sent, 300u);
}

TEST_F(ExporterTest, a_flush_waits_for_nobody_beyond_its_time) {
  collector_->is_silent = true;
  make_spans(3);
  flush(3s);
  EXPECT_FALSE(flushed_);
  loop_.advance(4s);
  EXPECT_TRUE(flushed_);
  EXPECT_EQ(dropped(Drop::shutdown), 3u);
}

TEST(OtlpHeaders, are_read_line_by_line) {
  const auto read =
      parse_header_lines("# for the vendor\nX-Api-Key:  abc def \r\n\n x-team: a:b\n", "f");
  ASSERT_TRUE(read);
  EXPECT_EQ(*read, "X-Api-Key: abc def\r\nx-team: a:b\r\n");
  EXPECT_TRUE(parse_header_lines("", "f"));
}

TEST(OtlpHeaders, what_is_none_is_refused_without_its_value) {
  for (const std::string_view bad :
       {"secret", "x y: secret", "x: ", ": secret", "Content-Length: secret", "host: secret",
        "x: secret\x01", "a: b\nx: \xc3\xa4secret"}) {
    const auto read = parse_header_lines(bad, "file");
    ASSERT_FALSE(read) << bad;
    EXPECT_EQ(read.error().to_string().find("secret"), std::string::npos) << bad;
    EXPECT_TRUE(read.error().what.starts_with("file:")) << read.error().what;
  }
}

}  // namespace
}  // namespace epaulet::otlp
