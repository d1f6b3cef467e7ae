#include "jwks/remote_keys.h"

#include <gtest/gtest.h>

#include "base/limits.h"
#include "discovery/state_file.h"
#include "io/accept.h"
#include "io/ops.h"
#include "io/reader.h"
#include "support/memory_network.h"
#include "support/sim_loop.h"
#include "support/test_token.h"
#include "tests/unit/discovery/temporary_folder.h"

namespace epaulet::jwks {
namespace {

using namespace std::chrono_literals;
using test::SimLoop;

const TestKey& first_key() {
  static const TestKey key;
  return key;
}
const TestKey& second_key() {
  static const TestKey key;
  return key;
}

std::string ok(const std::string& body, const std::string& fields = "") {
  return "HTTP/1.1 200 OK\r\n" + fields + "Content-Length: " + std::to_string(body.size()) +
         "\r\n\r\n" + body;
}

/// Says whatever the test wants it to say, to anybody.
class Issuer {
 public:
  Issuer(SimLoop& loop, test::MemoryNetwork& network) : scope_(loop) {
    listener_ = network.listen(loop, *SocketAddress::parse("10.0.0.1:80"));
    loop.spawn(accept(*this));
  }
  ~Issuer() { scope_.cancel({ErrorCode::cancelled, Side::self, Stage::shutdown}); }

  std::string answer;
  bool is_silent = false;
  int asked = 0;
  std::string last_request;

 private:
  static Task<void> accept(Issuer& self) {
    for (;;) {
      auto stream = co_await Accept(*self.listener_, self.scope_);
      if (!stream) co_return;
      self.scope_.loop().spawn(serve(self, std::move(*stream)));
    }
  }
  static Task<void> serve(Issuer& self, StreamPtr stream) {
    StreamReader reader(*stream);
    std::string request;
    while (request.find("\r\n\r\n") == request.npos) {
      const auto filled = co_await reader.fill(self.scope_);
      if (!filled || *filled == 0) co_return;
      const auto bytes = reader.buffered();
      request.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
      reader.consume(bytes.size());
    }
    ++self.asked;
    self.last_request = request;
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

/// Of one name; most URLs here have an address.
class Names final : public Resolver {
 public:
  std::vector<IpAddress> addresses;

  Task<Result<Addresses>> resolve(std::string, Scope&) override {
    if (addresses.empty()) co_return Error(ErrorCode::dns_failed, Side::self, Stage::resolve);
    Addresses found;
    found.addresses = addresses;
    co_return found;
  }
  Task<Result<ServiceEndpoints>> resolve_service(std::string, Scope&) override {
    co_return Error(ErrorCode::dns_failed, Side::self, Stage::resolve);
  }
};

class RemoteKeysTest : public testing::Test {
 protected:
  RemoteKeysTest() {
    IssuerSettings& portal = issuers_["portal"];
    portal.name = "portal";
    portal.issuer = "https://portal.example";
    portal.algorithms = {JwtAlgorithm::rs256};
    portal.keys_url = "http://10.0.0.1/keys?tenant=1";
    portal.keys_plaintext = true;
    issuer_->answer = ok(first_key().jwks());
  }
  ~RemoteKeysTest() override {
    keys_.reset();
    issuer_.reset();
    loop_.run_until_quiet();
    loop_.end_tasks();
  }

  void start() {
    RemoteKeys::Listener listener;
    listener.on_keys = [this] { ++changes_; };
    listener.on_skipped = [this](const std::string&, const std::string& text) {
      skipped_.push_back(text);
    };
    listener.on_failure = [this](const IssuerStatus& status) {
      failures_.push_back(status.last_error);
    };
    listener.on_recovery = [this](const IssuerStatus&) { ++recoveries_; };
    listener.on_recall = [this](const IssuerStatus& status) { recalled_ += status.keys; };
    listener.on_storage = [this](const std::optional<Error>& error) { storage_ = error; };
    keys_ = std::make_unique<RemoteKeys>(loop_, std::move(listener));
    keys_->apply(issuers_, state_dir_, loop_.wall_now());
    keys_->start({names_, *dialer_});
    loop_.run_until_quiet();
  }
  [[nodiscard]] IssuerStatus status() const { return keys_->status().at(0); }
  [[nodiscard]] std::uint64_t count(FetchResult result) const {
    return status().fetches[static_cast<std::size_t>(result)];
  }
  [[nodiscard]] CallerKeys known() const {
    CallerKeys keys;
    keys_->add_to(keys);
    return keys;
  }
  [[nodiscard]] bool has_key(const std::string& id) const {
    const auto keys = known();
    const auto found = keys.issuers.find("portal");
    return found != keys.issuers.end() && found->second->find(id) != nullptr;
  }
  void demand() {
    known().demands.at("portal")->raise();
    loop_.run_until_quiet();
  }
  /// What comes instead of keys changes nothing, and says why.
  void expect_refused(const std::string& answer, FetchResult result, std::string_view why) {
    issuer_->answer = answer;
    const auto before = count(result);
    loop_.advance(6min);
    EXPECT_GT(count(result), before) << why;
    EXPECT_NE(status().last_error.find(why), std::string::npos) << status().last_error;
    EXPECT_TRUE(has_key("k1")) << "the last good keys stay";
    issuer_->answer = ok(first_key().jwks());
    loop_.advance(2min);
    EXPECT_TRUE(status().last_error.empty()) << status().last_error;
  }

  SimLoop loop_;
  test::MemoryNetwork network_{Random(3)};
  std::unique_ptr<Dialer> dialer_ = network_.dialer(loop_, *IpAddress::parse("10.0.0.2"));
  Names names_;
  std::unique_ptr<Issuer> issuer_ = std::make_unique<Issuer>(loop_, network_);
  std::map<std::string, IssuerSettings> issuers_;
  std::string state_dir_;  ///< "": nothing is remembered.
  std::size_t recalled_ = 0;
  std::optional<Error> storage_;
  std::unique_ptr<RemoteKeys> keys_;
  int changes_ = 0;
  int recoveries_ = 0;
  std::vector<std::string> failures_;
  std::vector<std::string> skipped_;
};

TEST_F(RemoteKeysTest, keys_come_by_one_plain_get) {
  start();
  EXPECT_TRUE(has_key("k1"));
  EXPECT_EQ(changes_, 1);
  EXPECT_EQ(recoveries_, 1);
  EXPECT_FALSE(status().is_first_attempt);
  EXPECT_EQ(status().keys, 1u);
  EXPECT_EQ(issuer_->last_request,
            "GET /keys?tenant=1 HTTP/1.1\r\nHost: 10.0.0.1\r\n"
            "Accept: application/jwk-set+json, application/json\r\nUser-Agent: epaulet\r\n"
            "Connection: close\r\n\r\n");
}

TEST_F(RemoteKeysTest, a_set_is_fetched_again_when_it_has_aged_and_only_a_change_is_news) {
  start();
  loop_.advance(4min);
  EXPECT_EQ(issuer_->asked, 1);
  loop_.advance(1min);
  EXPECT_EQ(issuer_->asked, 2);
  EXPECT_EQ(changes_, 1);
  // The same key, written otherwise.
  issuer_->answer = ok("{ \"keys\" : [" + first_key().jwk(R"(,"use":"sig","kid":"k1")") + "] }");
  loop_.advance(5min);
  EXPECT_EQ(issuer_->asked, 3);
  EXPECT_EQ(changes_, 1);
  issuer_->answer = ok(second_key().jwks());
  loop_.advance(5min);
  EXPECT_EQ(changes_, 2) << "another key under the same id";
  EXPECT_EQ(recoveries_, 1) << "that is no news of the issuer";
}

TEST_F(RemoteKeysTest, max_age_makes_it_sooner) {
  issuer_->answer = ok(first_key().jwks(), "Cache-Control: public, max-age=90\r\n");
  start();
  loop_.advance(91s);
  EXPECT_EQ(issuer_->asked, 2);
}

TEST_F(RemoteKeysTest, who_forbids_to_keep_keys_is_asked_once_a_minute) {
  issuer_->answer = ok(first_key().jwks(), "Cache-Control: no-store, no-cache\r\n");
  start();
  loop_.advance(10min);
  EXPECT_LE(issuer_->asked, 1 + 11);
  EXPECT_GE(issuer_->asked, 1 + 10);
}

TEST_F(RemoteKeysTest, an_unknown_key_is_fetched_at_once) {
  start();
  loop_.advance(1min);
  issuer_->answer = ok(second_key().jwks(R"(,"kid":"k2")"));
  demand();
  EXPECT_TRUE(has_key("k2"));
  EXPECT_FALSE(has_key("k1")) << "who is taken out of the set is out";
  EXPECT_EQ(issuer_->asked, 2);
}

TEST_F(RemoteKeysTest, a_storm_of_unknown_keys_costs_the_issuer_one_fetch_in_ten_seconds) {
  start();
  loop_.advance(1min);
  for (int i = 0; i < 600; ++i) {
    demand();
    loop_.advance(100ms);
  }
  EXPECT_LE(issuer_->asked, 1 + 7);
  EXPECT_GE(issuer_->asked, 1 + 6);
}

TEST_F(RemoteKeysTest, while_the_issuer_is_away_the_last_keys_stay_and_it_is_told_once) {
  start();
  const auto listening = std::move(issuer_);
  network_.set_silent(*SocketAddress::parse("10.0.0.1:80"), true);
  loop_.advance(2h);
  EXPECT_TRUE(has_key("k1"));
  EXPECT_EQ(failures_.size(), 1u);
  EXPECT_GT(count(FetchResult::unreachable), 50u);
  EXPECT_LT(count(FetchResult::unreachable), 130u) << "it backs off to once a minute";
  EXPECT_EQ(recoveries_, 1);
  network_.set_silent(*SocketAddress::parse("10.0.0.1:80"), false);
  loop_.advance(2min);
  EXPECT_EQ(recoveries_, 2);
  EXPECT_TRUE(status().last_error.empty());
  EXPECT_EQ(changes_, 1);
}

/// The next process, in the same pod.
class RememberedKeysTest : public RemoteKeysTest {
 protected:
  RememberedKeysTest() { state_dir_ = folder_.path(); }
  void restart() {
    keys_.reset();
    recalled_ = 0;
    start();
  }
  void vanish() { issuer_->answer = "HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n"; }

  test::TemporaryFolder folder_;
};

TEST_F(RememberedKeysTest, after_a_restart_the_last_keys_stay_while_the_issuer_is_away) {
  start();
  EXPECT_EQ(recalled_, 0U);
  vanish();
  loop_.advance(1min);
  restart();
  EXPECT_EQ(recalled_, 1U);
  EXPECT_TRUE(has_key("k1"));
  EXPECT_FALSE(status().last_error.empty());
  EXPECT_LT(status().fetched_at, loop_.wall_now());
  issuer_->answer = ok(second_key().jwks(R"(,"kid":"k2")"));
  loop_.advance(2min);
  EXPECT_TRUE(has_key("k2"));
  EXPECT_FALSE(has_key("k1"));
  vanish();
  restart();
  EXPECT_TRUE(has_key("k2"));
  EXPECT_FALSE(has_key("k1"));
}

TEST_F(RememberedKeysTest, what_nobody_has_confirmed_for_a_day_does_not_come_back) {
  start();
  keys_.reset();
  vanish();
  loop_.advance(KeyMemory::kKept + 1min);
  restart();
  EXPECT_EQ(recalled_, 0U);
  EXPECT_FALSE(has_key("k1"));
}

TEST_F(RememberedKeysTest, what_is_fetched_again_is_confirmed) {
  start();
  loop_.advance(KeyMemory::kKept + 1min);
  vanish();
  restart();
  EXPECT_TRUE(has_key("k1"));
}

TEST_F(RememberedKeysTest, keys_of_another_place_are_not_this_issuers) {
  start();
  vanish();
  issuers_["portal"].keys_url = "http://10.0.0.1/others";
  restart();
  EXPECT_FALSE(has_key("k1"));
}

TEST_F(RememberedKeysTest, a_secret_is_not_written) {
  issuers_["portal"].algorithms = {JwtAlgorithm::hs256};
  issuer_->answer = ok(R"({"keys":[{"kty":"oct","kid":"s","k":")" + std::string(64, 'A') + "\"}]}");
  start();
  EXPECT_EQ(status().keys, 1U) << status().last_error;
  vanish();
  restart();
  EXPECT_EQ(recalled_, 0U);
  EXPECT_EQ(status().keys, 0U);
}

TEST_F(RememberedKeysTest, a_file_that_is_not_ours_is_said_and_replaced) {
  for (const std::string_view text :
       {"{", "[]", R"({"version":2,"issuers":{}})", R"({"version":1,"issuers":{"portal":{}}})",
        R"({"version":1,"issuers":{"portal":{"url":1,"fetched_at":0,"keys":""}}})"}) {
    ASSERT_TRUE(write_state_file(folder_.path() + "/issuer_keys.json", text));
    storage_.reset();
    keys_.reset();
    RemoteKeys::Listener listener;
    listener.on_storage = [this](const std::optional<Error>& error) { storage_ = error; };
    RemoteKeys(loop_, std::move(listener)).apply(issuers_, state_dir_, loop_.wall_now());
    ASSERT_TRUE(storage_.has_value()) << text;
    EXPECT_EQ(storage_->code, ErrorCode::config_invalid) << text;
  }
  start();
  EXPECT_FALSE(storage_.has_value());
  vanish();
  restart();
  EXPECT_TRUE(has_key("k1"));
}

TEST_F(RemoteKeysTest, what_is_no_key_set_changes_nothing) {
  start();
  using enum FetchResult;
  expect_refused(ok("<html>"), unusable, "is no JSON object");
  expect_refused(ok("{}"), unusable, "has no list `keys`");
  expect_refused(ok(R"({"keys":[]})"), unusable, "has no usable key");
  expect_refused(ok(R"({"keys":[{"kty":"oct","k":"c2VjcmV0"}]})"), unusable, "kty is not RSA");
  expect_refused(ok(first_key().jwks().substr(0, 80)), unusable, "is no JSON object");
  expect_refused(ok(std::string(limits::kJwksBytesMax + 1, ' ')), unusable, "sends more than");
  expect_refused(ok(first_key().jwks(), "Content-Encoding: gzip\r\n"), unusable, "encoding");
  expect_refused("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", refused, "answered 404");
  expect_refused("HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n", refused, "answered 500");
  expect_refused(
      "HTTP/1.1 302 Found\r\nLocation: http://10.0.0.3/keys\r\nContent-Length: 0\r\n\r\n", refused,
      "redirects are not followed");
  expect_refused("garbage\r\n\r\n", unreachable, "cannot be reached");
  expect_refused("HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n{", unreachable,
                 "cannot be reached");
  EXPECT_EQ(changes_, 1);
}

TEST_F(RemoteKeysTest, who_says_nothing_is_given_up) {
  issuer_->is_silent = true;
  start();
  loop_.advance(limits::kJwksFetchTime - 1ms);
  EXPECT_TRUE(status().is_first_attempt) << "whoever waits for the first keys waits so long";
  loop_.advance(1ms);
  EXPECT_FALSE(status().is_first_attempt);
  EXPECT_EQ(count(FetchResult::unreachable), 1u);
  EXPECT_EQ(known().issuers.count("portal"), 0u);
  EXPECT_EQ(known().demands.count("portal"), 1u);
  issuer_->is_silent = false;
  loop_.advance(2s);
  EXPECT_TRUE(has_key("k1"));
  EXPECT_EQ(recoveries_, 1);
}

TEST_F(RemoteKeysTest, an_address_that_swallows_all_leaves_time_for_the_others) {
  names_.addresses = {*IpAddress::parse("10.0.0.8"), *IpAddress::parse("10.0.0.9"),
                      *IpAddress::parse("10.0.0.1")};
  network_.set_silent(*SocketAddress::parse("10.0.0.8:80"), true);
  network_.set_silent(*SocketAddress::parse("10.0.0.9:80"), true);
  issuers_["portal"].keys_url = "http://portal.example/keys";
  start();
  loop_.advance(limits::kJwksFetchTime * 3 / 4);
  EXPECT_TRUE(has_key("k1"));
  EXPECT_TRUE(failures_.empty());
}

TEST_F(RemoteKeysTest, where_no_address_answers_the_fetch_takes_no_longer_than_one) {
  names_.addresses = {*IpAddress::parse("10.0.0.8"), *IpAddress::parse("10.0.0.9")};
  network_.set_silent(*SocketAddress::parse("10.0.0.8:80"), true);
  network_.set_silent(*SocketAddress::parse("10.0.0.9:80"), true);
  issuers_["portal"].keys_url = "http://portal.example/keys";
  start();
  loop_.advance(limits::kJwksFetchTime - 1ms);
  EXPECT_TRUE(status().is_first_attempt);
  loop_.advance(1ms);
  EXPECT_EQ(count(FetchResult::unreachable), 1u);
  EXPECT_NE(status().last_error.find("cannot be reached"), std::string::npos);
}

TEST_F(RemoteKeysTest, a_reload_keeps_the_keys_of_who_is_the_same) {
  start();
  issuers_["portal"].audiences = {"other"};
  keys_->apply(issuers_, state_dir_, loop_.wall_now());
  loop_.run_until_quiet();
  EXPECT_EQ(issuer_->asked, 1);
  EXPECT_TRUE(has_key("k1"));
  issuers_["portal"].keys_url = "http://10.0.0.1/other";
  keys_->apply(issuers_, state_dir_, loop_.wall_now());
  EXPECT_FALSE(has_key("k1")) << "those of another place are not believed";
  EXPECT_FALSE(status().is_first_attempt) << "who serves already goes on";
  loop_.run_until_quiet();
  EXPECT_TRUE(has_key("k1"));
  EXPECT_EQ(issuer_->asked, 2);
  issuers_.clear();
  keys_->apply(issuers_, state_dir_, loop_.wall_now());
  loop_.advance(1h);
  EXPECT_EQ(issuer_->asked, 2) << "nobody asks any more";
  EXPECT_TRUE(keys_->status().empty());
}

TEST_F(RemoteKeysTest, an_edit_of_its_settings_keeps_the_keys_of_an_issuer_that_is_away) {
  start();
  const auto fetched_at = status().fetched_at;
  network_.set_silent(*SocketAddress::parse("10.0.0.1:80"), true);
  issuers_["portal"].keys_refresh = 1min;
  keys_->apply(issuers_, state_dir_, loop_.wall_now());
  EXPECT_TRUE(has_key("k1"));
  issuers_["portal"].keys_ca = "roots.pem";
  keys_->apply(issuers_, state_dir_, loop_.wall_now());
  issuers_["portal"].algorithms = {JwtAlgorithm::es256, JwtAlgorithm::rs256};
  keys_->apply(issuers_, state_dir_, loop_.wall_now());
  loop_.advance(1h);
  EXPECT_TRUE(has_key("k1"));
  EXPECT_EQ(status().keys, 1u);
  EXPECT_EQ(status().fetched_at, fetched_at);
  EXPECT_EQ(count(FetchResult::fetched), 1u) << "it goes on counting";
  EXPECT_EQ(failures_.size(), 1u);
  network_.set_silent(*SocketAddress::parse("10.0.0.1:80"), false);
  issuers_["portal"].keys_refresh = 2min;
  keys_->apply(issuers_, state_dir_, loop_.wall_now());
  loop_.run_until_quiet();
  EXPECT_EQ(issuer_->asked, 2) << "an edit makes it ask at once";
  loop_.advance(2min);
  EXPECT_EQ(issuer_->asked, 3);
  EXPECT_EQ(recoveries_, 2);
}

TEST_F(RemoteKeysTest, keys_that_fit_none_of_the_new_algorithms_do_not_stay) {
  start();
  issuers_["portal"].algorithms = {JwtAlgorithm::es256};
  keys_->apply(issuers_, state_dir_, loop_.wall_now());
  EXPECT_EQ(known().issuers.count("portal"), 0u);
  EXPECT_EQ(status().keys, 0u);
  loop_.run_until_quiet();
  EXPECT_EQ(count(FetchResult::unusable), 1u);
  ASSERT_EQ(failures_.size(), 1u);
}

TEST_F(RemoteKeysTest, an_old_snapshot_s_demand_after_the_end_does_no_harm) {
  start();
  const auto demand = known().demands.at("portal");
  keys_.reset();
  demand->raise();
  loop_.run_until_quiet();
  EXPECT_EQ(issuer_->asked, 1);
}

TEST_F(RemoteKeysTest, skipped_keys_are_told_when_they_come) {
  issuer_->answer = ok(R"({"keys":[)" + first_key().jwk(R"(,"kid":"k1")") + "," +
                       second_key().jwk(R"(,"kid":"k2","use":"enc")") + "]}");
  start();
  ASSERT_EQ(skipped_.size(), 1u);
  EXPECT_NE(skipped_[0].find("its use is not sig"), std::string::npos) << skipped_[0];
  loop_.advance(10min);
  EXPECT_EQ(skipped_.size(), 1u);
}

}  // namespace
}  // namespace epaulet::jwks
