#include <gtest/gtest.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <boost/json.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>

#include "certs-tool/init.h"
#include "certs-tool/rotate.h"
#include "certs-tool/service/server.h"
#include "certs-tool/service/token_proof.h"
#include "crypto/identity_service.h"
#include "crypto/pem_file.h"
#include "enroll/client.h"
#include "support/memory_network.h"
#include "support/sim_loop.h"
#include "support/test_request.h"
#include "telemetry/log_writer.h"
#include "unit/service/fake_token_reviewer.h"

namespace epaulet::certs {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

constexpr const char* kApi = "spiffe://cluster.local/ns/default/sa/api";

/// No names here: the service has an address.
class NoNames final : public Resolver {
 public:
  Task<Result<Addresses>> resolve(std::string, Scope&) override {
    co_return Error(ErrorCode::dns_failed, Side::self, Stage::resolve);
  }
  Task<Result<ServiceEndpoints>> resolve_service(std::string, Scope&) override {
    co_return Error(ErrorCode::dns_failed, Side::self, Stage::resolve);
  }
};

/// The real service and a sidecar's real client, on a memory network, with time that the test
/// moves.
class EnrolmentTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = (fs::temp_directory_path() / "epaulet-enrol-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    folder_ = name;
    InitOptions init_options;
    init_options.folder = path("ca");
    init_options.trust_domain = "cluster.local";
    init_options.issuer_lifetime = kIssuerLifetime;
    ASSERT_TRUE(init(init_options, now()).has_value());
    start_service();
  }
  void TearDown() override {
    client_.reset();
    stop_service();
    loop_.end_tasks();
    fs::remove_all(folder_);
  }

  [[nodiscard]] std::string path(const std::string& file) const {
    return (folder_ / file).string();
  }
  [[nodiscard]] WallTime now() const { return loop_.wall_now(); }

  void start_service() {
    signer_ = std::make_unique<Signer>(path("ca"), kLeafLifetime);
    ASSERT_TRUE(signer_->refresh(now()).has_value());
    std::vector<std::unique_ptr<Proof>> proofs;
    proofs.push_back(std::make_unique<TokenProof>(TokenStore(path("ca/tokens"))));
    proofs.push_back(std::make_unique<ServiceAccountProof>(
        platform_, "cluster.local", std::string(identity_service::kTokenAudience)));
    requests_ = std::make_unique<Requests>(*signer_, std::move(proofs));
    server_ = std::make_unique<IdentityServer>(loop_, *signer_, *requests_, log_,
                                               RateLimit::Rate{.per_second = 10, .burst = 40});
    listener_ = network_.listen(loop_, *SocketAddress::parse("10.0.0.1:15014"));
    server_->listen(*listener_);
  }
  void stop_service() {
    server_.reset();
    loop_.run_until_quiet();
    listener_.reset();
    requests_.reset();
    signer_.reset();
  }
  void make_token(std::string_view id = kApi) {
    const auto spiffe_id = SpiffeId::parse(id);
    const auto token = TokenStore(path("ca/tokens")).create(*spiffe_id, now(), 1h);
    ASSERT_TRUE(token.has_value());
    std::ofstream(path("token")) << *token << "\n";
  }
  void start_client(std::shared_ptr<const Identity> current = nullptr) {
    IdentitySettings settings;
    settings.service = "https://10.0.0.1:15014";
    settings.ca = path("ca/ca.pem");
    settings.token_file = path("token");
    client_ = std::make_unique<enroll::Client>(
        enroll::Client::Seams{loop_, resolver_, *dialer_}, settings, std::move(current),
        [this](std::shared_ptr<const Identity> identity) -> Checked<void> {
          identities_.push_back(std::move(identity));
          return {};
        },
        [this](const std::string& why) { failures_.push_back(why); });
    client_->start();
    loop_.run_until_quiet();
  }
  [[nodiscard]] const Identity& newest() const { return *identities_.back(); }

  fs::path folder_;
  test::SimLoop loop_;
  test::MemoryNetwork network_{Random(7)};
  std::unique_ptr<Dialer> dialer_ = network_.dialer(loop_, *IpAddress::parse("10.0.0.2"));
  NoNames resolver_;
  FakeTokenReviewer platform_;
  telemetry::LogWriter log_writer_{-1};
  telemetry::Cell dropped_;
  telemetry::ProcessLog log_{log_writer_.add_ring(), dropped_};
  std::unique_ptr<Signer> signer_;
  std::unique_ptr<Requests> requests_;
  std::unique_ptr<IdentityServer> server_;
  std::unique_ptr<Listener> listener_;
  std::unique_ptr<enroll::Client> client_;
  std::vector<std::shared_ptr<const Identity>> identities_;
  std::vector<std::string> failures_;
};

TEST_F(EnrolmentTest, a_token_becomes_a_certificate_of_exactly_its_identity) {
  make_token();
  start_client();
  ASSERT_EQ(identities_.size(), 1u) << (failures_.empty() ? "" : failures_.front());
  EXPECT_EQ(newest().id().text(), kApi);
  EXPECT_EQ(newest().chain().size(), 2u);
  EXPECT_LE(newest().not_after(), now() + 24h);
  EXPECT_EQ(client_->status().renewed, 1u);
  EXPECT_TRUE(client_->status().last_error.empty());
  EXPECT_EQ(server_->counts().requests[static_cast<std::size_t>(Ending::issued)], 1u);
}

/// A request that asks for more than a key: a name, other identities, to be an authority.
std::string greedy_request(const PrivateKey& key,
                           const std::vector<std::pair<int, std::string>>& wishes) {
  const std::unique_ptr<X509_REQ, decltype(&X509_REQ_free)> request(X509_REQ_new(), X509_REQ_free);
  X509_REQ_set_pubkey(request.get(), key.get());
  for (const auto& [field, value] : {std::pair("CN", "epaulet root"), std::pair("O", "epaulet")}) {
    X509_NAME_add_entry_by_txt(X509_REQ_get_subject_name(request.get()), field, MBSTRING_ASC,
                               reinterpret_cast<const unsigned char*>(value), -1, -1, 0);
  }
  auto* extensions = sk_X509_EXTENSION_new_null();
  for (const auto& [nid, value] : wishes) {
    auto* extension = X509V3_EXT_conf_nid(nullptr, nullptr, nid, value.c_str());
    EXPECT_NE(extension, nullptr) << value;
    sk_X509_EXTENSION_push(extensions, extension);
  }
  EXPECT_EQ(X509_REQ_add_extensions(request.get(), extensions), 1);
  sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
  EXPECT_GT(X509_REQ_sign(request.get(), key.get(), EVP_sha256()), 0);
  const std::unique_ptr<BIO, decltype(&BIO_free)> bio(BIO_new(BIO_s_mem()), BIO_free);
  EXPECT_EQ(PEM_write_bio_X509_REQ(bio.get(), request.get()), 1);
  const char* text = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &text);
  return {text, static_cast<std::size_t>(size)};
}

/// The extensions of a certificate, each as OpenSSL prints it.
std::map<std::string, std::string> extensions_of(const Certificate& certificate) {
  std::map<std::string, std::string> found;
  const auto* const all = X509_get0_extensions(certificate.get());
  for (int i = 0; i < sk_X509_EXTENSION_num(all); ++i) {
    auto* const extension = sk_X509_EXTENSION_value(all, i);
    const std::unique_ptr<BIO, decltype(&BIO_free)> bio(BIO_new(BIO_s_mem()), BIO_free);
    X509V3_EXT_print(bio.get(), extension, 0, 0);
    const char* text = nullptr;
    const long size = BIO_get_mem_data(bio.get(), &text);
    found[OBJ_nid2sn(OBJ_obj2nid(X509_EXTENSION_get_object(extension)))] =
        std::string(text, static_cast<std::size_t>(size));
  }
  return found;
}

TEST_F(EnrolmentTest, whatever_a_request_asks_for_the_certificate_is_of_the_proven_identity_alone) {
  make_token();
  start_client();
  ASSERT_EQ(identities_.size(), 1u);
  // What who asks for nothing gets; of its own key alone it has more.
  const auto honest = newest().leaf();
  auto usual = extensions_of(honest);
  usual.erase("subjectKeyIdentifier");
  ASSERT_TRUE(usual.contains("subjectAltName"));

  using Wishes = std::vector<std::pair<int, std::string>>;
  const std::string other = "URI:spiffe://cluster.local/ns/default/sa/admin";
  for (const auto& wishes : {
           Wishes{{NID_subject_alt_name, other}},
           Wishes{{NID_subject_alt_name, "URI:" + std::string(kApi) + "," + other}},
           Wishes{{NID_subject_alt_name, "DNS:api2.default,IP:10.0.0.1,email:root@cluster.local"}},
           Wishes{{NID_subject_alt_name, "URI:spiffe://cluster.local/ns/epaulet/sa/identity"}},
           Wishes{{NID_basic_constraints, "critical,CA:TRUE,pathlen:3"}},
           Wishes{{NID_key_usage, "critical,keyCertSign,cRLSign"},
                  {NID_ext_key_usage, "codeSigning,OCSPSigning"}},
           Wishes{{NID_basic_constraints, "CA:TRUE"},
                  {NID_subject_alt_name, other},
                  {NID_name_constraints, "permitted;URI:.elsewhere"},
                  {NID_subject_key_identifier, "00:11:22:33"}},
       }) {
    SCOPED_TRACE(wishes.front().second);
    const auto key = PrivateKey::generate(KeyType::p256);
    make_token();
    std::string token;
    std::ifstream(path("token")) >> token;
    const TestRequest request(identity_service::kSignPath, "POST", "identity",
                              {{"authorization", "Bearer " + token}});
    const auto body = greedy_request(key, wishes);
    std::optional<Answer> answer;
    const auto ask = [&](Scope& scope) -> Task<void> {
      const Caller caller;
      answer = co_await requests_->answer(request.head, body, caller, scope);
    };
    Scope scope(loop_);
    loop_.spawn(ask(scope));
    loop_.run_until_quiet();
    ASSERT_TRUE(answer.has_value());
    ASSERT_EQ(answer->status, 200) << answer->body;
    const auto text = boost::json::parse(answer->body).at("certificates").as_string();
    const auto chain = Certificate::parse_pem(std::string_view(text), "the answer", 4);
    ASSERT_TRUE(chain.has_value());
    const auto& leaf = chain->front();
    EXPECT_EQ(leaf.uri_sans().value(), std::vector<std::string>{kApi});
    ASSERT_TRUE(leaf.identity().has_value()) << leaf.identity().error().what;
    EXPECT_EQ(leaf.identity()->text(), kApi);
    EXPECT_FALSE(leaf.is_ca());
    EXPECT_EQ(leaf.subject(), honest.subject());
    EXPECT_TRUE(leaf.public_key()->matches(key.get()));
    auto extensions = extensions_of(leaf);
    EXPECT_NE(extensions["subjectKeyIdentifier"].find(':'), std::string::npos);
    EXPECT_EQ(extensions["subjectKeyIdentifier"].find("00:11:22:33"), std::string::npos);
    extensions.erase("subjectKeyIdentifier");
    EXPECT_EQ(extensions, usual);
  }
}

TEST_F(EnrolmentTest, renews_with_its_certificate_in_time_and_with_another_key) {
  make_token();
  start_client();
  ASSERT_EQ(identities_.size(), 1u);
  const auto first = identities_.front();
  fs::remove(path("token"));
  loop_.advance(12h - 10s);
  EXPECT_EQ(identities_.size(), 1u) << "too early";
  loop_.advance(5h);
  ASSERT_EQ(identities_.size(), 2u) << (failures_.empty() ? "too late" : failures_.front());
  EXPECT_EQ(newest().id(), first->id());
  EXPECT_NE(newest().leaf().public_key()->digest(), first->leaf().public_key()->digest());
  EXPECT_EQ(server_->counts().requests[static_cast<std::size_t>(Ending::renewed)], 1u);
}

TEST_F(EnrolmentTest, while_the_service_is_away_it_keeps_trying_and_comes_back) {
  make_token();
  start_client();
  ASSERT_EQ(identities_.size(), 1u);
  stop_service();
  loop_.advance(20h);
  EXPECT_EQ(identities_.size(), 1u);
  EXPECT_GT(client_->status().unreachable, 10u);
  EXPECT_EQ(failures_.size(), 1u) << "told once, not at each attempt";
  EXPECT_FALSE(client_->status().last_error.empty());
  start_service();
  loop_.advance(2min);
  EXPECT_EQ(identities_.size(), 2u);
  EXPECT_TRUE(client_->status().last_error.empty());
}

TEST_F(EnrolmentTest, after_its_end_it_needs_a_new_token_and_says_so) {
  make_token();
  start_client();
  ASSERT_EQ(identities_.size(), 1u);
  stop_service();
  loop_.advance(30h);
  start_service();
  loop_.advance(1min);
  EXPECT_EQ(identities_.size(), 1u);
  EXPECT_NE(client_->status().last_error.find("refused (401)"), std::string::npos)
      << client_->status().last_error;
  make_token();
  loop_.advance(1min);
  EXPECT_EQ(identities_.size(), 2u);
}

TEST_F(EnrolmentTest, a_stolen_token_that_was_used_is_worth_nothing) {
  make_token();
  start_client();
  ASSERT_EQ(identities_.size(), 1u);
  client_.reset();
  identities_.clear();
  start_client();  // With another key.
  EXPECT_TRUE(identities_.empty());
  ASSERT_FALSE(failures_.empty());
  EXPECT_NE(failures_.back().find("used already"), std::string::npos) << failures_.back();
}

TEST_F(EnrolmentTest, a_platform_s_token_becomes_a_certificate_of_its_service_account) {
  TokenReview known;
  known.authenticated = true;
  known.username = "system:serviceaccount:default:api";
  known.audiences = {std::string(identity_service::kTokenAudience)};
  platform_.tokens["a.good.token"] = known;
  std::ofstream(path("token")) << "a.good.token\n";
  start_client();
  ASSERT_EQ(identities_.size(), 1u) << (failures_.empty() ? "" : failures_.front());
  EXPECT_EQ(newest().id().text(), kApi);
  EXPECT_EQ(platform_.last_audience, identity_service::kTokenAudience);
}

TEST_F(EnrolmentTest, a_token_that_the_platform_does_not_know_is_refused) {
  std::ofstream(path("token")) << "a.bad.token\n";
  start_client();
  EXPECT_TRUE(identities_.empty());
  ASSERT_FALSE(failures_.empty());
  EXPECT_NE(failures_.front().find("refused (401)"), std::string::npos) << failures_.front();
  EXPECT_NE(failures_.front().find("token is unknown"), std::string::npos) << failures_.front();
}

TEST_F(EnrolmentTest, while_the_platform_is_away_nobody_is_refused_for_good) {
  TokenReview known;
  known.authenticated = true;
  known.username = "system:serviceaccount:default:api";
  known.audiences = {std::string(identity_service::kTokenAudience)};
  platform_.tokens["a.good.token"] = known;
  platform_.is_away = true;
  std::ofstream(path("token")) << "a.good.token\n";
  start_client();
  ASSERT_FALSE(failures_.empty());
  EXPECT_NE(failures_.front().find("refused (503)"), std::string::npos) << failures_.front();
  platform_.is_away = false;
  platform_.takes = std::chrono::seconds(60);  // Longer than the service waits.
  loop_.advance(30s);
  EXPECT_TRUE(identities_.empty());
  platform_.takes = std::chrono::seconds(2);
  loop_.advance(2min);
  EXPECT_EQ(identities_.size(), 1u);
}

TEST_F(EnrolmentTest, a_service_of_another_authority_gets_no_token) {
  make_token();
  InitOptions other;
  other.folder = path("other");
  other.trust_domain = "cluster.local";
  ASSERT_TRUE(init(other, now()).has_value());
  fs::copy(path("other/ca.pem"), path("ca/pinned.pem"));
  IdentitySettings settings;
  settings.service = "https://10.0.0.1:15014";
  settings.ca = path("ca/pinned.pem");
  settings.token_file = path("token");
  client_ = std::make_unique<enroll::Client>(
      enroll::Client::Seams{loop_, resolver_, *dialer_}, settings, nullptr,
      [](std::shared_ptr<const Identity>) -> Checked<void> { return {}; },
      [this](const std::string& why) { failures_.push_back(why); });
  client_->start();
  loop_.run_until_quiet();
  EXPECT_EQ(client_->status().untrusted, 1u);
  const auto refused = static_cast<std::size_t>(HandshakeFailure::refused_by_peer);
  EXPECT_EQ(server_->counts().handshakes_failed[refused], 1u);
  ASSERT_FALSE(failures_.empty());
  EXPECT_NE(failures_.front().find("authority"), std::string::npos) << failures_.front();
  // It is unspent: nothing was sent.
  client_.reset();
  start_client();
  EXPECT_EQ(identities_.size(), 1u);
}

TEST_F(EnrolmentTest, hears_of_a_new_root_and_an_issuer_s_rotation_without_a_restart) {
  make_token();
  start_client();
  ASSERT_EQ(identities_.size(), 1u);
  RotateIssuerOptions issuer;
  issuer.ca_folder = path("ca");
  ASSERT_TRUE(rotate_issuer(issuer, now()).has_value());
  RotateRootOptions root;
  root.ca_folder = path("ca");
  root.issuer_lifetime = kIssuerLifetime;
  for (const auto step : {RotateRootOptions::Step::announce, RotateRootOptions::Step::switch_over,
                          RotateRootOptions::Step::finish}) {
    root.step = step;
    // The first moment at which it may; the service holds its own leaf for a day, too.
    int hours = 0;
    while (!rotate_root(root, now()).has_value() && ++hours < 60) loop_.advance(1h);
    EXPECT_LT(hours, 60);
    loop_.advance(1h);
    EXPECT_LT(now(), newest().not_after()) << "the certificate ended meanwhile";
  }
  loop_.advance(24h);
  EXPECT_EQ(newest().bundle().size(), 1u);
  EXPECT_EQ(read_pem_file(path("ca/ca.pem")).value(), newest().bundle().front().to_pem());
  EXPECT_TRUE(failures_.empty()) << failures_.front();
}

}  // namespace
}  // namespace epaulet::certs
