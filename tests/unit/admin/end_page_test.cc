#include "admin/end_page.h"

#include <gtest/gtest.h>

#include "admin_world.h"

namespace epaulet::admin {
namespace {

using namespace std::chrono_literals;

struct EndPageTest : AdminWorld {
  EndPageTest() {
    serve(health_surface([] { return Readiness{true, {}}; }), nullptr, nullptr, &end);
  }

  const std::string secret = std::string(32, 'a');
  std::optional<TimePoint> begun;
  int calls = 0;
  EndPage end{secret, EndPage::Seams{[this] {
                                       ++calls;
                                       begun = loop.now();
                                     },
                                     [this] { return begun; }}};
};

TEST_F(EndPageTest, is_begun_by_who_knows_the_secret_alone) {
  for (const auto& path : {std::string(""), std::string("0"), std::string(32, 'b'), secret + "a",
                           secret + "/", secret + "/61", secret + "/-1", secret + "/5x"})
    EXPECT_EQ(get("/end/" + path).substr(9, 3), "404") << path;
  EXPECT_EQ(calls, 0);
  EXPECT_EQ(get("/end/" + secret).substr(9, 3), "200");
  EXPECT_EQ(calls, 1);
}

TEST_F(EndPageTest, without_a_secret_there_is_none) {
  server.reset();
  listener.reset();
  EndPage none("", EndPage::Seams{[this] { ++calls; }, [this] { return begun; }});
  serve(health_surface([] { return Readiness{true, {}}; }), nullptr, nullptr, &none);
  EXPECT_EQ(get("/end/").substr(9, 3), "404");
  EXPECT_EQ(calls, 0);
  server.reset();
}

TEST_F(EndPageTest, an_app_is_kept_back_from_the_begin_of_the_end) {
  RawClient app(loop, *dialer, address);
  app.write("GET /end/" + secret + "/5 HTTP/1.1\r\nHost: x\r\n\r\n");
  loop.advance(300ms);  // The sidecar's own hook comes a little later.
  EXPECT_EQ(get("/end/" + secret).substr(9, 3), "200");
  loop.advance(4900ms);
  EXPECT_EQ(app.take(), "");
  loop.advance(200ms);
  EXPECT_EQ(app.take().substr(9, 3), "200");
}

TEST_F(EndPageTest, an_app_that_is_restarted_alone_is_not) {
  RawClient app(loop, *dialer, address);
  app.write("GET /end/" + secret + "/5 HTTP/1.1\r\nHost: x\r\n\r\n");
  loop.advance(900ms);
  EXPECT_EQ(app.take(), "");
  loop.advance(200ms);
  EXPECT_EQ(app.take().substr(9, 3), "200");
}

}  // namespace
}  // namespace epaulet::admin
