#include "dns/names.h"

#include <gtest/gtest.h>

namespace epaulet {
namespace {

Settings settings_with(std::initializer_list<std::string> services,
                       const std::string& workload = "api.default") {
  Settings settings;
  settings.workload.service = workload;
  for (const auto& name : services) {
    settings.services[name].name = name;
    settings.services[name].default_backend = name;
  }
  return settings;
}

/// The service that `key` means, "" for none.
std::string find(const NameTable& table, std::string_view key) {
  const auto* service = table.find(key);
  return service == nullptr ? "" : service->name;
}

TEST(NameTable, knows_a_name_with_namespace_in_all_cluster_forms) {
  const NameTable table(settings_with({"api2.default"}), {});
  EXPECT_EQ(find(table, "api2.default"), "api2.default");
  EXPECT_EQ(find(table, "api2.default.svc"), "api2.default");
  EXPECT_EQ(find(table, "api2.default.svc.cluster.local"), "api2.default");
}

TEST(NameTable, knows_it_with_each_search_suffix_behind_it) {
  const NameTable table(settings_with({"api2.default"}), {"corp.example."});
  // What a resolver with ndots:5 asks first for `api2.default`, `api2.default.svc` and the full
  // name.
  for (const std::string form :
       {"api2.default", "api2.default.svc", "api2.default.svc.cluster.local"}) {
    for (const std::string suffix :
         {"default.svc.cluster.local", "svc.cluster.local", "cluster.local", "corp.example"}) {
      EXPECT_EQ(find(table, form + "." + suffix), "api2.default") << form << " " << suffix;
    }
  }
}

TEST(NameTable, knows_named_ports_of_a_service_in_all_its_forms) {
  auto settings = settings_with({"api2.default"});
  settings.services["api2.default"].ports = {{80, PortProtocol::http},
                                             {5432, PortProtocol::automatic}};
  settings.services["api2.default"].port_names = {{"postgres", 5432}};
  const NameTable table(settings, {"corp.example"});
  for (const std::string form : {"api2", "api2.default", "api2.default.svc.cluster.local",
                                 "api2.default.svc.cluster.local.corp.example"}) {
    const auto http = table.find_port("_http._tcp." + form);
    ASSERT_TRUE(http) << form;
    EXPECT_EQ(http->port, 80) << form;
    EXPECT_EQ(http->service->name, "api2.default");
    EXPECT_EQ(table.find_port("_postgres._tcp." + form)->port, 5432) << form;
  }
  for (const std::string name :
       {"", "_", "_http", "_http.", "_http._tcp", "_http._tcp.", "_http._tcp.other.default",
        "http._tcp.api2.default", "_http._udp.api2.default", "_grpc._tcp.api2.default",
        "_http.api2.default", "_tcp.api2.default", "__http._tcp.api2.default"}) {
    EXPECT_FALSE(table.find_port(name)) << name;
  }
}

TEST(NameTable, a_port_is_named_http_if_it_is_the_only_one_and_nobody_else_is) {
  auto settings = settings_with({"a", "b", "c"});
  settings.services["a"].ports = {{80, PortProtocol::http}, {8080, PortProtocol::http}};
  settings.services["b"].ports = {{80, PortProtocol::http}, {8080, PortProtocol::automatic}};
  settings.services["b"].port_names = {{"http", 8080}};
  settings.services["c"].ports = {{80, PortProtocol::automatic}};
  const NameTable table(settings, {});
  EXPECT_FALSE(table.find_port("_http._tcp.a"));
  EXPECT_EQ(table.find_port("_http._tcp.b")->port, 8080);
  EXPECT_FALSE(table.find_port("_http._tcp.c"));
}

TEST(NameTable, does_not_know_what_only_resembles_it) {
  const NameTable table(settings_with({"api2.default"}), {});
  for (const std::string name :
       {"", ".", "api2.other", "api3.default", "api2.default.svc.cluster.localx", "xapi2.default",
        "x.api2.default", "api2.default.example", "svc.cluster.local", "cluster.local",
        "default.svc.cluster.local", "default", "svc", "api2.defaultsvc.cluster.local",
        "api2.other.svc.cluster.local", "api2.default.cluster"}) {
    EXPECT_EQ(find(table, name), "") << name;
  }
}

TEST(NameTable, a_name_alone_stands_in_the_namespace_of_the_workload) {
  const NameTable table(settings_with({"my-event-server"}, "gateway.events"), {});
  for (const std::string name :
       {"my-event-server", "my-event-server.events", "my-event-server.events.svc",
        "my-event-server.events.svc.cluster.local",
        "my-event-server.events.svc.cluster.local.events.svc.cluster.local",
        "my-event-server.svc.cluster.local", "my-event-server.cluster.local"}) {
    EXPECT_EQ(find(table, name), "my-event-server") << name;
  }
  EXPECT_EQ(find(table, "my-event-server.default"), "");
}

TEST(NameTable, a_service_of_our_own_namespace_may_be_called_without_it) {
  const NameTable table(settings_with({"api2.default", "far.other"}), {});
  EXPECT_EQ(find(table, "api2"), "api2.default");
  EXPECT_EQ(find(table, "far"), "");
}

TEST(NameTable, a_workload_without_namespace_is_in_default) {
  EXPECT_EQ(find(NameTable(settings_with({"web"}, ""), {}), "web.default.svc.cluster.local"),
            "web");
  EXPECT_EQ(find(NameTable(settings_with({"web"}, "api"), {}), "web.default.svc.cluster.local"),
            "web");
}

TEST(NameTable, takes_full_names_in_the_configuration_for_the_same_thing) {
  const NameTable table(settings_with({"api2.default.svc.cluster.local", "b.other.svc"}), {});
  EXPECT_EQ(find(table, "api2.default"), "api2.default.svc.cluster.local");
  EXPECT_EQ(find(table, "api2"), "api2.default.svc.cluster.local");
  EXPECT_EQ(find(table, "b.other.svc.cluster.local"), "b.other.svc");
}

TEST(NameTable, a_name_of_the_outside_world_has_itself_and_its_search_forms) {
  const NameTable table(settings_with({"api.shop.example"}), {});
  EXPECT_EQ(find(table, "api.shop.example"), "api.shop.example");
  EXPECT_EQ(find(table, "api.shop.example.default.svc.cluster.local"), "api.shop.example");
  EXPECT_EQ(find(table, "api.shop.example.svc"), "");
}

TEST(NameTable, the_configuration_may_spell_names_in_any_case_and_with_a_final_dot) {
  const NameTable table(settings_with({"API2.Default."}, "Api.DEFAULT"), {});
  EXPECT_EQ(find(table, "api2.default"), "API2.Default.");
  EXPECT_EQ(find(table, "api2.default.svc.cluster.local"), "API2.Default.");
  EXPECT_EQ(find(table, "api2"), "API2.Default.");
}

TEST(NameTable, follows_the_cluster_domain) {
  auto settings = settings_with({"api2.default"});
  settings.dns.cluster_domain = "K8S.example.";
  const NameTable table(settings, {});
  EXPECT_EQ(find(table, "api2.default.svc.k8s.example"), "api2.default");
  EXPECT_EQ(find(table, "api2.default.svc.cluster.local"), "");
}

TEST(NameTable, the_most_literal_reading_wins) {
  const NameTable table(settings_with({"web", "web.default", "web.default.svc.cluster.local"}), {});
  EXPECT_EQ(find(table, "web"), "web");
  EXPECT_EQ(find(table, "web.default"), "web.default");
  EXPECT_EQ(find(table, "web.default.svc.cluster.local"), "web.default.svc.cluster.local");
  EXPECT_EQ(find(table, "web.default.svc"), "web.default");
}

TEST(NameTable, names_each_backend_of_a_service_once) {
  auto settings = settings_with({"api2.default"});
  RouteSettings route;
  route.to = {{{}, "canary", 10}, {{}, "api2.default", 90}, {{}, "canary", 1}};
  settings.services["api2.default"].routes = {route};
  const NameTable table(settings, {});
  const std::vector<std::string> expected{"api2.default", "canary"};
  EXPECT_EQ(table.find("api2")->backends, expected);
}

}  // namespace
}  // namespace epaulet
