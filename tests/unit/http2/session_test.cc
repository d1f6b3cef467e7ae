#include "http/http2/session.h"

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

namespace epaulet::http::http2 {
namespace {

/// A server's session that answers each request at once, and a peer that writes frames by hand.
class Served final : private SessionEvents, private StreamEvents {
 public:
  Served() : session(Role::server, SessionLimits(), *this) {
    EXPECT_TRUE(
        session.receive(as_bytes("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), TimePoint()).has_value());
    EXPECT_TRUE(
        session.receive(as_bytes(std::string("\0\0\0\4\0\0\0\0\0", 9)), TimePoint()).has_value());
  }

  /// HEADERS of `GET / HTTP/2` with `host: h`, and with a name in upper case if `spoilt`.
  bool ask(bool spoilt) {
    std::string block("\x82\x86\x84\x41\x01h", 6);
    if (spoilt) block += std::string("\0\1A\1b", 5);
    std::string frame{0, 0, static_cast<char>(block.size()), 1, 5};
    for (int shift = 24; shift >= 0; shift -= 8) frame += static_cast<char>(next_ >> shift & 0xff);
    next_ += 2;
    const bool taken = session.receive(as_bytes(frame + block), TimePoint()).has_value();
    for (ConstBytes out = session.output(); !out.empty(); out = session.output())
      said += as_text(out);
    return taken;
  }

  Session session;
  std::string said;

 private:
  StreamEvents* on_request(StreamId id) override {
    asked_ = id;
    return this;
  }
  void on_goaway() override {}
  void on_settings() override {}
  void on_head(HeadText&, bool) override {
    const NameValue status{":status", "204"};
    session.respond(asked_, std::span(&status, 1), true);
  }
  void on_data(ConstBytes) override {}
  void on_end() override {}
  void on_closed(std::uint32_t, bool, bool) override {}
  Outgoing outgoing() override { return {}; }
  void on_taken(std::size_t) override {}
  void on_end_sent() override {}

  std::uint32_t next_ = 1;
  StreamId asked_ = 0;
};

TEST(Http2Session, who_makes_us_reset_its_streams_time_and_again_is_cut_off) {
  Served served;
  for (std::uint32_t i = 0; i < SessionLimits().resets_burst; ++i)
    ASSERT_TRUE(served.ask(true)) << i;
  EXPECT_EQ(served.session.violation(), "");
  EXPECT_FALSE(served.ask(true));
  EXPECT_NE(served.session.violation(), "");
  // GOAWAY, with ENHANCE_YOUR_CALM.
  EXPECT_NE(served.said.find(std::string("\0\0\x08\x07\0\0\0\0\0", 9)), std::string::npos);
  EXPECT_TRUE(served.said.ends_with(std::string("\0\0\0\x0b", 4)));
}

TEST(Http2Session, who_errs_now_and_then_is_not) {
  Served served;
  for (std::uint32_t i = 0; i < 3 * SessionLimits().resets_burst; ++i) {
    ASSERT_TRUE(served.ask(true)) << i;
    ASSERT_TRUE(served.ask(false)) << i;
  }
}

/// What a peer writes by hand, and what it is told.
class Foe final : private SessionEvents, private StreamEvents {
 public:
  explicit Foe(SessionLimits limits = {}) : session(Role::server, limits, *this) {
    EXPECT_TRUE(send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(4, 0, 0, "")));
  }
  ~Foe() {
    for (const auto& [id, bytes] : unread) session.consume(id, bytes);
  }

  static std::string frame(int kind, int flags, std::uint32_t stream, std::string_view payload) {
    std::string all;
    for (int shift = 16; shift >= 0; shift -= 8)
      all += static_cast<char>(payload.size() >> shift & 0xff);
    all += static_cast<char>(kind);
    all += static_cast<char>(flags);
    for (int shift = 24; shift >= 0; shift -= 8) all += static_cast<char>(stream >> shift & 0xff);
    return all.append(payload);
  }
  /// `POST / HTTP/2`, whose body is to come.
  static std::string post(std::uint32_t stream, int flags = 4) {
    return frame(1, flags, stream, std::string_view("\x83\x86\x84\x41\x01h", 6));
  }
  /// Says it, and hears the answer.
  bool send(const std::string& frames) {
    const bool taken = session.receive(as_bytes(frames), now).has_value();
    for (ConstBytes out = session.output(); !out.empty(); out = session.output())
      heard_ += as_text(out);
    while (heard_.size() >= 9) {
      const auto at = [this](std::size_t index) {
        return static_cast<std::uint32_t>(static_cast<unsigned char>(heard_[index]));
      };
      const std::size_t size = at(0) << 16 | at(1) << 8 | at(2);
      const auto stream = at(5) << 24 | at(6) << 16 | at(7) << 8 | at(8);
      if (at(3) == 8 && stream == 0) window += at(9) << 24 | at(10) << 16 | at(11) << 8 | at(12);
      if (at(3) == 4 && (at(4) & 1) == 0 && acknowledges) {
        EXPECT_TRUE(session.receive(as_bytes(frame(4, 1, 0, "")), now).has_value());
      }
      heard_.erase(0, 9 + size);
    }
    return taken;
  }

  TimePoint now = TimePoint() + std::chrono::hours(1);
  std::size_t window = 65'535;  ///< Of the connection: what it may send.
  bool acknowledges = false;
  unsigned narrowed = 0;
  std::map<StreamId, std::size_t> unread;
  Session session;

 private:
  StreamEvents* on_request(StreamId id) override {
    current_ = id;
    return this;
  }
  void on_goaway() override {}
  void on_narrowed() override { ++narrowed; }
  void on_head(HeadText&, bool) override {}
  void on_data(ConstBytes data) override { unread[current_] += data.size(); }
  void on_end() override {}
  void on_closed(std::uint32_t, bool, bool) override {}
  Outgoing outgoing() override { return {}; }
  void on_taken(std::size_t) override {}
  void on_end_sent() override {}

  StreamId current_ = 0;
  std::string heard_;
};

TEST(Http2Session, a_peer_that_keeps_to_no_window_of_ours_is_let_send_no_more_than_it_may_hold) {
  // Its streams keep the windows that they had before our SETTINGS, which it never acknowledges.
  Foe foe;
  const std::string piece(4'096, 'x');
  std::size_t sent = 0;
  for (std::uint32_t stream = 1; stream < 256; stream += 2) {
    ASSERT_TRUE(foe.send(Foe::post(stream)));
    for (int i = 0; i < 15 && foe.window >= piece.size(); ++i) {
      foe.window -= piece.size();
      sent += piece.size();
      ASSERT_TRUE(foe.send(Foe::frame(0, 0, stream, piece)));
    }
  }
  EXPECT_EQ(foe.session.unread(), sent);
  EXPECT_LE(sent, limits::kHttp2UnreadBytesMax + limits::kHttp2ConnectionWindowBytes);
  EXPECT_LT(foe.window, piece.size());
  EXPECT_EQ(foe.narrowed, 1u);
  for (const auto& [id, bytes] : std::exchange(foe.unread, {})) foe.session.consume(id, bytes);
  ASSERT_TRUE(foe.send(""));
  EXPECT_GT(foe.window, limits::kHttp2ConnectionWindowBytes / 2) << "read, so it may send again";
}

TEST(Http2Session, where_a_worker_holds_too_much_each_connection_keeps_one_streams_window) {
  UnreadTotal total;
  total.bytes_max = 200'000;
  SessionLimits limits;
  limits.unread_total = &total;
  std::vector<std::unique_ptr<Foe>> foes;
  const std::string piece(4'096, 'x');
  for (int i = 0; i < 4; ++i) {
    Foe& foe = *foes.emplace_back(std::make_unique<Foe>(limits));
    foe.acknowledges = true;
    for (std::uint32_t stream = 1; stream < 64 && foe.window >= piece.size(); stream += 2) {
      ASSERT_TRUE(foe.send(Foe::post(stream)));
      foe.window -= piece.size();
      ASSERT_TRUE(foe.send(Foe::frame(0, 0, stream, piece)));
    }
  }
  EXPECT_EQ(foes[0]->narrowed, 0u) << "the first held all that it wanted";
  for (std::size_t i = 1; i < foes.size(); ++i) EXPECT_EQ(foes[i]->narrowed, 1u) << i;
  EXPECT_GT(foes[3]->session.unread(), 60'000u);
  foes.clear();
  EXPECT_EQ(total.bytes, 0u);
}

TEST(Http2Session, frames_that_move_nothing_end_the_connection_if_there_are_too_many) {
  const std::string ping = Foe::frame(6, 0, 0, "12345678");
  const std::string update = Foe::frame(8, 0, 0, std::string_view("\0\0\0\1", 4));
  const std::string priority = Foe::frame(2, 0, 1, std::string_view("\0\0\0\0\x10", 5));
  for (const auto& idle : {Foe::frame(0, 0, 1, ""), ping, update, priority}) {
    Foe foe;
    ASSERT_TRUE(foe.send(Foe::post(1)));
    const auto most = SessionLimits().idle_frames_burst;
    std::uint32_t taken = 0;
    while (taken < 2 * most && foe.send(idle)) ++taken;
    EXPECT_GE(taken, most - 1) << static_cast<int>(idle[3]);
    EXPECT_LE(taken, most + 25) << static_cast<int>(idle[3]);
    EXPECT_EQ(foe.session.offence(), Offence::idle_frames);
    EXPECT_NE(foe.session.violation(), "");
  }
}

TEST(Http2Session, frames_that_move_nothing_may_come_for_ever_at_their_pace) {
  Foe foe;
  for (int second = 0; second < 60; ++second) {
    for (int i = 0; i < 400; ++i) ASSERT_TRUE(foe.send(Foe::frame(6, 0, 0, "12345678"))) << second;
    foe.now += std::chrono::seconds(1);
  }
  EXPECT_EQ(foe.session.offence(), Offence::none);
}

TEST(Http2Session, each_kind_of_flood_is_known_by_its_name) {
  std::string resets;
  for (std::uint32_t stream = 1; stream < 601; stream += 2)
    resets += Foe::post(stream) + Foe::frame(3, 0, stream, std::string_view("\0\0\0\x8", 4));
  std::string pings;
  for (int i = 0; i < 100; ++i) pings += Foe::frame(6, 0, 0, "12345678");
  std::string continuations = Foe::post(1, 0);
  for (int i = 0; i < 20; ++i) continuations += Foe::frame(9, 0, 1, "");
  std::string block("\x82\x86\x84\x41\x01h\x40\x01x\x7f\xa1\x1e", 12);  // A field of 4,000 octets,
  block.append(4'000, 'v').append(4'000, '\xbe');                       // 4,000 times.
  const std::pair<std::string, Offence> floods[] = {
      {Foe::frame(1, 5, 1, block), Offence::made_resets},
      {resets, Offence::resets},
      {pings, Offence::acknowledgements},
      {continuations, Offence::continuations},
      {Foe::frame(0, 0, 1, "x"), Offence::protocol},
  };
  for (const auto& [flood, offence] : floods) {
    Foe foe;
    (void)foe.send(flood);
    (void)foe.send(Foe::post(1001));
    EXPECT_EQ(foe.session.offence(), offence) << static_cast<int>(offence);
  }
}

}  // namespace
}  // namespace epaulet::http::http2
