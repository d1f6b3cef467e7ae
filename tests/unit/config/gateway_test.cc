#include <gtest/gtest.h>

#include <algorithm>

#include "config/doubts.h"
#include "config/gateway_keys.h"
#include "config/loader.h"
#include "config/settings_json.h"
#include "config/shaping_settings.h"

namespace epaulet {
namespace {

constexpr std::string_view kOwn = R"(workload: { service: shop.web }
services:
  api.web:
    ports: { 80: http, 81: http, 5432: tcp }
    port_names: { http: 80, admin: 81 }
    endpoints: { addresses: [10.0.0.1:8080] }
    tls: { mode: none }
  calls.web: { ports: { 90: http }, endpoints: { addresses: [10.0.0.2:8080] }, tls: { mode: none } }
  far.other: { ports: { 80: http }, endpoints: { addresses: [10.0.0.3:8080] }, tls: { mode: none } }
backends:
  api-v2.web: { endpoints: { addresses: [10.0.0.4:8080] }, tls: { mode: none } }
)";

std::string http(const std::string& name, const std::string& rules,
                 const std::string& metadata = "namespace: web") {
  return "---\napiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata: { name: " +
         name + ", " + metadata +
         " }\nspec:\n  parentRefs: [ { group: \"\", kind: Service, name: api, port: 80 } ]\n"
         "  rules:\n" +
         rules;
}

LoadResult load(const std::string& documents, std::string_view own = kOwn) {
  return load_settings("c.yaml", std::string(own) + documents, "");
}

std::string notices(const LoadResult& result) {
  return format(result.notices);
}

/// Names of a service's routes in their order.
std::vector<std::string> names(const LoadResult& result, const std::string& service = "api.web") {
  std::vector<std::string> out;
  if (!result.ok()) return {result.format()};
  for (const auto& route : result.settings->services.at(service).routes) out.push_back(route.name);
  return out;
}

const RouteSettings& route(const LoadResult& result, std::size_t index,
                           const std::string& service = "api.web") {
  return result.settings->services.at(service).routes.at(index);
}

using Names = std::vector<std::string>;

TEST(Gateway, a_rule_becomes_a_route_and_the_rest_is_not_found) {
  const auto result = load(http("split", R"(
  - name: canary
    matches: [ { path: { value: /orders/ }, method: GET,
                 headers: [ { name: X-Tenant, value: blue }, { name: x-tenant, value: red } ],
                 queryParams: [ { name: v, value: "2" } ] } ]
    backendRefs:
    - { name: api, port: 80, weight: 9 }
    - { name: api-v2, port: 80 }
    timeouts: { request: 10s, backendRequest: 2s500ms }
    retry: { codes: [502, 503], attempts: 1, backoff: 100ms }
)"));
  ASSERT_EQ(names(result), (Names{"split:canary", "unmatched"}));
  EXPECT_EQ(notices(result), "");
  const auto& canary = route(result, 0);
  EXPECT_EQ(canary.paths, Names{"/orders/**"});
  EXPECT_EQ(canary.methods, Names{"GET"});
  ASSERT_EQ(canary.headers.size(), 1u);
  EXPECT_EQ(canary.headers[0].name, "x-tenant");
  EXPECT_EQ(canary.headers[0].exact, "blue");
  ASSERT_NE(canary.shaping, nullptr);
  ASSERT_EQ(canary.shaping->query.size(), 1u);
  EXPECT_EQ(canary.shaping->query[0].exact, "2");
  EXPECT_EQ(canary.shaping->ports, std::vector<std::uint16_t>{80});
  ASSERT_EQ(canary.to.size(), 2u);
  EXPECT_EQ(canary.to[0].backend, "api.web");
  EXPECT_EQ(canary.to[0].weight, 9u);
  EXPECT_EQ(canary.to[1].backend, "api-v2.web");
  EXPECT_EQ(canary.to[1].weight, 1u);
  EXPECT_EQ(canary.timeouts.request, std::chrono::seconds(10));
  EXPECT_EQ(canary.timeouts.attempt, std::chrono::milliseconds(2500));
  EXPECT_EQ(canary.retries.statuses, (std::vector<std::uint16_t>{502, 503}));
  EXPECT_EQ(canary.retries.max, 1u);
  EXPECT_EQ(canary.retries.backoff->initial, std::chrono::milliseconds(100));
  EXPECT_EQ(canary.origin.line, 20u);
  const auto& rest = route(result, 1);
  EXPECT_EQ(rest.shaping->refuse->status, 404);
  EXPECT_EQ(rest.shaping->ports, std::vector<std::uint16_t>{80});
  EXPECT_EQ(rest.paths, Names{"/**"});
}

TEST(Gateway, what_documents_became_loads_again) {
  const auto result = load(http("all", R"(
  - matches: [ { path: { type: Exact, value: "/a*b" } }, { path: { value: /v1 } }, { path: { value: /v2 } } ]
    backendRefs: [ { name: api, port: 80, weight: 2 }, { name: nobody, port: 80 } ]
  - matches: [ { path: { value: /moved } } ]
    filters:
    - type: RequestRedirect
      requestRedirect: { scheme: https, hostname: new.example, port: 8443, statusCode: 308,
                         path: { type: ReplacePrefixMatch, replacePrefixMatch: /here } }
  - matches: [ { path: { value: /old } } ]
    filters:
    - { type: URLRewrite, urlRewrite: { hostname: h.example, path: { type: ReplacePrefixMatch, replacePrefixMatch: "" } } }
    - { type: RequestHeaderModifier, requestHeaderModifier: { set: [ { name: x-a, value: b } ], remove: [x-c] } }
    - { type: ResponseHeaderModifier, responseHeaderModifier: { add: [ { name: x-d, value: e } ] } }
    backendRefs: [ { name: api-v2, port: 80 } ]
  - matches: [ { path: { value: /gone } } ]
    backendRefs: [ { name: api, port: 80, weight: 0 } ]
)"));
  ASSERT_TRUE(result.ok()) << result.format();
  const auto dump = settings_to_json(*result.settings);
  const auto again = load_settings("d.json", dump, "");
  ASSERT_TRUE(again.ok()) << again.format() << dump;
  EXPECT_EQ(settings_to_json(*again.settings), dump);
  EXPECT_EQ(names(result), (Names{"all:0", "all:1", "all:3", "all:2", "all:0:2", "unmatched"}));
  EXPECT_EQ(route(result, 0).paths, Names{"/a%2Ab"});
  const auto& redirect = *route(result, 1).shaping->redirect;
  EXPECT_EQ(redirect.scheme, "https");
  EXPECT_EQ(redirect.hostname, "new.example");
  EXPECT_EQ(redirect.port, 8443);
  EXPECT_EQ(redirect.status, 308);
  EXPECT_EQ(redirect.replace_prefix_match, "/here");
  const auto& nowhere = route(result, 2);
  EXPECT_EQ(nowhere.shaping->refuse->status, 500);
  EXPECT_EQ(nowhere.shaping->refuse->share, 1.0);
  EXPECT_TRUE(nowhere.to.empty());
  const auto& rewrite = route(result, 3);
  EXPECT_EQ(rewrite.shaping->rewrite->replace_prefix_match, "/");
  EXPECT_EQ(rewrite.shaping->request_headers->set.at("x-a"), "b");
  EXPECT_EQ(rewrite.shaping->request_headers->remove, Names{"x-c"});
  EXPECT_EQ(rewrite.shaping->response_headers->add.at("x-d"), "e");
  EXPECT_EQ(route(result, 4).paths, (Names{"/v1/**", "/v2/**"}));
  EXPECT_NEAR(route(result, 4).shaping->refuse->share, 1.0 / 3, 1e-9);
  EXPECT_NE(notices(result).find("no backend for the Service nobody.web"), std::string::npos)
      << notices(result);
}

/// Each line of the specification's order, with the one that must win written last.
TEST(Gateway, matches_are_asked_in_the_order_of_the_specification) {
  const auto order = [](const std::string& loser, const std::string& winner) {
    const auto result =
        load(http("r", "  - { name: loser, matches: [ " + loser +
                           " ], backendRefs: [ { name: api, port: 80 } ] }\n"
                           "  - { name: winner, matches: [ " +
                           winner + " ], backendRefs: [ { name: api, port: 80 } ] }\n"));
    return names(result);
  };
  const Names wins{"r:winner", "r:loser", "unmatched"};
  const Names loses{"r:loser", "r:winner", "unmatched"};
  EXPECT_EQ(
      order("{ path: { value: /abcdef }, method: GET }", "{ path: { type: Exact, value: /a } }"),
      wins);
  EXPECT_EQ(order("{ path: { value: /ab }, method: GET }", "{ path: { value: /abc } }"), wins);
  EXPECT_EQ(order("{ headers: [ { name: a, value: b } ] }", "{ method: GET }"), wins);
  EXPECT_EQ(order("{ headers: [ { name: a, value: b } ], queryParams: [ { name: a, value: b }, { "
                  "name: b, value: b } ] }",
                  "{ headers: [ { name: a, value: b }, { name: b, value: b } ] }"),
            wins);
  EXPECT_EQ(order("{ queryParams: [ { name: a, value: b } ] }",
                  "{ queryParams: [ { name: a, value: b }, { name: b, value: b } ] }"),
            wins);
  EXPECT_EQ(order("{ method: GET }", "{ method: PUT }"), loses) << "the first rule";
  EXPECT_EQ(order("{ path: { value: /ab/ } }", "{ path: { value: /cd } }"), loses)
      << "a slash at the end is no character";
}

TEST(Gateway, of_equal_matches_the_oldest_route_wins_then_the_alphabet) {
  const std::string rule = "  - { backendRefs: [ { name: api, port: 80 } ] }\n";
  const auto young = "namespace: web, creationTimestamp: 2026-02-01T00:00:00Z";
  const auto old = "namespace: web, creationTimestamp: \"2025-12-31T00:00:00Z\"";
  EXPECT_EQ(names(load(http("a", rule, young) + http("z", rule, old))),
            (Names{"z:0", "a:0", "unmatched"}));
  EXPECT_EQ(names(load(http("z", rule) + http("b", rule, young) + http("a", rule))),
            (Names{"b:0", "a:0", "z:0", "unmatched"}));
  EXPECT_EQ(
      names(load(http("z", rule, "namespace: web, creationTimestamp: null") + http("a", rule))),
      (Names{"a:0", "z:0", "unmatched"}));
}

TEST(Gateway, matches_of_several_routes_are_in_one_order) {
  const auto result =
      load(http("one",
                "  - matches: [ { path: { value: / } }, { path: { value: /a/b/c } } ]\n"
                "    backendRefs: [ { name: api, port: 80 } ]\n") +
           http("two",
                "  - matches: [ { path: { value: /a/b } } ]\n"
                "    backendRefs: [ { name: api-v2, port: 80 } ]\n"));
  EXPECT_EQ(names(result), (Names{"one:0", "two:0", "one:0:2", "unmatched"}));
}

TEST(Gateway, calls_are_matched_by_service_and_method) {
  const auto result = load(R"(---
apiVersion: gateway.networking.k8s.io/v1
kind: GRPCRoute
metadata: { name: calls, namespace: web }
spec:
  parentRefs: [ { kind: Service, name: calls } ]
  rules:
  - backendRefs: [ { name: calls, port: 90 } ]
  - matches: [ { method: { method: Get } } ]
    backendRefs: [ { name: calls, port: 90 } ]
  - matches: [ { method: { service: shop.Orders } }, { method: { service: shop.Orders, method: Get }, headers: [ { name: v, value: "2" } ] } ]
    backendRefs: [ { name: calls, port: 90 } ]
  - matches: [ { method: { type: Exact, service: shop.Orders, method: Get } } ]
    backendRefs: [ { name: nobody, port: 90 } ]
)");
  ASSERT_EQ(names(result, "calls.web"),
            (Names{"calls:2", "calls:3", "calls:2:2", "calls:1", "calls:0", "unmatched"}));
  EXPECT_EQ(route(result, 0, "calls.web").paths, Names{"/shop.Orders/Get"});
  EXPECT_EQ(route(result, 0, "calls.web").methods, Names{"POST"});
  EXPECT_EQ(route(result, 1, "calls.web").shaping->refuse->status, 500);
  EXPECT_EQ(route(result, 2, "calls.web").paths, Names{"/shop.Orders/*"});
  EXPECT_EQ(route(result, 3, "calls.web").paths, Names{"/*/Get"});
  EXPECT_EQ(route(result, 4, "calls.web").paths, Names{"/**"});
  EXPECT_TRUE(route(result, 5, "calls.web").shaping->ports.empty());
}

TEST(Gateway, a_grpc_route_holds_alone_at_its_port) {
  const std::string grpc = R"(---
apiVersion: gateway.networking.k8s.io/v1
kind: GRPCRoute
metadata: { name: calls, namespace: web }
spec: { parentRefs: [ { kind: Service, name: api, sectionName: http } ], rules: [ { backendRefs: [ { name: api, port: 80 } ] } ] }
)";
  const auto result =
      load(http("plain", "  - { backendRefs: [ { name: api, port: 80 } ] }\n") + grpc);
  EXPECT_EQ(names(result), (Names{"calls:0", "unmatched"}));
  EXPECT_NE(notices(result).find("HTTPRoute plain.web gives way to the GRPCRoute of port 80"),
            std::string::npos);
}

TEST(Gateway, own_routes_come_first_and_names_stay_unique) {
  std::string own(kOwn);
  const std::string at = "    tls: { mode: none }\n";
  own.insert(
      own.find(at),
      "    routes: [ { name: \"r:0\", paths: [/own] }, { name: unmatched, paths: [/x] } ]\n");
  const auto result = load(http("r", "  - { backendRefs: [ { name: api, port: 80 } ] }\n"), own);
  EXPECT_EQ(names(result), (Names{"r:0", "unmatched", "r:0:2", "unmatched:2"}));
}

TEST(Gateway, parents_that_are_no_service_of_ours_are_told) {
  const auto with_parent = [](const std::string& parent) {
    auto text = http("r",
                     "  - { filters: [ { type: ExtensionRef, extensionRef: { group: g, kind: K, "
                     "name: n } } ] }\n");
    const std::string own = "{ group: \"\", kind: Service, name: api, port: 80 }";
    return load(text.replace(text.find(own), own.size(), parent));
  };
  EXPECT_NE(notices(with_parent("{ name: edge }")).find("is a \"Gateway\" and no Service"),
            std::string::npos);
  EXPECT_NE(
      notices(with_parent("{ kind: Service, name: nobody }")).find("dials no Service nobody.web"),
      std::string::npos);
  EXPECT_NE(notices(with_parent("{ kind: Service, name: api, port: 82 }")).find("no such port"),
            std::string::npos);
  EXPECT_NE(notices(with_parent("{ kind: Service, name: api, port: 5432 }")).find("no such port"),
            std::string::npos);
  const auto attached = with_parent("{ kind: Service, name: api }");
  EXPECT_NE(attached.format().find("the filter \"ExtensionRef\" is not supported"),
            std::string::npos);
}

TEST(Gateway, routes_of_a_consumer_hold_in_its_namespace_instead_of_the_producers) {
  const auto of = [](const std::string& name_space) {
    auto text = http("r-" + name_space,
                     "  - { backendRefs: [ { name: far, namespace: other, port: 80 } ] }\n",
                     "namespace: " + name_space);
    const std::string own = "name: api, port: 80";
    return text.replace(text.find(own), own.size(), "name: far, namespace: other");
  };
  EXPECT_EQ(names(load(of("other")), "far.other"), (Names{"r-other:0", "unmatched"}));
  EXPECT_EQ(names(load(of("other") + of("web")), "far.other"), (Names{"r-web:0", "unmatched"}));
  const auto third = load(of("other") + of("third"));
  EXPECT_EQ(names(third, "far.other"), (Names{"r-other:0", "unmatched"}));
  EXPECT_NE(notices(third).find("is for callers of namespace third"), std::string::npos);
}

TEST(Gateway, the_directory_knows_backends_that_nobody_has_written) {
  const auto result = load(http("r", "  - { backendRefs: [ { name: new, port: 8080 } ] }\n"),
                           std::string(kOwn) +
                               "directory: { url: \"https://d.mesh:15012\", identities: "
                               "[\"spiffe://cluster.local/ns/d/sa/d\"] }\nidentity: { dir: /i }\n");
  ASSERT_TRUE(result.ok()) << result.format();
  const auto& made = result.settings->backends.at("new.web.port-8080");
  EXPECT_EQ(made.endpoints.directory, "new.web");
  EXPECT_EQ(made.endpoints.port, 8080);
  EXPECT_EQ(route(result, 0).to[0].backend, "new.web.port-8080");
}

TEST(Gateway, documents_may_stand_alone_and_of_other_kinds_are_refused_by_name) {
  const std::string alone = http("r", "  - { backendRefs: [ { name: api, port: 80 } ] }\n");
  const ConfigText texts[] = {{"own.yaml", kOwn, ""}, {"routes.yaml", alone, ""}};
  const auto result = load_settings(texts);
  ASSERT_TRUE(result.ok()) << result.format();
  EXPECT_EQ(route(result, 0).origin.source, "routes.yaml");
  const auto other = load("---\napiVersion: v1\nkind: ConfigMap\nmetadata: { name: a }\n");
  EXPECT_NE(other.format().find("a document of kind \"ConfigMap\" is no configuration"),
            std::string::npos)
      << other.format();
  const auto twice = load(alone + alone);
  EXPECT_NE(twice.format().find("a second HTTPRoute r.web"), std::string::npos) << twice.format();
  EXPECT_NE(load(alone + "---\negress: deny\n").format().find("a second document begins here"),
            std::string::npos);
}

TEST(Gateway, what_kubernetes_adds_is_not_looked_at) {
  const auto result = load(R"(---
apiVersion: gateway.networking.k8s.io/v1beta1
kind: HTTPRoute
metadata:
  name: r
  namespace: web
  uid: 1f
  generation: 3
  labels: { a: b }
  managedFields: [ { f: { x: {} } } ]
  annotations: null
spec:
  parentRefs: [ { kind: Service, name: api } ]
status: { parents: [] }
)");
  EXPECT_EQ(names(result), Names{"unmatched"});
}

TEST(Gateway, durations_are_those_of_gep_2257) {
  using config::gateway::read_duration;
  using namespace std::chrono;
  EXPECT_EQ(read_duration("0s"), Duration(0));
  EXPECT_EQ(read_duration("1h30m15s10ms"), hours(1) + minutes(30) + seconds(15) + milliseconds(10));
  EXPECT_EQ(read_duration("99999ms"), milliseconds(99999));
  for (const auto* bad : {"", "1", "1.5s", "-1s", "100000s", "1d", "s", "1s1s1s1s1s", "1 s", "+1s"})
    EXPECT_FALSE(read_duration(bad)) << bad;
}

TEST(Gateway, backends_with_filters_of_their_own_become_routes_with_shares) {
  const auto result = load(http("r", R"(
  - matches: [ { path: { value: /a } }, { path: { value: /b } } ]
    filters: [ { type: ResponseHeaderModifier, responseHeaderModifier: { set: [ { name: x-all, value: "1" } ] } } ]
    backendRefs:
    - { name: api, port: 80, weight: 2, filters: [ { type: RequestHeaderModifier, requestHeaderModifier: { set: [ { name: x-a, value: b } ] } } ] }
    - { name: nobody, port: 80, weight: 1 }
    - { name: api-v2, port: 80, weight: 0 }
    - { name: api-v2, port: 80, weight: 1, filters: [ { type: URLRewrite, urlRewrite: { hostname: v2.example } } ] }
)"));
  EXPECT_EQ(names(result),
            (Names{"r:0", "r:0:2", "r:0:3", "r:0:4", "r:0:5", "r:0:6", "unmatched"}));
  const auto& first = *route(result, 0).shaping;
  EXPECT_EQ(first.share, 0.5);
  EXPECT_EQ(first.request_headers->set.at("x-a"), "b");
  EXPECT_EQ(first.response_headers->set.at("x-all"), "1");
  EXPECT_EQ(route(result, 0).to.at(0).backend, "api.web");
  EXPECT_EQ(route(result, 0).paths, Names{"/a/**"});
  const auto& second = *route(result, 1).shaping;
  EXPECT_EQ(second.share, 0.5) << "of what the first leaves";
  EXPECT_EQ(second.refuse->status, 500);
  const auto& last = *route(result, 2).shaping;
  EXPECT_FALSE(last.share.has_value());
  EXPECT_EQ(last.rewrite->hostname, "v2.example");
  EXPECT_EQ(route(result, 2).to.at(0).backend, "api-v2.web");
  EXPECT_EQ(route(result, 3).paths, Names{"/b/**"});
  EXPECT_EQ(route(result, 3).shaping->share, 0.5);
}

TEST(Gateway, sessions_by_cookie_are_a_backend_of_their_own) {
  const auto result = load(http("r", R"(
  - matches: [ { path: { value: /a } } ]
    backendRefs: [ { name: api, port: 80 } ]
    sessionPersistence: { sessionName: Shop_id, absoluteTimeout: 48h, cookieConfig: { lifetimeType: Permanent } }
  - matches: [ { path: { value: /b } } ]
    backendRefs: [ { name: api, port: 80 } ]
    sessionPersistence: { sessionName: Shop_id, absoluteTimeout: 48h, cookieConfig: { lifetimeType: Permanent } }
  - matches: [ { path: { value: /c } } ]
    backendRefs: [ { name: api, port: 80 } ]
    sessionPersistence: { sessionName: Shop_id }
)"));
  ASSERT_TRUE(result.ok()) << result.format();
  const auto name = route(result, 0).to.at(0).backend;
  EXPECT_EQ(name, "api.web.session-shop-id-x");
  EXPECT_EQ(route(result, 1).to.at(0).backend, name);
  EXPECT_NE(route(result, 2).to.at(0).backend, name);
  const auto& made = result.settings->backends.at(name);
  EXPECT_EQ(made.balance.policy, BalancePolicy::sticky);
  EXPECT_EQ(made.balance.by->cookie, "Shop_id");
  EXPECT_EQ(made.balance.by->ttl, std::chrono::hours(48));
  EXPECT_EQ(made.endpoints.addresses.size(), 1u);
  EXPECT_EQ(result.settings->backends.at("api.web").balance.policy, BalancePolicy::p2c_ewma);
  const auto dump = settings_to_json(*result.settings);
  EXPECT_TRUE(load_settings("d.json", dump, "").ok());
  for (const auto* bad : {"type: Header", "idleTimeout: 1h", "absoluteTimeout: 1h",
                          "cookieConfig: { lifetimeType: Permanent }", "sessionName: \"a b\""}) {
    const auto refused = load(http("r", std::string("  - backendRefs: [ { name: api, port: 80 } ]\n"
                                                    "    sessionPersistence: { ") +
                                            bad + " }\n"));
    EXPECT_FALSE(refused.ok()) << bad;
  }
}

TEST(Gateway, a_mirror_gets_its_share_if_it_is_there) {
  const auto shares = [](const std::string& more) {
    const auto result = load(http("r", R"(
  - filters: [ { type: RequestMirror, requestMirror: { backendRef: { name: )" +
                                           more + R"( } } ]
    backendRefs: [ { name: api, port: 80 } ]
)"));
    EXPECT_TRUE(result.ok()) << result.format();
    const auto& mirror = route(result, 0).shaping->mirror;
    EXPECT_TRUE(load_settings("d.json", settings_to_json(*result.settings), "").ok());
    return mirror ? mirror->backend + " " + std::to_string(mirror->share) : notices(result);
  };
  EXPECT_EQ(shares("api-v2, port: 80 }"), "api-v2.web 1.000000");
  EXPECT_EQ(shares("api-v2, port: 80 }, percent: 7"), "api-v2.web 0.070000");
  EXPECT_EQ(shares("api-v2, port: 80 }, fraction: { numerator: 1, denominator: 8 }"),
            "api-v2.web 0.125000");
  EXPECT_EQ(shares("api-v2, port: 80 }, percent: 0"), "");
  EXPECT_NE(shares("gone, port: 80 }").find("gone.web: nothing is mirrored"), std::string::npos);
}

TEST(Gateway, several_mirrors_are_one_key) {
  const auto result = load(http("r", R"(
  - filters:
    - { type: RequestMirror, requestMirror: { backendRef: { name: api-v2, port: 80 } } }
    - { type: RequestMirror, requestMirror: { backendRef: { name: gone, port: 80 } } }
    - { type: RequestMirror, requestMirror: { backendRef: { name: api, port: 80 }, percent: 5 } }
    backendRefs: [ { name: api, port: 80 } ]
)"));
  ASSERT_TRUE(result.ok()) << result.format();
  const auto& mirror = *route(result, 0).shaping->mirror;
  EXPECT_EQ(mirror.backend, "api-v2.web");
  ASSERT_EQ(mirror.also.size(), 1u);
  EXPECT_EQ(mirror.also[0].backend, "api.web");
  EXPECT_EQ(mirror.also[0].share, 0.05);
  const auto dump = settings_to_json(*result.settings);
  EXPECT_EQ(settings_to_json(*load_settings("d.json", dump, "").settings), dump);
}

TEST(Gateway, expressions_rank_between_exact_paths_and_prefixes) {
  const auto result = load(http("r", R"(
  - { name: prefix, matches: [ { path: { value: /a/very/long/prefix } } ], backendRefs: [ { name: api, port: 80 } ] }
  - name: regex
    matches:
    - { path: { type: RegularExpression, value: "/a/[0-9]+" }, headers: [ { name: X-A, value: "1|2", type: RegularExpression }, { name: x-b, value: c } ] }
    - { path: { type: RegularExpression, value: "/a/.*" }, method: PUT, queryParams: [ { name: Q, type: RegularExpression, value: "[a-z]+" }, { name: r, value: s } ] }
    backendRefs: [ { name: api-v2, port: 80 } ]
  - { name: exact, matches: [ { path: { type: Exact, value: /a } } ], backendRefs: [ { name: api, port: 80 } ] }
)"));
  ASSERT_EQ(names(result), (Names{"r:exact", "r:regex", "r:regex:2", "r:prefix", "unmatched"}));
  const auto& first = route(result, 1);
  EXPECT_TRUE(first.paths.empty());
  EXPECT_EQ(first.shaping->regex->path, "/a/[0-9]+");
  EXPECT_EQ(first.shaping->regex->headers.at("x-a"), "1|2");
  EXPECT_EQ(first.headers.at(0).name, "x-b");
  const auto& second = route(result, 2);
  EXPECT_EQ(second.shaping->regex->query.at("Q"), "[a-z]+");
  EXPECT_EQ(second.shaping->query.at(0).name, "r");
  EXPECT_EQ(second.methods, Names{"PUT"});
  const auto dump = settings_to_json(*result.settings);
  const auto again = load_settings("d.json", dump, "");
  ASSERT_TRUE(again.ok()) << again.format();
  EXPECT_EQ(settings_to_json(*again.settings), dump);
}

TEST(Gateway, calls_are_matched_by_expressions) {
  const auto calls = [](const std::string& matches) {
    return load(R"(---
apiVersion: gateway.networking.k8s.io/v1
kind: GRPCRoute
metadata: { name: calls, namespace: web }
spec:
  parentRefs: [ { kind: Service, name: calls } ]
  rules:
  - matches: [ )" +
                matches + " ]\n    backendRefs: [ { name: calls, port: 90 } ]\n");
  };
  const auto result = calls(
      "{ method: { type: RegularExpression, service: \"shop[.].*\" } }, { method: { type: "
      "RegularExpression, service: \"a|b\", method: \"Get.*\" } }, { method: { method: Get } }, "
      "{}");
  ASSERT_EQ(names(result, "calls.web"),
            (Names{"calls:0", "calls:0:2", "calls:0:3", "calls:0:4", "unmatched"}));
  EXPECT_EQ(route(result, 0, "calls.web").paths, Names{"/*/Get"});
  EXPECT_EQ(route(result, 1, "calls.web").shaping->regex->path, "/(?:shop[.].*)/[^/]+");
  EXPECT_EQ(route(result, 2, "calls.web").shaping->regex->path, "/(?:a|b)/(?:Get.*)");
  EXPECT_EQ(route(result, 2, "calls.web").methods, Names{"POST"});
  EXPECT_FALSE(calls("{ method: { type: RegularExpression, service: \"a)|(b\" } }").ok());
}

TEST(Gateway, cors_is_a_filter_beside_others_and_beside_a_redirect) {
  const auto result = load(http("r", R"(
  - name: full
    matches: [ { path: { value: /a } } ]
    filters:
    - type: CORS
      cors: { allowOrigins: ["https://*.shop.example", "*"], allowCredentials: true, allowMethods: ["*", PUT],
              allowHeaders: [Authorization], exposeHeaders: [X-Total], maxAge: 2147483647 }
    - { type: RequestHeaderModifier, requestHeaderModifier: { set: [ { name: x-a, value: b } ] } }
    backendRefs: [ { name: api, port: 80 } ]
  - name: away
    matches: [ { path: { value: /b } } ]
    filters:
    - { type: CORS, cors: { allowOrigins: ["http://localhost:3000"] } }
    - { type: RequestRedirect, requestRedirect: { hostname: new.example } }
  - name: lost
    matches: [ { path: { value: /c } } ]
    filters: [ { type: CORS, cors: { allowOrigins: ["capacitor://localhost"] } } ]
    backendRefs: [ { name: nobody, port: 80 } ]
)"));
  ASSERT_EQ(names(result), (Names{"r:full", "r:away", "r:lost", "unmatched"}));
  const auto& cors = *route(result, 0).shaping->cors;
  EXPECT_EQ(cors.allow_origins, (Names{"https://*.shop.example", "*"}));
  EXPECT_TRUE(cors.allow_credentials);
  EXPECT_EQ(cors.allow_methods, (Names{"*", "PUT"}));
  EXPECT_EQ(cors.allow_headers, Names{"Authorization"});
  EXPECT_EQ(cors.expose_headers, Names{"X-Total"});
  EXPECT_EQ(cors.max_age, std::chrono::hours(365 * 24));
  EXPECT_EQ(route(result, 1).shaping->cors->max_age, std::chrono::seconds(5));
  EXPECT_TRUE(route(result, 1).shaping->redirect.has_value());
  EXPECT_EQ(route(result, 2).shaping->cors->allow_origins, Names{"capacitor://localhost"});
  EXPECT_EQ(route(result, 2).shaping->refuse->status, 500);
  const auto dump = settings_to_json(*result.settings);
  const auto again = load_settings("d.json", dump, "");
  ASSERT_TRUE(again.ok()) << again.format();
  EXPECT_EQ(settings_to_json(*again.settings), dump);
  for (const auto* bad : {"{}", "{ allowOrigins: [] }", "{ allowOrigins: [shop.example] }",
                          "{ allowOrigins: [\"https://*shop.example\"] }",
                          "{ allowOrigins: [\"https://shop.example/\"] }",
                          "{ allowOrigins: [\"https://a.*.example\"] }",
                          "{ allowOrigins: [\"https://a.example:0\"] }",
                          "{ allowOrigins: [\"*\"], allowMethods: [\"P U T\"] }",
                          "{ allowOrigins: [\"*\"], maxAge: 0 }"}) {
    const auto refused =
        load(http("r", std::string("  - filters: [ { type: CORS, cors: ") + bad +
                           " } ]\n    backendRefs: [ { name: api, port: 80 } ]\n"));
    EXPECT_FALSE(refused.ok()) << bad;
  }
}

TEST(Gateway, fields_that_are_added_have_a_limit_together) {
  std::string set;
  for (const char name : std::string_view("abcde"))
    set += std::string("{ name: x-") + name + ", value: " + std::string(4000, 'v') + " }, ";
  const auto result = load(http("r",
                                "  - filters: [ { type: RequestHeaderModifier, "
                                "requestHeaderModifier: { set: [ " +
                                    set +
                                    "] } } ]\n"
                                    "    backendRefs: [ { name: api, port: 80 } ]\n"));
  EXPECT_NE(result.format().find("more than 16384 bytes together"), std::string::npos)
      << result.format();
}

TEST(Gateway, a_backend_request_that_the_inherited_request_ends_first_is_doubted) {
  const auto doubts_of = [](const std::string& times) {
    const auto result = load(http(
        "slow", "  - backendRefs: [ { name: api, port: 80 } ]\n    timeouts: { " + times + " }\n"));
    EXPECT_TRUE(result.ok()) << result.format();
    return result.ok() ? doubts_about(*result.settings) : std::vector<Diagnostic>();
  };
  const auto found = doubts_of("backendRequest: 30s");
  ASSERT_EQ(found.size(), 1u);
  EXPECT_NE(found[0].format().find("timeouts.attempt (30s) can never pass"), std::string::npos);
  EXPECT_EQ(doubts_of("backendRequest: 10s").size(), 0u);
  EXPECT_EQ(doubts_of("backendRequest: 30s, request: 1m").size(), 0u);
}

}  // namespace
}  // namespace epaulet
