#include "telemetry/log_writer.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <string>

namespace epaulet::telemetry {
namespace {

using std::chrono::milliseconds;

struct Pipe {
  Pipe() { EXPECT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0); }
  ~Pipe() {
    close_reader();
    close_writer();
  }
  void close_reader() { close(ends[0]); }
  void close_writer() { close(ends[1]); }
  static void close(int& end) {
    if (end >= 0) ::close(end);
    end = -1;
  }
  /// Until the writing end is closed, or `lines` have come.
  std::string read(std::size_t lines = SIZE_MAX) const {
    std::string all;
    std::array<char, 4096> buffer;
    while (static_cast<std::size_t>(std::count(all.begin(), all.end(), '\n')) < lines) {
      const auto got = ::read(ends[0], buffer.data(), buffer.size());
      if (got <= 0) break;
      all.append(buffer.data(), static_cast<std::size_t>(got));
    }
    return all;
  }
  std::array<int, 2> ends{-1, -1};
};

TEST(LogWriter, writes_the_lines_of_all_rings) {
  Pipe pipe;
  LogWriter writer(pipe.ends[1]);
  LogRing& a = writer.add_ring();
  LogRing& b = writer.add_ring();
  EXPECT_TRUE(a.push("from a\n"));  // Before it runs: nothing of the start is lost.
  writer.start();
  EXPECT_EQ(pipe.read(1), "from a\n");
  EXPECT_TRUE(b.push("from b\n"));  // It sleeps or pauses by now, and is woken.
  EXPECT_EQ(pipe.read(1), "from b\n");
  writer.stop(milliseconds(1000));
  EXPECT_EQ(writer.lines_lost(), 0u);
}

TEST(LogWriter, writes_what_waits_before_it_stops) {
  Pipe pipe;
  LogWriter writer(pipe.ends[1]);
  LogRing& ring = writer.add_ring();
  writer.start();
  std::string expected;
  for (int i = 0; i < 500; ++i) {
    const std::string line = "line " + std::to_string(i) + "\n";
    ASSERT_TRUE(ring.push(line));
    expected += line;
  }
  writer.stop(milliseconds(5000));
  pipe.close_writer();
  EXPECT_EQ(pipe.read(), expected);
}

TEST(LogWriter, does_not_hold_up_who_logs_when_nobody_reads) {
  Pipe pipe;
  LogWriter writer(pipe.ends[1]);
  LogRing& ring = writer.add_ring();
  writer.start();
  const std::string line = std::string(1023, 'x') + "\n";
  std::size_t taken = 0;
  // The pipe fills up, then the ring; a push never waits, so this ends.
  while (ring.push(line)) ++taken;
  EXPECT_GE(taken, limits::kLogRingBytes / line.size());
  writer.stop(milliseconds(30));  // Nor does the end of the process wait.
  EXPECT_GT(writer.lines_lost(), 0u);
  pipe.close_writer();
  const std::string read = pipe.read();
  const auto read_lines = static_cast<std::size_t>(std::count(read.begin(), read.end(), '\n'));
  EXPECT_EQ(read_lines + writer.lines_lost(), taken) << "each line is written or counted";
}

TEST(LogWriter, survives_a_reader_that_has_gone) {
  Pipe pipe;
  LogWriter writer(pipe.ends[1]);
  LogRing& ring = writer.add_ring();
  pipe.close_reader();
  writer.start();
  EXPECT_TRUE(ring.push("to nobody\n"));
  EXPECT_TRUE(ring.push("to nobody\n"));
  writer.stop(milliseconds(1000));
  EXPECT_EQ(writer.lines_lost(), 2u);
}

TEST(LogWriter, tells_how_many_lines_are_missing_once_somebody_reads_again) {
  Pipe pipe;
  ::fcntl(pipe.ends[1], F_SETPIPE_SZ, 4096);
  LogWriter writer(pipe.ends[1]);
  LogRing& ring = writer.add_ring();
  writer.start();
  const std::string line = std::string(1023, 'x') + "\n";
  while (ring.push(line)) {
  }
  EXPECT_FALSE(ring.push(line));
  std::string read;
  while (read.find("log_lines_dropped") == std::string::npos) {
    const auto more = pipe.read(1);
    ASSERT_FALSE(more.empty());
    read += more;
  }
  EXPECT_NE(read.find(R"("ring_full":)" + std::to_string(ring.dropped()) + R"(,"write_failed":0})"),
            std::string::npos);
  EXPECT_TRUE(ring.push("goes on\n"));
  while (read.find("goes on\n") == std::string::npos) read += pipe.read(1);
  writer.stop(milliseconds(1000));
  pipe.close_writer();
  EXPECT_EQ(pipe.read(), "") << "told once";
}

TEST(LogWriter, counts_lines_that_a_full_disk_refuses) {
  const int full = ::open("/dev/full", O_WRONLY | O_CLOEXEC);
  if (full < 0) GTEST_SKIP() << "no /dev/full";
  {
    LogWriter writer(full);
    LogRing& ring = writer.add_ring();
    writer.start();
    EXPECT_TRUE(ring.push("no room\n"));
    writer.stop(milliseconds(1000));
    EXPECT_EQ(writer.lines_lost(), 1u);
  }
  ::close(full);
}

TEST(LogWriter, survives_a_descriptor_that_is_closed) {
  LogWriter writer(-1);
  LogRing& ring = writer.add_ring();
  writer.start();
  EXPECT_TRUE(ring.push("nowhere\n"));
  writer.stop(milliseconds(1000));
  EXPECT_EQ(writer.lines_lost(), 1u);
}

TEST(LogWriter, writes_to_files_and_sockets_too) {
  const int file = ::memfd_create("log", MFD_CLOEXEC);
  ASSERT_GE(file, 0);
  std::array<int, 2> sockets;
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets.data()), 0);
  for (const int descriptor : {file, sockets[1]}) {
    LogWriter writer(descriptor);
    LogRing& ring = writer.add_ring();
    writer.start();
    EXPECT_TRUE(ring.push("here\n"));
    writer.stop(milliseconds(1000));
    EXPECT_EQ(writer.lines_lost(), 0u);
  }
  std::array<char, 16> buffer;
  EXPECT_EQ(::pread(file, buffer.data(), buffer.size(), 0), 5);
  EXPECT_EQ(::read(sockets[0], buffer.data(), buffer.size()), 5);
  for (const int each : {file, sockets[0], sockets[1]}) ::close(each);
}

/// No file of this process may grow beyond it, while this lives.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) {
    EXPECT_EQ(::getrlimit(RLIMIT_FSIZE, &before_), 0);
    rlimit smaller = before_;
    smaller.rlim_cur = bytes;
    EXPECT_EQ(::setrlimit(RLIMIT_FSIZE, &smaller), 0);
  }
  ~FileSizeLimit() { ::setrlimit(RLIMIT_FSIZE, &before_); }

 private:
  rlimit before_{};
};

TEST(LogWriter, begins_a_new_line_after_one_that_was_torn) {
  const int file = ::memfd_create("log", MFD_CLOEXEC);
  ASSERT_GE(file, 0);
  LogWriter writer(file);
  LogRing& ring = writer.add_ring();
  {
    const FileSizeLimit limit(6);
    writer.start();
    EXPECT_TRUE(ring.push("a line of which six bytes fit\n"));
    while (writer.lines_lost() == 0) std::this_thread::yield();
  }
  EXPECT_TRUE(ring.push("the next one\n"));
  writer.stop(milliseconds(1000));
  std::array<char, 512> buffer{};
  const auto size = ::pread(file, buffer.data(), buffer.size(), 0);
  ASSERT_GT(size, 0);
  const std::string_view written(buffer.data(), static_cast<std::size_t>(size));
  EXPECT_TRUE(written.starts_with("a line\nthe next one\n{\"time\":")) << written;
  EXPECT_TRUE(written.ends_with("\"ring_full\":0,\"write_failed\":1}\n")) << written;
  EXPECT_EQ(writer.lines_lost(), 1u);
  ::close(file);
}

}  // namespace
}  // namespace epaulet::telemetry
