#pragma once

#include <gtest/gtest.h>

#include <map>

#include "directory/client.h"
#include "io/ops.h"
#include "io/reader.h"
#include "k8s/directory/server.h"
#include "support/memory_network.h"
#include "support/sim_loop.h"
#include "telemetry/log_writer.h"
#include "tls/stream.h"
#include "unit/tls/mesh_fixture.h"

namespace epaulet::kube {

/// No names here: the directory has an address.
class NoNames final : public Resolver {
 public:
  Task<Result<Addresses>> resolve(std::string, Scope&) override {
    co_return Error(ErrorCode::dns_failed, Side::self, Stage::resolve);
  }
  Task<Result<ServiceEndpoints>> resolve_service(std::string, Scope&) override {
    co_return Error(ErrorCode::dns_failed, Side::self, Stage::resolve);
  }
};

/// Wants a service, and counts what it is told.
struct Wish final : DirectoryFeed::Listener {
  using Listener::Listener;
  void on_view(const ServiceViewPtr&) override { ++told; }
  int told = 0;
};

/// The real directory and a sidecar's real client, on a memory network, with time that the test
/// moves.
class StreamTest : public testing::Test {
 protected:
  static constexpr const char* kDirectory =
      "spiffe://cluster.local/ns/epaulet-system/sa/epaulet-directory";

  void SetUp() override {
    put("api", "10.1.0.1");
    put("web", "10.1.0.2");
    start_server();
  }
  void TearDown() override {
    client_.reset();
    server_.reset();
    loop_.run_until_quiet();
    loop_.end_tasks();
  }

  void put(const std::string& name, const std::string& address) {
    ServiceFacts service;
    service.name_space = "shop";
    service.name = name;
    service.ports.emplace_back().port = 80;
    hub_->model().put(std::move(service));
    SliceFacts slice;
    slice.name_space = "shop";
    slice.name = name + "-x";
    slice.service = name;
    slice.ports.emplace_back().port = 8080;
    slice.endpoints.emplace_back().address = *IpAddress::parse(address);
    hub_->model().put(std::move(slice));
    hub_->publish();
  }
  [[nodiscard]] std::shared_ptr<const Identity> identity(const std::string& id) const {
    return identity_of(issue_text(ca_, id, loop_.wall_now()), loop_.wall_now());
  }
  void start_server() {
    server_ = std::make_unique<DirectoryServer>(loop_, hub_, log_);
    ASSERT_TRUE(server_->set_identity(identity(kDirectory)).has_value());
    server_->set_complete();
    listener_ = network_.listen(loop_, kAddress);
    server_->https().listen(*listener_);
  }
  void start_client() {
    own_ = identity(kApi);
    directory::Client::Listener listener;
    listener.on_failure = [this](const std::string& why) { failures_.push_back(why); };
    listener.on_recovery = [] {};
    DirectorySettings settings;
    settings.url = "https://10.0.0.1:15016";
    settings.identities = {kDirectory};
    client_ = std::make_unique<directory::Client>(
        directory::Client::Seams{loop_, resolver_, *dialer_, feed_}, settings,
        [this] { return own_; }, listener);
    client_->start();
    loop_.advance(std::chrono::seconds(1));
  }

  /// A client of nobody's making: connects, with `own` or without, sends `text`, keeps what comes.
  struct Raw {
    explicit Raw(Loop& loop) : scope(loop) {}
    Scope scope;
    std::unique_ptr<TlsStream> stream;
    std::string got;
    bool ended = false;
  };
  static Task<void> talk(StreamTest& test, Raw& raw, std::shared_ptr<const Identity> own,
                         std::string text) {
    auto lower = co_await test.dialer_->dial(test.kAddress, raw.scope);
    if (!lower) co_return;
    auto context =
        TlsContext::for_identity_client(Trust{std::string(kDomain), {test.ca_.certificate()}}, own);
    TlsClientOptions options;
    options.server_name = "directory";
    options.expected = test.directory_;
    raw.stream = TlsStream::client(std::move(*lower), std::move(*context), options);
    const auto shaken = co_await raw.stream->handshake(raw.scope);
    const ConstBytes piece = as_bytes(text);
    if (shaken) (void)co_await write_all(*raw.stream, std::span(&piece, 1), raw.scope);
    StreamReader reader(*raw.stream);
    for (;;) {
      const auto filled = co_await reader.fill(raw.scope);
      if (!filled || *filled == 0) break;
      raw.got += as_text(reader.buffered());
      reader.consume(reader.buffered().size());
    }
    raw.ended = true;
  }
  std::unique_ptr<Raw> say(std::shared_ptr<const Identity> own, const std::string& text) {
    auto raw = std::make_unique<Raw>(loop_);
    loop_.spawn(talk(*this, *raw, std::move(own), text));
    loop_.advance(std::chrono::milliseconds(10));
    return raw;
  }

  const std::vector<std::string> directory_{kDirectory};
  const SocketAddress kAddress = *SocketAddress::parse("10.0.0.1:15016");
  test::SimLoop loop_;
  CertificateAuthority ca_ = CertificateAuthority::create(kDomain, KeyType::p256, loop_.wall_now());
  test::MemoryNetwork network_{Random(7)};
  std::unique_ptr<Dialer> dialer_ = network_.dialer(loop_, *IpAddress::parse("10.0.0.2"));
  NoNames resolver_;
  telemetry::LogWriter log_writer_{-1};
  telemetry::Cell dropped_;
  telemetry::ProcessLog log_{log_writer_.add_ring(), dropped_};
  std::shared_ptr<Hub> hub_ =
      std::make_shared<Hub>(std::make_unique<Model>("cluster.local", "instance"));
  std::unique_ptr<DirectoryServer> server_;
  std::unique_ptr<Listener> listener_;
  DirectoryFeed feed_;
  std::shared_ptr<const Identity> own_;
  std::unique_ptr<directory::Client> client_;
  std::vector<std::string> failures_;
};

}  // namespace epaulet::kube
