#include "k8s/directory/route_book.h"

#include <gtest/gtest.h>

#include "k8s/directory/judge_route.h"
#include "k8s/directory/model.h"
#include "k8s/directory/route_status.h"

namespace epaulet::kube {
namespace {

namespace json = boost::json;
using Names = std::set<std::string>;

/// As the API server has it.
std::string object(
    const std::string& name, const std::string& rules, int generation = 1,
    const std::string& parents = R"([{"group":"","kind":"Service","name":"api","port":80}])",
    const std::string& status = "[]") {
  return R"({"kind":"HTTPRoute","metadata":{"namespace":"shop","name":")" + name +
         R"(","uid":"u-)" + name + R"(","resourceVersion":"7","generation":)" +
         std::to_string(generation) +
         R"(,"creationTimestamp":"2026-01-31T12:00:00Z","managedFields":[{"a":1}]},"spec":{"parentRefs":)" +
         parents + R"(,"rules":)" + rules + R"(},"status":{"parents":)" + status + "}}";
}

HttpRouteFacts read(const std::string& text) {
  HttpRouteFacts facts;
  EXPECT_TRUE(read_facts(json::parse(text).as_object(), facts)) << text;
  return facts;
}

const std::string kGood = R"([{"backendRefs":[{"name":"api","port":80}]}])";
const std::string kBad = R"([{"filters":[{"type":"ExternalAuth"}]}])";

ServiceFacts service(const std::string& name) {
  ServiceFacts facts;
  facts.name_space = "shop";
  facts.name = name;
  facts.ports.emplace_back();
  facts.ports.back().name = "http";
  facts.ports.back().port = 80;
  return facts;
}

TEST(RouteObjects, whom_a_route_concerns_and_what_a_sidecar_reads) {
  const auto facts = read(object(
      "r",
      R"([{"filters":[{"type":"RequestMirror","requestMirror":{"backendRef":{"name":"m","port":1}}}],)"
      R"("backendRefs":[{"name":"api","port":80},{"name":"b","namespace":"far","port":80},)"
      R"({"group":"x.io","kind":"Y","name":"c"}]}])",
      3,
      R"([{"kind":"Gateway","name":"edge"},{"name":"edge"},{"group":"","kind":"Service","name":"api","namespace":"far","sectionName":"web"}])"));
  ASSERT_EQ(facts.parents.size(), 1u);
  EXPECT_EQ(facts.parents[0].service(), "api.far");
  EXPECT_EQ(facts.parents[0].section_name, "web");
  EXPECT_EQ(facts.generation, 3);
  std::vector<std::string> backends;
  for (const auto& each : facts.backends) backends.push_back(each.kind + " " + each.service);
  EXPECT_EQ(backends, (std::vector<std::string>{"Service m.shop", "Service api.shop",
                                                "Service b.far", "x.io/Y c.shop"}));
  const auto told = json::parse(facts.document).as_object();
  EXPECT_EQ(told.at("apiVersion"), "gateway.networking.k8s.io/v1");
  EXPECT_EQ(told.at("kind"), "HTTPRoute");
  EXPECT_EQ(told.at("metadata").as_object().size(), 3u);
  EXPECT_FALSE(told.contains("status"));
  EXPECT_TRUE(read(object("g", kGood, 1, R"([{"name":"edge"}])")).document.empty());
}

TEST(JudgeRoute, is_the_loader_of_sidecars) {
  const auto judged = [](const std::string& rules, const std::string& parent = "\"port\":80") {
    const auto facts = read(
        object("r", rules, 1, R"([{"group":"","kind":"Service","name":"api",)" + parent + "}]"));
    return judge_route(facts, RouteKind::http_route);
  };
  EXPECT_EQ(judged(kGood), "");
  EXPECT_EQ(judged(kGood, R"("sectionName":"http")"), "");
  EXPECT_EQ(judged(kGood, R"("sectionName":"Not a name of a port")").substr(0, 5), "spec.");
  EXPECT_EQ(judged(R"([{"backendRefs":[{"name":"nobody","port":80}]}])"), "")
      << "that is a question for the model";
  EXPECT_NE(judged(kBad).find("the filter \"ExternalAuth\" is not supported"), std::string::npos)
      << judged(kBad);
  EXPECT_NE(judged(kBad).find("spec.rules[0].filters[0]"), std::string::npos) << judged(kBad);
  EXPECT_NE(judged(R"([{"matches":[{"path":{"type":"RegularExpression","value":"("}}]}])")
                .find("regular expression"),
            std::string::npos);
  const auto large =
      R"([{"matches":[{"headers":[{"name":"a","value":")" + std::string(40'000, 'x') + R"("}]}]}])";
  EXPECT_NE(judged(large).find("larger than 32768 bytes"), std::string::npos);
}

TEST(RouteBook, a_bad_version_leaves_the_last_good_one_in_force) {
  RouteBook book(judge_route);
  EXPECT_EQ(book.put(RouteKind::http_route, read(object("r", kGood)), 0), Names{"api.shop"});
  const auto good = book.documents_for("api.shop");
  EXPECT_NE(good.find("backendRefs"), std::string::npos);
  EXPECT_EQ(book.put(RouteKind::http_route, read(object("r", kBad, 2)), 0), Names{});
  EXPECT_EQ(book.documents_for("api.shop"), good);
  const auto& route = *book.find({RouteKind::http_route, "shop/r"});
  EXPECT_NE(route.refused, "");
  EXPECT_EQ(route.generation, 1);
  EXPECT_EQ(route.facts.generation, 2);
  EXPECT_EQ(book.put(RouteKind::http_route, read(object("r", R"([{"name":"x"}])", 3)), 0),
            Names{"api.shop"});
  EXPECT_EQ(book.find({RouteKind::http_route, "shop/r"})->refused, "");
  EXPECT_EQ(book.remove(RouteKind::http_route, read(object("r", kGood))), Names{"api.shop"});
  EXPECT_EQ(book.documents_for("api.shop"), "");
  EXPECT_EQ(book.count(RouteKind::http_route), 0u);
}

TEST(RouteBook, a_route_that_was_bad_from_the_start_is_told_to_nobody) {
  RouteBook book(judge_route);
  EXPECT_EQ(book.put(RouteKind::http_route, read(object("r", kBad)), 0), Names{"api.shop"});
  EXPECT_EQ(book.documents_for("api.shop"), "");
  EXPECT_EQ(book.refused_for("api.shop"),
            R"([{"name":"HTTPRoute r.shop","created":"2026-01-31T12:00:00Z"}])")
      << "who knows an earlier version keeps it";
  EXPECT_EQ(book.put(RouteKind::http_route, read(object("r", kBad)), 1), Names{});
  EXPECT_EQ(book.put(RouteKind::http_route, read(object("r", kGood, 2)), 0), Names{"api.shop"});
  EXPECT_EQ(book.refused_for("api.shop"), "");
  auto anew = read(object("r", kBad, 1));
  anew.uid = "another";
  EXPECT_EQ(book.put(RouteKind::http_route, std::move(anew), 0), Names{"api.shop"})
      << "an object of the same name has no version before it";
  EXPECT_EQ(book.documents_for("api.shop"), "");
  EXPECT_NE(book.refused_for("api.shop"), "");
  EXPECT_EQ(book.remove(RouteKind::http_route, read(object("r", kBad))), Names{"api.shop"});
  EXPECT_EQ(book.refused_for("api.shop"), "");
}

TEST(RouteBook, a_status_or_a_second_list_is_no_news) {
  int judged = 0;
  RouteBook book([&](const RouteFacts&, RouteKind) {
    ++judged;
    return std::string();
  });
  EXPECT_EQ(book.put(RouteKind::http_route, read(object("r", kGood)), 1), Names{"api.shop"});
  EXPECT_EQ(book.put(RouteKind::http_route,
                     read(object("r", kGood, 1,
                                 R"([{"group":"","kind":"Service","name":"api","port":80}])",
                                 R"([{"controllerName":"x"}])")),
                     2),
            Names{});
  EXPECT_EQ(judged, 1);
  EXPECT_EQ(book.find({RouteKind::http_route, "shop/r"})->facts.status_parents,
            R"([{"controllerName":"x"}])");
  EXPECT_EQ(book.end_list(RouteKind::grpc_route, 5), Names{});
  EXPECT_EQ(book.end_list(RouteKind::http_route, 2), Names{});
  EXPECT_EQ(book.end_list(RouteKind::http_route, 3), Names{"api.shop"});
}

TEST(RouteBook, other_parents_are_other_services) {
  RouteBook book(judge_route);
  book.put(RouteKind::http_route, read(object("r", kGood)), 0);
  const auto moved =
      object("r", kGood, 2, R"([{"group":"","kind":"Service","name":"other","port":80}])");
  EXPECT_EQ(book.put(RouteKind::http_route, read(moved), 0), (Names{"api.shop", "other.shop"}));
  EXPECT_EQ(book.documents_for("api.shop"), "");
  EXPECT_NE(book.documents_for("other.shop"), "");
  EXPECT_EQ(book.put(RouteKind::http_route, read(object("r", kGood, 3, "[]")), 0),
            Names{"other.shop"});
  EXPECT_EQ(book.count(RouteKind::http_route), 0u);
}

TEST(RouteBook, a_service_has_so_many_routes_and_no_more) {
  RouteBook book([](const RouteFacts&, RouteKind) { return std::string(); });
  for (std::size_t i = 0; i <= RouteBook::kPerServiceMax; ++i)
    book.put(RouteKind::http_route, read(object("r" + std::to_string(100 + i), kGood)), 0);
  EXPECT_EQ(json::parse(book.documents_for("api.shop")).as_array().size(),
            RouteBook::kPerServiceMax);
  EXPECT_TRUE(book.is_told({RouteKind::http_route, "shop/r100"}, "api.shop"));
  EXPECT_FALSE(book.is_told({RouteKind::http_route, "shop/r132"}, "api.shop"));
}

TEST(RouteBook, routes_of_one_namespace_push_out_nobody_elses) {
  RouteBook book([](const RouteFacts&, RouteKind) { return std::string(); });
  const auto written_in = [](const std::string& name, const std::string& name_space) {
    auto facts = read(object(name, kGood, 1,
                             R"([{"group":"","kind":"Service","name":"api","namespace":"shop"}])"));
    facts.name_space = name_space;
    return facts;
  };
  const auto count = [&](const std::string& caller) {
    return json::parse(book.documents_for("api.shop", caller)).as_array().size();
  };
  for (std::size_t i = 0; i <= RouteBook::kPerServiceMax; ++i)
    book.put(RouteKind::http_route, written_in("r" + std::to_string(100 + i), "aaa"), 0);
  EXPECT_EQ(book.documents_for("api.shop"), "");
  EXPECT_EQ(count("aaa"), RouteBook::kPerServiceMax);
  book.put(RouteKind::http_route, read(object("own", kGood)), 0);
  book.put(RouteKind::http_route, written_in("theirs", "zzz"), 0);
  EXPECT_EQ(count(""), 1u);
  EXPECT_EQ(count("shop"), 1u);
  EXPECT_EQ(count("aaa"), RouteBook::kPerServiceMax + 1);
  EXPECT_EQ(count("zzz"), 2u);
  EXPECT_TRUE(book.is_told({RouteKind::http_route, "shop/own"}, "api.shop"));
  EXPECT_TRUE(book.is_told({RouteKind::http_route, "zzz/theirs"}, "api.shop"));
  EXPECT_FALSE(book.is_told({RouteKind::http_route, "aaa/r132"}, "api.shop"));
  EXPECT_FALSE(book.has_of_consumer("api.shop", "shop"));
  EXPECT_TRUE(book.has_of_consumer("api.shop", "zzz"));
  book.remove(RouteKind::http_route, written_in("theirs", "zzz"));
  EXPECT_FALSE(book.has_of_consumer("api.shop", "zzz"));
}

/// Of each parent: type, status and reason.
std::string said(const Model& model, const std::string& name = "shop/r") {
  const RouteBook::Key key{RouteKind::http_route, name};
  std::string text;
  for (const auto& each : conditions_of(key, *model.routes().find(key), model)) {
    for (const auto& condition : {each.accepted, each.resolved_refs})
      text += (condition.is_true ? "+" : "-") + condition.reason + " ";
  }
  return text;
}

TEST(RouteStatus, says_what_is_so) {
  Model model("cluster.local", "i");
  model.put(read(object("r", kGood)));
  EXPECT_EQ(said(model), "-NoMatchingParent -BackendNotFound ");
  model.put(service("api"));
  EXPECT_EQ(said(model), "+Accepted +ResolvedRefs ");
  model.put(read(object("r", kBad, 2)));
  EXPECT_EQ(said(model), "-UnsupportedValue +ResolvedRefs ");
  const RouteBook::Key key{RouteKind::http_route, "shop/r"};
  EXPECT_EQ(conditions_of(key, *model.routes().find(key), model).front().accepted.remark,
            " (generation 1 stays in force)");
  model.put(read(object("r", R"([{"backendRefs":[{"name":"gone","port":80}]}])", 3)));
  EXPECT_EQ(said(model), "+Accepted -BackendNotFound ");
  model.put(read(object("r", R"([{"backendRefs":[{"group":"x","kind":"Y","name":"z"}]}])", 4)));
  EXPECT_EQ(said(model), "+Accepted -InvalidKind ");
  model.put(read(object(
      "r", kGood, 5,
      R"([{"group":"","kind":"Service","name":"api","port":81},{"group":"","kind":"Service","name":"api","sectionName":"http"}])")));
  EXPECT_EQ(said(model), "-NoMatchingParent +ResolvedRefs +Accepted +ResolvedRefs ");
}

TEST(RouteStatus, is_written_once_and_leaves_others_alone) {
  Model model("cluster.local", "i");
  model.put(service("api"));
  const std::string others = R"([{"controllerName":"other","parentRef":{"name":"edge"}}])";
  const std::string parent = R"([{"group":"","kind":"Service","name":"api","port":80}])";
  const RouteBook::Key key{RouteKind::http_route, "shop/r"};
  const auto write = [&](const std::string& rules, int generation, const std::string& status,
                         const std::string& now) {
    model.put(read(object("r", rules, generation, parent, status)));
    const auto& route = *model.routes().find(key);
    return new_parents(route.facts, conditions_of(key, route, model), now);
  };
  const auto first = write(kGood, 1, others, "T1");
  ASSERT_TRUE(first.has_value());
  const auto parents = json::parse(*first).as_array();
  ASSERT_EQ(parents.size(), 2u);
  EXPECT_EQ(parents[0].at("controllerName"), "other");
  EXPECT_EQ(parents[1].at("parentRef"), json::parse(parent).as_array()[0]);
  EXPECT_EQ(parents[1].at("conditions").at(0).at("lastTransitionTime"), "T1");
  EXPECT_EQ(write(kGood, 1, *first, "T2"), std::nullopt) << "it says so already";
  const auto second = write(kGood, 2, *first, "T3");
  ASSERT_TRUE(second.has_value()) << "another generation was looked at";
  EXPECT_NE(second->find("T1"), std::string::npos);
  EXPECT_EQ(second->find("T3"), std::string::npos) << "nothing has turned";
  const auto third = write(kBad, 3, *second, "T4");
  ASSERT_TRUE(third.has_value());
  const auto conditions = json::parse(*third).as_array()[1].at("conditions");
  EXPECT_EQ(conditions.at(0).at("status"), "False");
  EXPECT_EQ(conditions.at(0).at("lastTransitionTime"), "T4");
  EXPECT_EQ(conditions.at(1).at("lastTransitionTime"), "T1");
  EXPECT_EQ(conditions.at(0).at("observedGeneration"), 3);
  // It has no Service as its parent any more: what we have said goes.
  model.put(read(object("r", kGood, 4, "[]", *third)));
  const auto& route = *model.routes().find(key);
  EXPECT_EQ(new_parents(route.facts, conditions_of(key, route, model), "T5"), others);
}

TEST(RouteStatus, replicas_that_remember_different_versions_do_not_write_in_turns) {
  const RouteBook::Key key{RouteKind::http_route, "shop/r"};
  const std::string parent = R"([{"group":"","kind":"Service","name":"api","port":80}])";
  Model knows("cluster.local", "a");
  Model is_new("cluster.local", "b");
  for (Model* model : {&knows, &is_new}) model->put(service("api"));
  knows.put(read(object("r", kGood, 1)));
  const auto write = [&](Model& model, const std::string& rules, const std::string& status) {
    model.put(read(object("r", rules, 2, parent, status)));
    const auto& route = *model.routes().find(key);
    return new_parents(route.facts, conditions_of(key, route, model), "T");
  };
  const auto first = write(knows, kBad, "[]");
  ASSERT_TRUE(first.has_value());
  EXPECT_NE(first->find("(generation 1 stays in force)"), std::string::npos);
  EXPECT_EQ(write(is_new, kBad, *first), std::nullopt);
  EXPECT_EQ(write(knows, kBad, *first), std::nullopt);
  const auto otherwise = write(is_new, R"([{"filters":[{"type":"Unknown"}]}])", *first);
  EXPECT_TRUE(otherwise.has_value()) << "another refusal is another message";
}

TEST(RouteStatus, an_event_has_one_name_for_one_thing) {
  const auto facts = read(object("r", kBad));
  const auto one = json::parse(event_of(facts, RouteKind::http_route, "why", "T1")).as_object();
  const auto same = json::parse(event_of(facts, RouteKind::http_route, "why", "T2")).as_object();
  const auto other =
      json::parse(event_of(facts, RouteKind::http_route, "why not", "T1")).as_object();
  EXPECT_EQ(one.at("metadata"), same.at("metadata"));
  EXPECT_NE(one.at("metadata"), other.at("metadata"));
  EXPECT_EQ(one.at("involvedObject").at("uid"), "u-r");
  EXPECT_EQ(one.at("type"), "Warning");
}

TEST(RouteModel, a_view_has_the_routes_of_its_service) {
  Model model("cluster.local", "i");
  model.put(service("api"));
  model.put(service("other"));
  (void)model.take_changes();
  model.put(read(object("r", kGood)));
  EXPECT_EQ(model.take_changes(), std::vector<std::string>{"api.shop"});
  const auto version = model.routes_version();
  PodFacts one;
  one.name_space = "shop";
  one.name = "api-1";
  model.put(std::move(one));
  EXPECT_EQ(model.routes_version(), version) << "pods say nothing of routes";
  model.put(service("third"));
  EXPECT_NE(model.routes_version(), version);
  (void)model.take_changes();
  const auto view = json::parse(*model.line("api.shop")).as_object();
  ASSERT_EQ(view.at("routes").as_array().size(), 1u);
  EXPECT_EQ(json::parse(view.at("routes").at(0).as_string()).at("kind"), "HTTPRoute");
  EXPECT_FALSE(json::parse(*model.line("other.shop")).as_object().contains("routes"));
  model.begin_list(ObjectKind::http_route);
  model.end_list(ObjectKind::http_route);
  EXPECT_EQ(model.take_changes(), std::vector<std::string>{"api.shop"});
  EXPECT_FALSE(json::parse(*model.line("api.shop")).as_object().contains("routes"));
}

}  // namespace
}  // namespace epaulet::kube
