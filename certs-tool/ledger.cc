#include "certs-tool/ledger.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>

namespace epaulet::certs {
namespace {

namespace json = boost::json;

std::int64_t seconds_of(WallTime time) {
  return std::chrono::ceil<std::chrono::seconds>(time).time_since_epoch().count();
}

/// Times that do not fit become the last that does: a rotation then waits, which is safe.
WallTime time_of(const json::value& value) {
  constexpr auto kMax = std::chrono::floor<std::chrono::seconds>(WallTime::max());
  const auto seconds = value.to_number<std::int64_t>();
  return WallTime(
      std::chrono::seconds(std::clamp<std::int64_t>(seconds, 0, kMax.time_since_epoch().count())));
}

std::string_view name_of(Ledger::Rotation::Step step) {
  return step == Ledger::Rotation::Step::announced ? "announced" : "switched";
}

Ledger from_value(const json::value& value) {
  Ledger ledger;
  const auto& object = value.as_object();
  for (const auto& [root, until] : object.at("leaves_until").as_object()) {
    ledger.leaves_until.emplace(std::string(root), time_of(until));
  }
  if (const auto* rotation = object.if_contains("rotation")) {
    const auto& facts = rotation->as_object();
    Ledger::Rotation read;
    const auto& step = facts.at("step").as_string();
    if (step != "announced" && step != "switched") throw std::invalid_argument("step");
    if (step == "switched") read.step = Ledger::Rotation::Step::switched;
    read.old_root = facts.at("old_root").as_string();
    read.new_root = facts.at("new_root").as_string();
    read.wait_until = time_of(facts.at("wait_until"));
    ledger.rotation = std::move(read);
  }
  return ledger;
}

}  // namespace

Checked<Ledger> Ledger::parse(std::string_view text, std::string_view name) {
  // Boost.JSON answers whatever is not as expected with an exception: this is the edge.
  try {
    return from_value(json::parse({text.data(), text.size()}));
  } catch (const std::exception&) {
    return Reason(fmt::format("{} is broken", name),
                  "restore it from a backup; without it nobody knows which leaves are alive, so "
                  "remove it only if none is older than a day");
  }
}

std::string Ledger::to_json() const {
  json::object leaves;
  for (const auto& [root, time] : leaves_until) leaves[root] = seconds_of(time);
  json::object object{{"leaves_until", std::move(leaves)}};
  if (rotation) {
    object["rotation"] = json::object{{"step", name_of(rotation->step)},
                                      {"old_root", rotation->old_root},
                                      {"new_root", rotation->new_root},
                                      {"wait_until", seconds_of(rotation->wait_until)}};
  }
  return json::serialize(object) + "\n";
}

bool Ledger::note_leaf(const std::string& root, WallTime until) {
  auto& known = leaves_until.try_emplace(root, WallTime::min()).first->second;
  if (until <= known) return false;
  known = until;
  return true;
}

WallTime Ledger::until(const std::string& root) const {
  const auto found = leaves_until.find(root);
  return found == leaves_until.end() ? WallTime::min() : found->second;
}

}  // namespace epaulet::certs
