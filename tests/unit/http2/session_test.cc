#include "http/http2/session.h"

#include <gtest/gtest.h>

#include <map>
#include <string>

namespace epaulet::http::http2 {
namespace {

/// A server's session that answers each request at once, and a peer that writes frames by hand.
class Served final : private SessionEvents, private StreamEvents {
 public:
  Served() : session(Role::server, SessionLimits(), *this) {
    EXPECT_TRUE(session.receive(as_bytes("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")).has_value());
    EXPECT_TRUE(session.receive(as_bytes(std::string("\0\0\0\4\0\0\0\0\0", 9))).has_value());
  }

  /// HEADERS of `GET / HTTP/2` with `host: h`, and with a name in upper case if `spoilt`.
  bool ask(bool spoilt) {
    std::string block("\x82\x86\x84\x41\x01h", 6);
    if (spoilt) block += std::string("\0\1A\1b", 5);
    std::string frame{0, 0, static_cast<char>(block.size()), 1, 5};
    for (int shift = 24; shift >= 0; shift -= 8) frame += static_cast<char>(next_ >> shift & 0xff);
    next_ += 2;
    const bool taken = session.receive(as_bytes(frame + block)).has_value();
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

}  // namespace
}  // namespace epaulet::http::http2
