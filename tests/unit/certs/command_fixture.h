#pragma once

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <sstream>

#include "certs-tool/command_line.h"
#include "crypto/pem_file.h"
#include "tests/unit/crypto/pki_fixture.h"

namespace epaulet::certs {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

/// Calls the commands as a user does, in a folder of its own.
class CommandTest : public testing::Test {
 protected:
  struct Outcome {
    int status;
    std::string out;
    std::string errors;
  };

  void SetUp() override {
    std::string name = (fs::temp_directory_path() / "epaulet-certs-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    folder_ = name;
  }
  void TearDown() override { fs::remove_all(folder_); }

  [[nodiscard]] std::string path(const std::string& name) const {
    return (folder_ / name).string();
  }
  [[nodiscard]] std::string read(const std::string& name) const {
    const auto text = read_pem_file(path(name));
    return text ? *text : "";
  }
  static Outcome call(const std::vector<std::string>& arguments, WallTime now = kNow) {
    std::ostringstream out;
    std::ostringstream errors;
    const int status = run(arguments, now, out, errors, [](const ServeOptions&) { return kDone; });
    return {status, out.str(), errors.str()};
  }
  Outcome init(std::vector<std::string> more = {}) {
    std::vector<std::string> arguments{"init", "--dir", path("ca"), "--trust-domain",
                                       "cluster.local"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return call(arguments);
  }
  Outcome issue(std::vector<std::string> more = {}, WallTime now = kNow) {
    std::vector<std::string> arguments{"issue", "--ca",  path("ca"), "--identity",
                                       kApi,    "--out", path("api")};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return call(arguments, now);
  }
  [[nodiscard]] Identity::Loaded load(WallTime now = kNow) const {
    return Identity::from({read("api/cert.pem"), "cert.pem", read("api/key.pem"), "key.pem",
                           read("api/ca.pem"), "ca.pem"},
                          kDomain, now);
  }
  [[nodiscard]] mode_t mode_of(const std::string& name) const {
    struct stat facts {};
    EXPECT_EQ(::stat(path(name).c_str(), &facts), 0) << name;
    return facts.st_mode & 07777u;
  }

  static constexpr const char* kApi = "spiffe://cluster.local/ns/default/sa/api";
  fs::path folder_;
};

}  // namespace epaulet::certs
