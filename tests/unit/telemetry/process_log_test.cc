#include "telemetry/process_log.h"

#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <string>

#include "records.h"

namespace epaulet::telemetry {
namespace {

struct ProcessLogTest : testing::Test {
  std::string written() {
    const auto waiting = ring.waiting();
    std::string text(waiting.first);
    text += waiting.second;
    ring.release(waiting.size());
    return text;
  }
  LogWake wake;
  LogRing ring{wake};
  Cell dropped;
  ProcessLog log{ring, dropped};
};

TEST_F(ProcessLogTest, writes_one_json_line) {
  log.info(kWall, "config_loaded", "configuration 2 is in force",
           {{"version", std::int64_t{2}}, {"file", "api.yaml"}, {"changed", true}});
  EXPECT_EQ(written(),
            "{\"time\":\"2025-10-09T08:53:20.000000Z\",\"level\":\"info\",\"kind\":\"process\","
            "\"event\":\"config_loaded\",\"message\":\"configuration 2 is in force\","
            "\"version\":2,\"file\":\"api.yaml\",\"changed\":true}\n");
}

TEST_F(ProcessLogTest, leaves_out_what_is_below_the_level) {
  log.set_level(LogLevel::warning);
  log.info(kWall, "quiet", "nobody wants to know");
  EXPECT_EQ(written(), "");
  log.error(kWall, "loud", "this matters");
  EXPECT_NE(written().find("\"level\":\"error\""), std::string::npos);
}

TEST_F(ProcessLogTest, counts_lines_for_which_there_is_no_room) {
  while (ring.push(std::string(999, 'x') + "\n")) {
  }
  while (ring.push("\n")) {
  }
  log.error(kWall, "lost", "nobody will read this");
  EXPECT_EQ(dropped.value(), 1u);
}

}  // namespace
}  // namespace epaulet::telemetry
