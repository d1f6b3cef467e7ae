#include "random_models.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "budget_inspection.h"
#include "config/loader.h"
#include "dice.h"
#include "mesh.h"
#include "support/breaker_model.h"

namespace epaulet::sim {
namespace {

using resilience::Judgement;
using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;
using Nanoseconds = std::chrono::nanoseconds;

constexpr std::string_view kBothPorts = "8080: { tls: permissive }, 8081: { tls: permissive }";

std::string draw_breaker(Dice& dice) {
  auto keys = fmt::format("window: {}s, min_requests: {}", dice.number(1, 5), dice.number(1, 10));
  const bool by_row = dice.chance(0.5);
  const bool by_slowness = dice.chance(0.4);
  if (by_row) keys += fmt::format(", consecutive: {}", dice.number(1, 6));
  if (by_slowness)
    keys += fmt::format(", slow: {{ over: 500ms, ratio: {}% }}", dice.number(30, 90));
  if (dice.chance(0.7) || !(by_row || by_slowness))
    keys += fmt::format(", error_ratio: {}%", dice.number(20, 80));
  const auto open_for = dice.number(1, 4) * 500;
  keys += fmt::format(", open_for: {}ms, max_open_for: {}ms, probes: {}", open_for,
                      open_for * dice.number(1, 8), dice.number(1, 4));
  return fmt::format("    breaker: {{ {}, statuses: [503] }}\n", keys);
}

BreakerSettings breaker_of(const MeshOptions& options) {
  const auto loaded = load_settings("sim.yaml", Mesh::calling_yaml(options), "");
  EPAULET_ASSERT(loaded.ok());
  return *loaded.settings->backends.at("api2.default").breaker;
}

struct Call {
  int id = 0;
  Nanoseconds at{0};  ///< Whole milliseconds, each its own.
  Nanoseconds takes{0};
  bool fails = false;
};

/// Each ends at a microsecond of its own, so that nothing depends on what comes first.
std::vector<Call> draw_calls(Dice& dice, Mesh& mesh) {
  std::vector<Call> calls(150);
  auto at = milliseconds(1);
  double fails = 0.5;
  for (std::size_t i = 0; i < calls.size(); ++i) {
    if (dice.chance(0.05)) fails = dice.one_of({0.0, 0.1, 0.5, 0.9, 1.0});
    at += milliseconds(dice.number(1, dice.one_of<std::size_t>({20, 100, 700})));
    Call& call = calls[i];
    call.at = at;
    call.takes =
        microseconds(i + 1) +
        (dice.chance(fails / 2) ? milliseconds(600) : milliseconds(dice.one_of({0, 0, 30})));
    call.fails = dice.chance(fails);
    AnswerScript answer;
    answer.status = call.fails ? 503 : 200;
    answer.think = call.takes;
    call.id = mesh.add({}, answer);
    mesh.call({call.id}, false, call.at);
  }
  return calls;
}

/// Which of them the model lets through.
std::map<int, bool> model_of(const BreakerSettings& rules, const std::vector<Call>& calls,
                             TimePoint start) {
  test::BreakerModel model(rules);
  std::map<int, bool> passes;
  std::map<TimePoint, const Call*> ends;
  const auto settle_until = [&](TimePoint now) {
    while (!ends.empty() && ends.begin()->first < now) {
      const auto& [at, call] = *ends.begin();
      model.settle(call->id, at, call->fails ? Judgement::failure : Judgement::success,
                   call->takes);
      ends.erase(ends.begin());
    }
  };
  for (const Call& call : calls) {
    settle_until(start + call.at);
    passes[call.id] = model.enter(call.id, start + call.at);
    if (passes[call.id]) ends[start + call.at + call.takes] = &call;
  }
  return passes;
}

}  // namespace

std::vector<std::string> breaker_problems(std::uint64_t seed) {
  Dice dice(seed);
  MeshOptions options;
  options.seed = seed;
  options.workers = dice.chance(0.5) ? 2 : 1;
  options.service =
      "    outliers: { enabled: false }\n    retries: { max: 0 }\n" + draw_breaker(dice);
  Mesh mesh(options);
  const auto start = mesh.simulation.now();
  const auto calls = draw_calls(dice, mesh);
  auto problems = mesh.end();
  const auto passes = model_of(breaker_of(options), calls, start);
  for (const Call& call : calls) {
    const bool was_let = !mesh[call.id].deliveries.empty();
    if (was_let == passes.at(call.id)) continue;
    problems.push_back(fmt::format("a request at {} ms {} the breaker, which a model {}\n{}",
                                   call.at.count() / 1'000'000, was_let ? "passed" : "met",
                                   was_let ? "keeps closed" : "lets through", mesh.story(call.id)));
    problems.push_back(options.service);
    break;  // What comes behind it says nothing.
  }
  return problems;
}

namespace {

struct Outage {
  enum class Kind { status, resets, slowness, nobody } kind = Kind::status;
  Nanoseconds begin{0};
  Nanoseconds end{0};
};

void set_off(Mesh& mesh, const Outage& outage) {
  const auto both = [&mesh](auto change) {
    change(mesh.app);
    change(mesh.second_app);
  };
  const auto be = [&mesh, both, kind = outage.kind](bool ill) {
    if (kind == Outage::Kind::status) both([&](App& app) { app.failing_status = ill ? 503 : 0; });
    if (kind == Outage::Kind::resets) both([&](App& app) { app.breaks = ill ? 1 : 0; });
    if (kind == Outage::Kind::slowness)
      both([&](App& app) { app.slowness = ill ? seconds(2) : seconds(0); });
    if (kind == Outage::Kind::nobody) {
      static const SocketAddress kNobody{IpAddress::v4(0x0A00004D), 1};
      mesh.api.publish("api2.default", ill ? std::vector<SocketAddress>{kNobody}
                                           : std::vector<SocketAddress>{Mesh::kApp});
    }
  };
  mesh.after(outage.begin, [be] { be(true); });
  mesh.after(outage.end, [be] { be(false); });
}

}  // namespace

std::vector<std::string> outage_problems(std::uint64_t seed) {
  using Kind = Outage::Kind;
  constexpr milliseconds kApart{200};
  Dice dice(seed);
  Outage outage;
  outage.kind = dice.one_of({Kind::status, Kind::resets, Kind::slowness, Kind::nobody});
  outage.begin = seconds(3);
  outage.end = outage.begin + milliseconds(dice.number(500, 25'000));
  MeshOptions options;
  options.seed = seed;
  options.workers = dice.chance(0.5) ? 2 : 1;
  options.port = kBothPorts;
  if (dice.chance(0.5)) options.endpoints = "10.0.0.2:8080, 10.0.0.2:8081";
  options.service = fmt::format(
      "    timeouts: {{ request: 1s, attempt: 300ms }}\n"
      "    retries: {{ max: {}, statuses: [503], backoff: {{ initial: 10ms }} }}\n"
      "    outliers: {{ eject_for: {}s }}\n",
      dice.number(0, 3), dice.number(1, 10));
  const bool has_breaker = dice.chance(0.6);
  const Nanoseconds open_for = milliseconds(dice.one_of({500, 1'000, 5'000}));
  const Nanoseconds most = open_for * static_cast<std::int64_t>(dice.number(1, 8));
  const auto probes = dice.number(1, 3);
  if (has_breaker) {
    options.service += fmt::format(
        "    breaker: {{ consecutive: 3, open_for: {}ms, max_open_for: {}ms, probes: {} }}\n",
        open_for.count() / 1'000'000, most.count() / 1'000'000, probes);
  }
  // It is open for twice as long with each probe that fails: never longer than the outage was by
  // then and once more that, and the first time; then its probes have to be asked for.
  const Nanoseconds opens = has_breaker
                                ? std::min(most, 2 * (outage.end - outage.begin) + open_for) +
                                      kApart * static_cast<std::int64_t>(probes)
                                : Nanoseconds(0);
  const Nanoseconds well = outage.end + opens + seconds(1);
  Mesh mesh(options);
  const auto start = mesh.simulation.now();
  set_off(mesh, outage);
  std::vector<int> ids;
  for (Nanoseconds at{0}; at < well + seconds(5); at += kApart) {
    ids.push_back(mesh.add({}, {}));
    mesh.call({ids.back()}, false, at + milliseconds(7));
  }
  auto problems = mesh.end();
  const auto told = [&](bool holds, std::string what) {
    if (!holds) problems.push_back(std::move(what));
  };
  std::size_t asked_meanwhile = 0;
  // By then three have failed, however long each took.
  const auto known = outage.begin + seconds(4);
  for (const int id : ids) {
    const auto at = mesh[id].sent_at - start;
    if (at < outage.begin - seconds(1) || at >= well) {
      told(mesh[id].response.status() == 200, fmt::format("failed at {} ms, and all was well\n{}",
                                                          at.count() / 1'000'000, mesh.story(id)));
    }
    for (const Delivery& delivery : mesh[id].deliveries) {
      const auto when = delivery.at - start;
      asked_meanwhile += when >= known && when < outage.end ? 1 : 0;
    }
  }
  if (has_breaker && outage.end > known) {
    const auto openings = static_cast<std::size_t>((outage.end - known) / open_for) + 2;
    told(asked_meanwhile <= openings * probes,
         fmt::format("asked {} times while it failed", asked_meanwhile));
  }
  for (auto& broken : budget_problems(mesh.api, [](std::string_view) { return Budget(); }))
    problems.push_back(std::move(broken));
  if (!problems.empty()) {
    problems.push_back(fmt::format("outage {} until {} ms\n{}", static_cast<int>(outage.kind),
                                   outage.end.count() / 1'000'000, options.service));
  }
  return problems;
}

namespace {

/// Two or three endpoints of one service, asked without mesh TLS.
std::vector<std::string> draw_endpoints(std::uint64_t seed, Dice& dice, MeshOptions& options) {
  options.seed = seed;
  options.mesh = MeshKind::plain;
  options.workers = dice.chance(0.5) ? 2 : 1;
  options.port = kBothPorts;
  std::vector<std::string> endpoints{"10.0.0.2:8080", "10.0.0.2:8081"};
  if (dice.chance(0.5)) endpoints.emplace_back("10.0.0.3:8080");
  options.endpoints = fmt::format("{}", fmt::join(endpoints, ", "));
  return endpoints;
}

}  // namespace

std::vector<std::string> starving_problems(std::uint64_t seed) {
  constexpr milliseconds kApart{200};
  constexpr seconds kLasts{100};
  Dice dice(seed);
  MeshOptions options;
  const auto endpoints = draw_endpoints(seed, dice, options);
  Mesh mesh(options);
  std::string slowness;
  for (App* app : {&mesh.app, &mesh.second_app, &mesh.bare_app}) {
    app->slowness = milliseconds(dice.one_of({0, 1, 10, 200, 2'000}));
    slowness += fmt::format(" {} ms", app->slowness.count() / 1'000'000);
  }
  const auto start = mesh.simulation.now();
  for (Nanoseconds at{0}; at < kLasts; at += kApart) mesh.call({mesh.add({}, {})}, false, at);
  auto problems = mesh.end();
  std::map<std::string, TimePoint> asked;
  Nanoseconds longest{0};
  const auto see = [&](const std::string& endpoint, TimePoint at) {
    const auto [found, is_new] = asked.try_emplace(endpoint, start);
    longest = std::max(longest, Nanoseconds(at - found->second));
    found->second = at;
  };
  auto records = mesh.api.exchanges();
  std::sort(records.begin(), records.end(),
            [](const auto& a, const auto& b) { return a.upstream_sent < b.upstream_sent; });
  for (const auto& record : records) see(record.upstream.to_string(), record.upstream_sent);
  for (const auto& endpoint : endpoints) see(endpoint, start + kLasts);
  // What is under way there is waited for; then one of a few requests looks.
  const Nanoseconds bound = balance::Load::kForgotten + seconds(2) + 20 * kApart;
  if (longest > bound) {
    problems.push_back(
        fmt::format("an endpoint was left alone for {} ms; with two or three that think for{}",
                    longest.count() / 1'000'000, slowness));
  }
  return problems;
}

std::vector<std::string> giving_up_problems(std::uint64_t seed) {
  Dice dice(seed);
  MeshOptions options;
  const auto endpoints = draw_endpoints(seed, dice, options);
  const auto* policy = dice.one_of({"p2c_ewma", "least_request", "round_robin", "random"});
  options.service = fmt::format("    balance: {{ policy: {} }}\n", policy);
  const milliseconds apart(dice.number(40, 100));
  const milliseconds patience(dice.number(300, 900));
  const Nanoseconds begin = milliseconds(dice.number(5'000, 10'000));
  const Nanoseconds end = begin + milliseconds(dice.number(15'000, 40'000));
  // A row of callers, and those that were under way.
  const Nanoseconds known = begin + 9 * patience + seconds(2);
  // Each try that fails makes the next ejection twice as long.
  const Nanoseconds back = end + 2 * (end - begin) + seconds(12);
  Mesh mesh(options);
  mesh.after(begin, [&] { mesh.second_app.slowness = std::chrono::minutes(10); });
  mesh.after(end, [&] { mesh.second_app.slowness = seconds(0); });
  const auto start = mesh.simulation.now();
  std::vector<int> ids;
  RequestScript asked;
  asked.abort = RequestScript::Abort::waiting;
  asked.abort_wait = patience;
  AnswerScript answer;
  answer.think = milliseconds(dice.number(1, 20));
  for (Nanoseconds at{0}; at < back + seconds(5); at += apart) {
    ids.push_back(mesh.add(asked, answer));
    mesh.call({ids.back()}, false, at);
  }
  auto problems = mesh.end();
  const auto told = [&](bool holds, std::string what) {
    if (!holds) problems.push_back(std::move(what));
  };
  std::size_t in_vain = 0;
  for (const int id : ids) {
    const auto at = mesh[id].sent_at - start;
    const bool is_answered = mesh[id].answered && mesh[id].response.status() == 200;
    if (at < begin - seconds(1) || at >= end) {
      told(is_answered, fmt::format("failed at {} ms, and all was well\n{}", at.count() / 1'000'000,
                                    mesh.story(id)));
    } else if (at >= known && !is_answered) {
      ++in_vain;
    }
  }
  // A look now and then, of each worker.
  told(in_vain <= 6 * options.workers,
       fmt::format("{} callers waited in vain behind {} ms", in_vain, known.count() / 1'000'000));
  std::size_t asked_again = 0;
  for (const auto& record : mesh.api.exchanges()) {
    const bool is_late = record.upstream_sent - start >= back;
    asked_again += is_late && record.upstream == Mesh::kSecondApp ? 1 : 0;
    for (std::size_t i = 0; i < record.trace.size(); ++i) {
      const auto& entry = record.trace[i];
      if (entry.event != telemetry::Event::endpoint_ejected) continue;
      told(telemetry::text_of(entry.a) == Mesh::kSecondApp.to_string(),
           fmt::format("{} was left out", telemetry::text_of(entry.a)));
    }
  }
  told(asked_again > 0, "who is well again is not asked again");
  if (!problems.empty()) {
    problems.push_back(fmt::format("{} endpoints by {}, hangs from {} ms to {} ms, patience {} ms",
                                   endpoints.size(), policy, begin.count() / 1'000'000,
                                   end.count() / 1'000'000, patience.count()));
  }
  return problems;
}

std::vector<std::string> model_problems(std::uint64_t seed) {
  if (seed % 4 == 0) return breaker_problems(seed);
  if (seed % 8 == 1) return outage_problems(seed);
  if (seed % 64 == 3) return starving_problems(seed);
  if (seed % 256 == 5) return giving_up_problems(seed);
  return {};
}

}  // namespace epaulet::sim
