#include "scenario.h"

#include <fmt/format.h>

#include "drawn_features.h"

namespace epaulet::sim {
namespace {

using Framing = BodyScript::Framing;
using Abort = RequestScript::Abort;
using Fault = AnswerScript::Fault;
using std::chrono::milliseconds;
using std::chrono::seconds;
using Nanoseconds = std::chrono::nanoseconds;

constexpr std::string_view kOtherService =
    "  {}.default:\n"
    "    ports: {{ 80: http }}\n"
    "    endpoints: {{ addresses: [10.0.0.3:80] }}\n"
    "    tls: {{ mode: none }}\n";
constexpr std::string_view kMailService =
    "  mail.default:\n"
    "    ports: {{ 25: auto }}\n"
    "    endpoints: {{ addresses: [10.0.0.2:2525] }}\n"
    "    tls: {}\n";
constexpr std::string_view kBareService =
    "  bare.default:\n"
    "    ports: {{ 80: http, 81: auto }}\n"
    "    endpoints: {{ addresses: [10.0.0.3:8080] }}\n"
    "    tls: {{ mode: none }}\n";
constexpr const char* kZones =
    "a: { addresses: ['10.0.0.2:8080'] }, b: { addresses: ['10.0.0.2:8081'] }";
constexpr std::string_view kPlain = "{ mode: none }";
constexpr std::string_view kMesh =
    "{ mode: mesh, identities: [spiffe://cluster.local/ns/default/sa/api2] }";
constexpr std::string_view kAsidePlain =
    "aside: { endpoints: { addresses: [10.0.0.2:8081] }, tls: { mode: none } }";
constexpr std::string_view kAsideMesh =
    "aside: {{ endpoints: {{ addresses: [10.0.0.2:8081] }},\n"
    "  tls: {{ identities: [spiffe://cluster.local/ns/default/sa/api2], multiplex: {} }} }}";

auto in_ms(Nanoseconds time) {
  return std::chrono::duration_cast<milliseconds>(time).count();
}

bool faults_happen(Weather weather) {
  return weather == Weather::app_faults || weather == Weather::all;
}
bool aborts_happen(Weather weather) {
  return weather == Weather::aborts || weather == Weather::all;
}

test::NetworkConditions draw_network(Dice& dice, Weather weather) {
  test::NetworkConditions network;
  network.capacity = dice.one_of<std::size_t>({64 * 1024, 64 * 1024, 4 * 1024, 700});
  network.read_max = dice.one_of<std::size_t>({SIZE_MAX, SIZE_MAX, 3'000, 200, 9});
  network.delay_max = dice.one_of<Nanoseconds>({Nanoseconds(0), milliseconds(1), milliseconds(20)});
  if (weather == Weather::resets || weather == Weather::all) {
    network.reset_probability = dice.one_of({0.002, 0.01, 0.05});
  }
  return network;
}

BodyScript draw_body(Dice& dice, const Scenario& scenario,
                     std::initializer_list<Framing> framings) {
  BodyScript body;
  body.framing = dice.one_of(framings);
  if (body.framing == Framing::none) return body;
  body.bytes = dice.size(scenario.body_most);
  if (dice.chance(0.5))
    body.piece = std::max<std::size_t>(1, std::max(body.bytes / 40, dice.size(20'000)));
  if (dice.chance(0.1)) body.pause = dice.one_of({milliseconds(1), milliseconds(30)});
  body.trailers = body.framing == Framing::chunked && dice.chance(0.3);
  return body;
}

}  // namespace

RequestScript draw_request(Dice& dice, const Scenario& scenario) {
  RequestScript request;
  request.method = dice.one_of<const char*>(
      {"GET", "GET", "GET", "HEAD", "POST", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"});
  request.http10 = dice.chance(0.08);
  const bool with_body = request.method == "POST" || request.method == "PUT" ||
                         request.method == "PATCH" || dice.chance(0.05);
  if (with_body) {
    request.body = request.http10 ? draw_body(dice, scenario, {Framing::length})
                                  : draw_body(dice, scenario, {Framing::length, Framing::chunked});
  }
  request.keep_alive = !dice.chance(0.1);
  request.half_close = dice.chance(0.04);
  if (aborts_happen(scenario.weather) && dice.chance(0.3)) {
    request.abort = dice.one_of({Abort::in_body, Abort::waiting, Abort::in_response});
    request.abort_after = dice.size(scenario.body_most);
    request.abort_wait = milliseconds(dice.number(0, 300));
  }
  return request;
}

AnswerScript draw_answer(Dice& dice, const Scenario& scenario) {
  AnswerScript answer;
  answer.status = dice.one_of({200, 200, 200, 201, 204, 304, 404, 500, 503});
  answer.http10 = dice.chance(0.06);
  answer.body = answer.http10 ? draw_body(dice, scenario, {Framing::length, Framing::until_close})
                              : draw_body(dice, scenario,
                                          {Framing::length, Framing::length, Framing::chunked,
                                           Framing::chunked, Framing::until_close});
  answer.close = dice.chance(0.06);
  if (dice.chance(0.1)) answer.informational = static_cast<unsigned>(dice.number(1, 3));
  if (dice.chance(0.15)) answer.think = dice.one_of({milliseconds(1), milliseconds(80)});
  if (dice.chance(0.07)) {
    answer.early_after = dice.size(scenario.body_most);
    answer.reads_rest = dice.chance(0.7);
  }
  if (!faults_happen(scenario.weather)) return answer;
  if (dice.chance(0.1)) answer.think = dice.one_of({milliseconds(700), milliseconds(20'000)});
  if (!dice.chance(0.4)) return answer;
  answer.faulty_deliveries = static_cast<unsigned>(dice.number(1, 4));
  answer.fault =
      dice.one_of({Fault::none, Fault::close_before_response, Fault::reset_before_response,
                   Fault::close_in_body, Fault::reset_in_body, Fault::garbage, Fault::silence});
  // Its end is a body's end there: nobody can tell.
  if (answer.fault == Fault::close_in_body && answer.body.framing == Framing::until_close) {
    answer.fault = Fault::reset_in_body;
  }
  if (answer.fault == Fault::none) answer.failing_status = 503;
  if (feature_of(scenario.options.seed) == Feature::retry_after && answer.failing_status != 0)
    answer.fields = {{"Retry-After", "1"}};
  return answer;
}

namespace {

std::string balance_line(const std::string& keys) {
  return keys.empty() ? "" : fmt::format("    balance: {{ {} }}\n", keys);
}

std::string tracing_of(const MeshOptions& options) {
  return is_traced(options) ? "tracing: { sample: 100%, otlp: { url: 'http://127.0.0.1:1' } }\n"
                            : "";
}

}  // namespace

void draw_calling(Dice& dice, Scenario& scenario, MeshOptions& options) {
  const bool calm = is_calm(scenario);
  options.mesh = dice.chance(0.7) ? MeshKind::fake_tls : MeshKind::plain;
  options.multiplex = dice.chance(0.5);
  // The whole exchange has the time of its head, so that what stalls behind it ends soon.
  std::string timeouts =
      fmt::format("request: {0}ms, max_duration: {0}ms", in_ms(scenario.request_timeout));
  if (scenario.attempt_timeout.count() > 0) {
    timeouts += fmt::format(", attempt: {}ms", in_ms(scenario.attempt_timeout));
  }
  if (!calm && dice.chance(0.3)) timeouts += ", idle: 500ms";
  if (scenario.first_byte.count() > 0)
    timeouts += fmt::format(", first_byte: {}ms", in_ms(scenario.first_byte));
  if (scenario.stream_idle.count() > 0)
    timeouts += fmt::format(", stream_idle: {}ms", in_ms(scenario.stream_idle));
  const std::size_t retries_max = dice.number(0, 3);
  scenario.retries_most = std::max(scenario.retries_most, retries_max);
  std::string retries = fmt::format("max: {}, backoff: {{ initial: {} }}", retries_max,
                                    dice.chance(0.5) ? "1ms" : "200ms");
  retries += retry_keys(budget_of(options.seed, calm));
  const auto feature = feature_of(options.seed);
  const bool lists_status = !calm && dice.chance(0.4);
  if (lists_status || (!calm && feature == Feature::retry_after)) retries += ", statuses: [503]";
  if (feature == Feature::grpc_statuses) retries += ", grpc_statuses: [unavailable]";
  if (is_hedged(options.seed)) retries += ", hedge: { quantile: 90% }";
  if (feature == Feature::non_idempotent) retries += ", non_idempotent: true";
  options.service =
      fmt::format("    timeouts: {{ {} }}\n    retries: {{ {} }}\n", timeouts, retries);
  if (dice.chance(0.3)) {
    options.service += fmt::format("    limits: {{ connections: {}, pending: {} }}\n",
                                   dice.number(1, 4), calm ? 1'000 : dice.one_of({1'000, 2}));
  }
  std::string balance;
  if (dice.chance(0.3)) {
    balance = fmt::format(
        "policy: {}, by: {{ {} }}", dice.one_of<const char*>({"sticky", "ring_hash", "maglev"}),
        dice.one_of<const char*>({"cookie: at", "header: x-request-id", "source: true"}));
  } else if (dice.chance(0.5)) {
    balance = fmt::format(
        "policy: {}", dice.one_of<const char*>(
                          {"least_request", "round_robin", "random", "p2c_ewma, slow_start: 10s"}));
  }
  if (dice.chance(0.3)) {
    // Apps may answer 500 and mean it; when all is calm, nothing else may count.
    options.service += fmt::format(
        "    breaker: {{ {}, open_for: {}, probes: {}{} }}\n",
        dice.one_of<const char*>({"consecutive: 2", "error_ratio: 50%, min_requests: 2"}),
        dice.one_of<const char*>({"100ms", "1s", "30s"}), dice.number(1, 3),
        calm ? ", statuses: [599]" : "");
  }
  if (dice.chance(0.3)) {
    options.service +=
        fmt::format("    outliers: {{ consecutive: {}, connect_failures: 1, eject_for: {} }}\n",
                    dice.number(1, 3), dice.one_of<const char*>({"100ms", "10s"}));
  }
  options.endpoints =
      dice.one_of<const char*>({"10.0.0.2:8080", "10.0.0.2:8081", "10.0.0.2:8080, 10.0.0.2:8081"});
  options.services = fmt::format(kMailService, options.mesh == MeshKind::plain ? kPlain : kMesh);
  options.services += fmt::format(kBareService) + options.service + balance_line(balance);
  if (feature == Feature::locality && balance.find("by:") == std::string::npos) {
    balance += balance.empty() ? "locality: {}" : ", locality: {}";
    options.zones = kZones;
    options.workload = "workload: { zone: a }\n";
  }
  options.service += balance_line(balance);
  options.calling.clear();
  // Before and behind ours by name: its position changes.
  for (const char* name : {"another", "zoo"}) {
    if (!dice.chance(0.3)) continue;
    options.services += fmt::format(kOtherService, name);
  }
  std::vector<std::string> route;
  std::vector<std::string> backends;
  if (dice.chance(0.3)) {
    route.emplace_back("to: [ { backend: aside } ]");
    backends.push_back(options.mesh == MeshKind::plain ? std::string(kAsidePlain)
                                                       : fmt::format(kAsideMesh, dice.chance(0.5)));
  }
  if (auto keys = route_keys(feature); !keys.empty()) route.push_back(std::move(keys));
  if (auto one = backend_of(feature, options.mesh == MeshKind::plain ? kPlain : kMesh);
      !one.empty())
    backends.push_back(std::move(one));
  options.service += service_keys(feature);
  if (!route.empty())
    options.service += fmt::format("    routes: [ {{ name: all, {} }} ]\n", fmt::join(route, ", "));
  if (!backends.empty())
    options.calling += fmt::format("backends: {{ {} }}\n", fmt::join(backends, ", "));
  options.calling += tracing_of(options);
}

std::deque<Talk> draw_talks(Dice& dice, Mesh& mesh) {
  std::deque<Talk> talks(dice.chance(0.3) ? dice.number(1, 3) : 0);
  mesh.greeter.think = milliseconds(dice.one_of({0, 5, 200, 3'000, 30'000}));
  for (auto& talk : talks) {
    talk.start = milliseconds(dice.number(0, 2'000));
    talk.waits_for_greeting = dice.chance(0.7);
    // Who ends before anybody has spoken is taken for a port scan.
    talk.rounds = dice.number(talk.waits_for_greeting ? 0 : 1, 12);
    talk.line_bytes = dice.size(400);
    mesh.client.talk(Mesh::kMail, talk);
  }
  return talks;
}

void draw_serving(Dice& dice, const Scenario& scenario, MeshOptions& options) {
  const auto port = fmt::format("{{ tls: permissive, protocol: {} }}",
                                dice.one_of<const char*>({"auto", "auto", "http"}));
  options.port = fmt::format("8080: {0}, 8081: {0}, 2525: {{ tls: permissive }}", port);
  options.access = "[ { name: all, allow: [anyone] } ]";
  if (!is_calm(scenario) && dice.chance(0.2)) {
    // A neighbour of the port that is called, or all but POST.
    options.access =
        dice.one_of<const char*>({"[ { name: first, ports: [8080], allow: [anyone] } ]",
                                  "[ { name: some, ports: [8081], allow: [anyone] } ]",
                                  "[ { name: reads, methods: [GET, HEAD], allow: [anyone] } ]"});
  }
  std::string timeouts =
      fmt::format("request: {0}ms, max_duration: {0}ms", 2 * in_ms(scenario.request_timeout));
  if (!is_calm(scenario) && dice.chance(0.2))
    timeouts += fmt::format(", keep_alive: {}ms", kShortKeepAlive.count());
  options.serving = fmt::format("timeouts: {{ {} }}\n", timeouts) + tracing_of(options);
  // Not drawn, so that seeds mean what they did; counted, and never too much.
  if (options.seed % 5 == 0) options.serving += "concurrency: { min: 500 }\n";
}

Scenario draw_scenario(Dice& dice, std::uint64_t seed) {
  Scenario scenario;
  scenario.weather = dice.one_of({Weather::calm, Weather::calm, Weather::app_faults,
                                  Weather::aborts, Weather::resets, Weather::all});
  const bool calm = is_calm(scenario);
  auto& options = scenario.options;
  options.seed = seed;
  options.network = draw_network(dice, scenario.weather);
  options.workers = dice.chance(0.4) ? 2 : 1;
  options.knows_multiplexing = !dice.chance(0.1);
  scenario.body_most = options.network.read_max < 100 ? 1'500 : 200 * 1024;
  scenario.request_timeout =
      calm ? seconds(60) : dice.one_of({seconds(1), seconds(3), seconds(15)});
  if (!calm && dice.chance(0.4)) scenario.attempt_timeout = milliseconds(300);
  // Not drawn, so that seeds mean what they did; coprime to what else goes by a seed's number.
  if (!calm && seed % 11 < 3) scenario.first_byte = milliseconds(200);
  if (!calm && seed % 13 < 3) scenario.stream_idle = milliseconds(seed % 26 < 3 ? 100 : 2'000);
  scenario.app_keep_alive =
      dice.one_of<Nanoseconds>({Nanoseconds(0), Nanoseconds(0), milliseconds(100), seconds(4)});
  scenario.client_think =
      dice.one_of<Nanoseconds>({Nanoseconds(0), milliseconds(1), milliseconds(100), seconds(3)});
  scenario.idle_ends = scenario.app_keep_alive.count() > 0;
  scenario.answers_silence = dice.chance(0.5);
  draw_calling(dice, scenario, options);
  draw_serving(dice, scenario, options);
  return scenario;
}

std::vector<Conversation> draw_conversations(Dice& dice, Scenario& scenario, Mesh& mesh) {
  std::vector<Conversation> conversations(dice.number(1, 5));
  for (auto& conversation : conversations) {
    const std::size_t count = dice.number(1, 6);
    auto& manner = conversation.manner;
    manner.pipelined = dice.chance(0.2);
    manner.start = milliseconds(dice.number(0, 500));
    const bool looks = dice.chance(0.3);  // At a port where the first bytes decide.
    conversation.outside = dice.chance(0.1);
    if ((looks || conversation.outside) && dice.chance(0.6)) {
      manner.silence = milliseconds(dice.one_of({5, 15, 60, 300, 1'500, 4'000, 11'000}));
      // A connection dialled for it may end just as it is taken for another caller.
      scenario.idle_ends = true;
    }
    for (std::size_t i = 0; i < count; ++i) {
      auto request = draw_request(dice, scenario);
      if (manner.pipelined) {
        // Nothing is written behind what ends the connection.
        request.http10 = false;
        request.half_close = request.half_close && i + 1 == count;
        request.keep_alive = request.keep_alive || i + 1 == count;
        if (request.abort != Abort::waiting) request.abort = Abort::never;
      }
      conversation.ids.push_back(mesh.add(request, draw_answer(dice, scenario)));
    }
    if (conversation.outside) {
      mesh.call_from_outside(conversation.ids, manner);
    } else {
      mesh.call_port(looks ? 81 : 80, conversation.ids, manner);
    }
  }
  return conversations;
}

}  // namespace epaulet::sim
