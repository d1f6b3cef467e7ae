#include "config/config_files.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace epaulet {
namespace {

namespace fs = std::filesystem;

struct ConfigFilesTest : testing::Test {
  ConfigFilesTest() {
    fs::remove_all(folder);
    fs::create_directories(folder);
  }
  ~ConfigFilesTest() override { fs::remove_all(folder); }

  std::string write(const std::string& name, const std::string& text) const {
    const auto path = folder / name;
    fs::create_directories(path.parent_path());
    std::ofstream(path) << text;
    return path.string();
  }
  [[nodiscard]] LoadResult load(const std::vector<std::string>& given) const {
    return load_settings(read_config_files(given));
  }
  const fs::path folder =
      fs::temp_directory_path() / ("epaulet-config-files-" + std::to_string(::getpid()));
};

TEST_F(ConfigFilesTest, several_files_are_one_configuration) {
  const auto pod =
      write("pod/epaulet.yaml", "workload: { service: a.b, ports: { 80: { tls: permissive } } }\n");
  write("mesh/10-roles.yaml",
        "roles: { r: [ { identity: \"spiffe://cluster.local/ns/b/sa/*\" } ] }\n");
  write("mesh/20-access.yaml", "access: [ { name: all, allow: [r], ports: [80] } ]\n");
  write("mesh/README.md", "no YAML: [\n");
  write("mesh/.hidden.yaml", "no YAML: [\n");
  const auto result = load({pod, (folder / "mesh").string()});
  ASSERT_TRUE(result.ok()) << result.format();
  EXPECT_EQ(result.settings->workload.service, "a.b");
  EXPECT_EQ(result.settings->roles.size(), 1u);
  EXPECT_EQ(result.settings->access.rules.size(), 1u);
  EXPECT_EQ(result.settings->access.rules[0].origin.source,
            (folder / "mesh/20-access.yaml").string());
}

TEST_F(ConfigFilesTest, a_folder_may_be_empty) {
  fs::create_directories(folder / "none");
  const auto pod = write("pod.yaml", "{}\n");
  EXPECT_TRUE(load({pod, (folder / "none").string()}).ok());
  const auto nothing = load({(folder / "none").string()});
  EXPECT_EQ(nothing.format(), (folder / "none").string() +
                                  ": there is no *.yaml\n  remedy: put the configuration there\n");
}

TEST_F(ConfigFilesTest, a_section_stands_in_one_file) {
  const auto one = write("1.yaml", "egress: deny\nlog: { level: info }\n");
  const auto two = write("2.yaml", "# ours\n\nlog: { level: debug }\n");
  const auto result = load({one, two});
  ASSERT_EQ(result.diagnostics.size(), 1u) << result.format();
  EXPECT_EQ(result.diagnostics[0].origin.to_string(), two + ":3:1");
  EXPECT_EQ(result.diagnostics[0].message, "log: this section stands in " + one + ", too");
}

TEST_F(ConfigFilesTest,
       what_has_keys_of_the_users_own_may_stand_in_several_files_each_of_them_in_one) {
  const std::string service =
      ": { ports: { 80: http }, endpoints: { addresses: [\"10.0.0.1:80\"] }, tls: { mode: none } "
      "}\n";
  const auto one = write("1.yaml", "services:\n  a.b" + service + "  c.d" + service);
  const auto two = write("2.yaml", "services:\n  e.f" + service);
  const auto result = load({one, two});
  ASSERT_TRUE(result.ok()) << result.format();
  EXPECT_EQ(result.settings->services.size(), 3u);
  const auto three = write("3.yaml", "services:\n  g.h" + service + "  a.b" + service);
  const auto refused = load({one, two, three});
  ASSERT_EQ(refused.diagnostics.size(), 1u) << refused.format();
  EXPECT_EQ(refused.diagnostics[0].origin.to_string(), three + ":3:3");
  EXPECT_EQ(refused.diagnostics[0].message, "services.a.b: this stands in " + one + ", too");
}

TEST_F(ConfigFilesTest, errors_name_their_file_and_stand_in_its_order) {
  const auto one = write("1.yaml", "\n\naccess: [ { name: a, allow: [nobody-knows] } ]\n");
  const auto two = write("2.yaml", "egres: deny\n");
  const auto result = load({one, two});
  ASSERT_EQ(result.diagnostics.size(), 2u) << result.format();
  EXPECT_EQ(result.diagnostics[0].origin.source, one);
  EXPECT_EQ(result.diagnostics[0].origin.line, 3u);
  EXPECT_NE(result.diagnostics[0].source_line.find("nobody-knows"), std::string::npos);
  EXPECT_EQ(result.diagnostics[1].origin.source, two);
  EXPECT_EQ(result.diagnostics[1].did_you_mean, "egress");
}

TEST_F(ConfigFilesTest, what_only_all_files_tell_is_told_at_its_place) {
  const auto one = write("1.yaml", "identity: { trust_domain: here, dir: id }\n");
  const auto two = write("2.yaml",
                         "services:\n  a.b:\n    ports: { 80: http }\n    endpoints: { addresses: "
                         "[10.0.0.1:80] }\n    tls: { identities: [spiffe://there/ns/b/sa/a] }\n");
  const auto result = load({one, two});
  ASSERT_EQ(result.diagnostics.size(), 1u) << result.format();
  EXPECT_EQ(result.diagnostics[0].origin.source, two);
  EXPECT_EQ(result.diagnostics[0].origin.line, 5u);
}

TEST_F(ConfigFilesTest, paths_begin_in_the_folder_of_their_own_file) {
  const auto one = write("x/1.yaml", "identity: { dir: id }\n");
  const auto two = write("y/2.yaml", "state: { dir: state }\n");
  const auto result = load({one, two});
  ASSERT_TRUE(result.ok()) << result.format();
  EXPECT_EQ(result.settings->identity.dir, (folder / "x/id").string());
  EXPECT_EQ(result.settings->state_dir, (folder / "y/state").string());
}

TEST_F(ConfigFilesTest, a_syntax_error_of_one_is_told_alone) {
  const auto one = write("1.yaml", "egres: deny\n");
  const auto two = write("2.yaml", "log: [\n");
  const auto result = load({one, two});
  ASSERT_EQ(result.diagnostics.size(), 1u) << result.format();
  EXPECT_EQ(result.diagnostics[0].origin.source, two);
}

TEST_F(ConfigFilesTest, a_file_that_is_not_there_is_named) {
  const auto one = write("1.yaml", "{}\n");
  const auto result = load({one, (folder / "2.yaml").string()});
  EXPECT_EQ(result.format(), (folder / "2.yaml").string() +
                                 ": cannot be read: No such file or directory\n"
                                 "  remedy: give the path of a YAML file\n");
}

TEST_F(ConfigFilesTest, every_change_is_seen) {
  const auto one = write("c/1.yaml", "egress: deny\n");
  const std::vector<std::string> given{(folder / "c").string()};
  auto last = read_config_files(given).all;
  const auto is_new = [&] {
    const auto now = read_config_files(given).all;
    return std::exchange(last, now) != now;
  };
  EXPECT_FALSE(is_new());
  write("c/2.yaml", "log: {}\n");
  EXPECT_TRUE(is_new());
  fs::rename(folder / "c/2.yaml", folder / "c/3.yaml");
  EXPECT_TRUE(is_new());
  fs::remove(folder / "c/3.yaml");
  EXPECT_TRUE(is_new());
  EXPECT_EQ(last, "egress: deny\n") << "the only file, as it is";
  EXPECT_EQ(read_config_files(given).folders, std::set<std::string>{(folder / "c").string()});
}

}  // namespace
}  // namespace epaulet
