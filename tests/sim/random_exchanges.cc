#include "random_exchanges.h"

#include <fmt/format.h>

#include <algorithm>
#include <initializer_list>
#include <set>

#include "mesh.h"

namespace epaulet::sim {
namespace {

using Framing = BodyScript::Framing;
using Abort = RequestScript::Abort;
using Fault = AnswerScript::Fault;
using std::chrono::milliseconds;
using std::chrono::seconds;
using Nanoseconds = std::chrono::nanoseconds;

/// What goes wrong in a simulation. `calm`: nothing, and every request must succeed.
enum class Weather { calm, app_faults, aborts, resets, all };

/// A seed's draws.
class Dice {
 public:
  explicit Dice(std::uint64_t seed) : random_(seed) {}
  [[nodiscard]] bool chance(double probability) { return random_.unit() < probability; }
  /// In [low, high].
  [[nodiscard]] std::size_t number(std::size_t low, std::size_t high) {
    return low + random_.below(high - low + 1);
  }
  template <class T>
  [[nodiscard]] T one_of(std::initializer_list<T> choices) {
    return choices.begin()[random_.below(choices.size())];
  }
  /// Small ones often, `most` seldom.
  [[nodiscard]] std::size_t size(std::size_t most) {
    std::size_t limit = 1;
    while (limit < most && chance(0.82)) limit *= 2;
    return number(0, std::min(limit, most));
  }

 private:
  Random random_;
};

struct Scenario {
  MeshOptions options;
  Weather weather = Weather::calm;
  Nanoseconds request_timeout{0};
  Nanoseconds app_keep_alive{0};
  Nanoseconds client_think{0};
  std::size_t body_most = 0;
};

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

Scenario draw_scenario(Dice& dice, std::uint64_t seed) {
  Scenario scenario;
  scenario.weather = dice.one_of({Weather::calm, Weather::calm, Weather::app_faults,
                                  Weather::aborts, Weather::resets, Weather::all});
  const bool calm = scenario.weather == Weather::calm;
  auto& options = scenario.options;
  options.seed = seed;
  options.network = draw_network(dice, scenario.weather);
  options.mesh = dice.chance(0.7) ? MeshKind::fake_tls : MeshKind::plain;
  options.workers = dice.chance(0.4) ? 2 : 1;
  scenario.body_most = options.network.read_max < 100 ? 1'500 : 200 * 1024;
  const auto timeout = calm ? seconds(60) : dice.one_of({seconds(1), seconds(3), seconds(15)});
  scenario.request_timeout = timeout;
  std::string timeouts = fmt::format("request: {}s", timeout.count());
  if (!calm && dice.chance(0.4)) timeouts += ", attempt: 300ms";
  if (!calm && dice.chance(0.3)) timeouts += ", idle: 500ms";
  std::string retries = fmt::format("max: {}, backoff: {{ initial: {} }}", dice.number(0, 3),
                                    dice.chance(0.5) ? "1ms" : "200ms");
  if (!calm && dice.chance(0.4)) retries += ", statuses: [503]";
  options.service =
      fmt::format("    timeouts: {{ {} }}\n    retries: {{ {} }}\n", timeouts, retries);
  if (dice.chance(0.3)) {
    options.service += fmt::format("    limits: {{ connections: {}, pending: {} }}\n",
                                   dice.number(1, 4), calm ? 1'000 : dice.one_of({1'000, 2}));
  }
  options.serving = fmt::format("timeouts: {{ request: {}s }}\n", timeout.count() * 2);
  scenario.app_keep_alive =
      dice.one_of<Nanoseconds>({Nanoseconds(0), Nanoseconds(0), milliseconds(100), seconds(4)});
  scenario.client_think =
      dice.one_of<Nanoseconds>({Nanoseconds(0), milliseconds(1), milliseconds(100), seconds(3)});
  return scenario;
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
  return answer;
}

/// One connection of the client.
struct Conversation {
  std::vector<int> ids;
  bool pipelined = false;
};

std::vector<Conversation> draw_conversations(Dice& dice, const Scenario& scenario, Mesh& mesh) {
  std::vector<Conversation> conversations(dice.number(1, 5));
  for (auto& conversation : conversations) {
    const std::size_t count = dice.number(1, 6);
    conversation.pipelined = dice.chance(0.2);
    for (std::size_t i = 0; i < count; ++i) {
      auto request = draw_request(dice, scenario);
      if (conversation.pipelined) {
        // Nothing is written behind what ends the connection.
        request.http10 = false;
        request.half_close = request.half_close && i + 1 == count;
        request.keep_alive = request.keep_alive || i + 1 == count;
        if (request.abort != Abort::waiting) request.abort = Abort::never;
      }
      conversation.ids.push_back(mesh.add(request, draw_answer(dice, scenario)));
    }
    mesh.call(conversation.ids, conversation.pipelined, milliseconds(dice.number(0, 500)));
  }
  return conversations;
}

/// Compares what happened with what must hold.
class Inspection {
 public:
  Inspection(Mesh& mesh, const Scenario& scenario) : mesh_(mesh), scenario_(scenario) {}

  void inspect(const Conversation& conversation) {
    pipelined_ = conversation.pipelined;
    id_ = 0;
    bool closed = false;  // An answer before has ended the connection.
    aborted_ = std::any_of(conversation.ids.begin(), conversation.ids.end(),
                           [this](int id) { return mesh_[id].aborted; });
    for (const int id : conversation.ids) {
      before_ = id_;
      id_ = id;
      const Exchanged& exchanged = mesh_[id];
      inspect_deliveries(exchanged);
      inspect_answer(exchanged);
      inspect_reports(exchanged, closed);
      if (scenario_.weather == Weather::calm && !closed) inspect_calm(exchanged);
      closed = closed || !exchanged.answered || rest_was_left(exchanged) ||
               exchanged.response.asks_to_close() || exchanged.request.http10 ||
               exchanged.request.half_close;
    }
  }

  std::vector<std::string> problems;

 private:
  void problem(std::string_view what) {
    // What went before on the connection often explains it.
    problems.push_back(fmt::format("{}{}\n{}{}", what, pipelined_ ? " (pipelined)" : "",
                                   before_ == 0 ? "" : mesh_.story(before_), mesh_.story(id_)));
  }
  void expect(bool holds, std::string_view otherwise) {
    if (!holds) problem(otherwise);
  }

  static bool is_idempotent(const RequestScript& request) {
    return request.method != "POST" && request.method != "PATCH";
  }

  void inspect_deliveries(const Exchanged& exchanged) {
    const auto sent = body_text(id_, true, exchanged.request.body.bytes);
    for (const Delivery& delivery : exchanged.deliveries) {
      const auto& got = delivery.request;
      expect(got.method() == exchanged.request.method, "another method was delivered");
      if (delivery.whole) {
        expect(got.body == sent, "a complete request with another body was delivered");
        const auto trailers = exchanged.request.body.trailers ? trailers_of(id_) : FieldList();
        expect(got.trailers == trailers, "other request trailers were delivered");
      } else {
        expect(std::string_view(sent).starts_with(got.body), "other bytes were delivered");
      }
      // Only complete if the caller meant it to be.
      expect(!delivery.whole || exchanged.request_sent || exchanged.answered ||
                 exchanged.request.body.bytes == 0,
             "a request was completed that the caller never finished");
    }
    if (!is_idempotent(exchanged.request)) {
      expect(exchanged.deliveries.size() <= 1, "a request that is not idempotent was repeated");
    }
  }

  void inspect_answer(const Exchanged& exchanged) {
    if (!exchanged.response.has_head) return;
    const Message& response = exchanged.response;
    const auto whose = response.field("x-answers");
    if (!whose) {
      if (!exchanged.answered) return;
      expect(response.status() >= 400, "an answer of nobody");
      expect(response.field("x-request-id") == id_text(id_), "a refusal without its request id");
      return;
    }
    expect(*whose == id_text(id_), "the answer to another request");
    const AnswerScript& script = exchanged.answer;
    expect(response.status() == script.status || response.status() == script.failing_status,
           "another status");
    for (const Delivery& delivery : exchanged.deliveries) {
      expect(delivery.at <= exchanged.head_at, "tried again behind a committed response head");
    }
    const bool bodiless =
        exchanged.request.method == "HEAD" || response.status() == 204 || response.status() == 304;
    const auto meant = bodiless ? std::string() : body_text(id_, false, script.body.bytes);
    if (!exchanged.answered) {
      expect(std::string_view(meant).starts_with(response.body), "other bytes in the answer");
      return;
    }
    expect(response.body == meant, "a complete answer with another body");
    const bool can_have_trailers = script.body.trailers && !exchanged.request.http10 && !bodiless;
    expect(response.trailers == (can_have_trailers ? trailers_of(id_) : FieldList()),
           "other trailers in the answer");
    if (!exchanged.request.http10) {
      // Those of an attempt whose final answer was not delivered came too.
      expect(exchanged.informational.size() >= script.informational,
             "informational responses were lost");
      if (exchanged.deliveries.size() == 1) {
        expect(exchanged.informational.size() == script.informational,
               "informational responses were repeated");
      }
    }
  }

  /// After an early answer that promised to read the rest: the app did not, or the caller took
  /// longer than the exchange had. Either costs the connection.
  bool rest_was_left(const Exchanged& exchanged) const {
    if (!exchanged.answer.early_after) return false;
    if (!exchanged.answer.reads_rest) return true;
    for (const auto& record : mesh_.api.exchanges()) {
      if (record.request_id.view() == id_text(id_) &&
          record.end - record.start >= scenario_.request_timeout)
        return true;
    }
    return false;
  }
  void inspect_reports(const Exchanged& exchanged, bool closed) {
    std::size_t reports = 0;
    bool ours = false;
    for (const auto& record : mesh_.api.exchanges()) {
      if (record.request_id.view() != id_text(id_)) continue;
      ++reports;
      const auto took = record.end - record.start;
      // Our own answer may wait for a slow reader, for a time of its own.
      const auto limit = scenario_.request_timeout +
                         (record.status_is_ours ? Nanoseconds(seconds(5)) : Nanoseconds(0));
      expect(took <= limit, "the deadline was exceeded");
      if (exchanged.answered) {
        expect(record.status == exchanged.response.status(), "another status was reported");
        ours = ours || record.status_is_ours;
      } else if (exchanged.response.has_head) {
        // A reset may destroy what was written and is still on its way.
        const bool lost = scenario_.options.network.reset_probability > 0;
        expect(record.error.code != ErrorCode::none || aborted_ || lost,
               "a cut response was reported as success");
      }
    }
    expect(reports <= 1, "reported twice");
    const bool arrived = exchanged.response.has_head || !exchanged.deliveries.empty();
    const bool must_arrive = exchanged.head_sent && !closed && !aborted_ &&
                             scenario_.options.network.reset_probability == 0;
    if (arrived || must_arrive) expect(reports == 1, "not reported");
    std::size_t at_app = 0;
    for (const auto& record : mesh_.api2.exchanges()) {
      if (record.request_id.view() != id_text(id_)) continue;
      ++at_app;
      ours = ours || record.status_is_ours;
    }
    if (exchanged.answered && !exchanged.response.field("x-answers")) {
      expect(ours, "nobody admits to have given this answer");
    }
    expect(exchanged.deliveries.empty() || at_app > 0, "the app's sidecar did not report");
  }

  /// Nothing went wrong, so nothing may have failed.
  void inspect_calm(const Exchanged& exchanged) {
    // An app that closes with input unread destroys its own answer.
    if (exchanged.answer.early_after && !exchanged.answer.reads_rest) return;
    expect(exchanged.answered, "not answered, though nothing went wrong");
    const bool race_possible =
        scenario_.app_keep_alive.count() > 0 && !is_idempotent(exchanged.request);
    const bool early = exchanged.answer.early_after.has_value();
    if (race_possible || early) return;
    expect(exchanged.response.field("x-answers").has_value(), "refused, though nothing went wrong");
    if (is_idempotent(exchanged.request)) return;
    expect(exchanged.deliveries.size() == 1, "delivered more than once");
  }

  Mesh& mesh_;
  const Scenario& scenario_;
  int id_ = 0;
  int before_ = 0;
  bool pipelined_ = false;
  bool aborted_ = false;  ///< The caller has reset the connection, at some exchange of it.
};

}  // namespace

std::string replay_command(std::uint64_t seed) {
  return fmt::format("sim_run --seeds 1 --from {}", seed);
}

std::vector<std::string> simulate(std::uint64_t seed) {
  Dice dice(seed);
  const Scenario scenario = draw_scenario(dice, seed);
  Mesh mesh(scenario.options);
  mesh.app.keep_alive = scenario.app_keep_alive;
  mesh.client.think = scenario.client_think;
  const auto conversations = draw_conversations(dice, scenario, mesh);
  auto problems = mesh.end();
  Inspection inspection(mesh, scenario);
  for (const auto& conversation : conversations) inspection.inspect(conversation);
  problems.insert(problems.end(), inspection.problems.begin(), inspection.problems.end());
  if (!problems.empty()) {
    problems.push_back(fmt::format("weather {}, configuration:\n{}",
                                   static_cast<int>(scenario.weather), mesh.calling_yaml()));
  }
  return problems;
}

}  // namespace epaulet::sim
