#include "http2_scenario.h"

#include "drawn_features.h"

namespace epaulet::sim {
namespace {

using Framing = BodyScript::Framing;
using Fault = AnswerScript::Fault;
using std::chrono::milliseconds;
using std::chrono::seconds;
using Nanoseconds = std::chrono::nanoseconds;

bool faults_happen(const Scenario& scenario) {
  return scenario.weather == Weather::app_faults || scenario.weather == Weather::all;
}
bool aborts_happen(const Scenario& scenario) {
  return scenario.weather == Weather::aborts || scenario.weather == Weather::all;
}

/// The bodies of many streams share a connection: together they must pass in a few seconds.
Scenario with_small_bodies(const Scenario& scenario) {
  Scenario small = scenario;
  const auto& network = scenario.options.network;
  const bool slow = network.capacity < 10'000 && network.delay_max > milliseconds(1);
  small.body_most = network.read_max < 1'000 || slow ? 1'500 : 100'000;
  return small;
}

Http2Manners draw_manners(Dice& dice) {
  Http2Manners manners;
  manners.window = dice.one_of<std::uint32_t>({65'535, 65'535, 1 << 20, 4'000, 500});
  if (dice.chance(0.2)) manners.settings_late = milliseconds(dice.number(1, 100));
  return manners;
}

Http2Serving draw_serving_http2(Dice& dice, const Scenario& scenario) {
  Http2Serving serving;
  serving.manners = draw_manners(dice);
  serving.manners.streams_max = dice.one_of<std::uint32_t>({1, 2, 3, 10, 100, 1'000});
  serving.keep_alive = scenario.app_keep_alive;
  if (dice.chance(0.2)) serving.goodbye_after = dice.number(1, 12);
  // Streams that are on their way when fewer are allowed are refused.
  if (!is_calm(scenario) && dice.chance(0.2)) {
    serving.squeezes_at = milliseconds(dice.number(0, 400));
    serving.squeezes_for = milliseconds(dice.number(1, 400));
  }
  if (faults_happen(scenario) && dice.chance(0.2))
    serving.manners.breaks_after = dice.size(100'000);
  return serving;
}

void reshape(BodyScript& body) {
  if (body.framing == Framing::until_close) body.framing = Framing::chunked;
}

void make_grpc(Dice& dice, const Scenario& scenario, RequestScript& request, AnswerScript& answer) {
  request.grpc = true;
  request.method = "POST";
  if (request.body.framing == Framing::none) request.body.framing = Framing::chunked;
  answer.status = 200;
  answer.failing_status = 0;
  if (feature_of(scenario.options.seed) == Feature::grpc_statuses && faults_happen(scenario)) {
    answer.fault = Fault::none;
    answer.failing_status = 503;
    answer.faulty_deliveries = 1;
  }
  if (dice.chance(0.5)) {
    request.grpc_timeout = is_calm(scenario)
                               ? milliseconds(60'000)
                               : milliseconds(dice.one_of({1, 50, 300, 1'500, 20'000}));
  }
}

int draw_exchange(Dice& dice, const Scenario& scenario, Mesh& mesh) {
  auto request = draw_request(dice, scenario);
  auto answer = draw_answer(dice, scenario);
  request.http2 = true;
  request.http10 = request.half_close = answer.http10 = answer.close = false;
  request.keep_alive = true;
  reshape(request.body);
  reshape(answer.body);
  request.start = milliseconds(dice.chance(0.5) ? 0 : dice.number(0, 400));
  request.reset_code = dice.one_of<std::uint32_t>({8, 8, 8, 0, 2, 11});
  answer.reset_code = dice.one_of<std::uint32_t>({2, 8, 11, 0, 13, 1});
  if (dice.chance(0.15)) make_grpc(dice, scenario, request, answer);
  const auto stall = is_calm(scenario) ? Nanoseconds(kStall)
                                       : dice.one_of<Nanoseconds>({milliseconds(300), seconds(9)});
  if (dice.chance(0.1)) request.stall = stall;
  if (dice.chance(0.1)) answer.stall = stall;
  if (faults_happen(scenario) && dice.chance(0.15)) {
    answer.refusals = static_cast<unsigned>(dice.number(1, 3));
  }
  return mesh.add(request, answer);
}

}  // namespace

std::vector<Http2Conversation> draw_http2_conversations(Dice& dice, Scenario& scenario,
                                                        Mesh& mesh) {
  const auto small = with_small_bodies(scenario);
  for (App* app : {&mesh.app, &mesh.second_app, &mesh.bare_app}) {
    app->http2 = draw_serving_http2(dice, scenario);
    scenario.goodbyes = scenario.goodbyes || app->http2.goodbye_after != SIZE_MAX;
  }
  mesh.bare_app.keep_alive = scenario.app_keep_alive;
  std::vector<Http2Conversation> conversations(dice.chance(0.5) ? 0 : dice.number(1, 3));
  for (auto& one : conversations) {
    one.outside = dice.chance(0.1);
    one.bare = !one.outside && dice.chance(0.4);
    auto& calling = one.calling;
    calling.manners = draw_manners(dice);
    calling.start = milliseconds(dice.number(0, 500));
    if (dice.chance(0.1)) calling.goodbye_at = milliseconds(dice.number(0, 500));
    if (dice.chance(0.1)) {
      calling.manners.stops_reading_at = milliseconds(dice.number(0, 300));
      calling.manners.stops_reading_for = is_calm(scenario) ? Nanoseconds(seconds(3)) : kStall;
    }
    if (aborts_happen(scenario) && dice.chance(0.2)) {
      calling.manners.breaks_after = dice.size(50'000);
    }
    const bool looks = dice.chance(0.3);
    if ((looks || one.outside) && dice.chance(0.4)) {
      calling.silence = milliseconds(dice.one_of({5, 15, 60, 300}));
    }
    const std::size_t count = dice.number(1, dice.one_of<std::size_t>({3, 8, 8, 24}));
    for (std::size_t i = 0; i < count; ++i) {
      one.ids.push_back(draw_exchange(dice, small, mesh));
    }
    const auto port = static_cast<std::uint16_t>(looks ? 81 : 80);
    if (one.outside) {
      mesh.call_http2_from_outside(one.ids, calling);
    } else {
      mesh.call_http2({one.bare ? Mesh::kBare.ip : Mesh::kService.ip, port}, one.ids, calling);
    }
  }
  return conversations;
}

}  // namespace epaulet::sim
