#pragma once

#include "tests/fuzz/support/connection_oracle.h"
#include "tests/fuzz/support/connection_story.h"

namespace epaulet::fuzz {

using telemetry::ExchangeRecord;

/// What an app's connection heard, message by message, with what it said to each.
struct Delivery {
  Part request;
  std::vector<Part> informational;
  std::optional<Part> final;
  std::size_t behind_final = 0;
};

/// No end hears what the other has not said, and every exchange has one outcome.
class Inspection {
 public:
  Inspection(const World& world, const Script& script) : world_(world), way_(script.way) {
    heard_ = world.caller.heard;
    if (way_ == Way::inbound_mesh) heard_ = without_identity(heard_);
    requests_ = naive::requests_of(world.caller.said);
  }

  void inspect() {
    const auto& records = world_.exchanges();
    // A ClientHello of the input's own: what follows it is not looked at.
    if (way_ == Way::inbound && world_.caller.said.starts_with('\x16')) return;
    // HTTP/2 is another target's matter: here only that it ends.
    if (world_.caller.said.starts_with("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")) return;
    if (records.empty()) return inspect_bytes();
    for (const auto& record : world_.connections()) {
      expect(record.error.code == ErrorCode::none, "exchanges, and a connection that was refused");
    }
    expect(records.size() <= requests_.size(), "more outcomes than requests");
    for (std::size_t i = 0; i < records.size(); ++i) inspect_record(records[i], i);
    for (const Party& side : world_.app) read_app(side);
    inspect_deliveries();
    inspect_answers();
  }

 private:
  void expect(bool holds, const char* otherwise) const {
    if (!holds) fail(world_, otherwise);
  }
  void expect_none(Fault fault) const {
    if (fault != nullptr) fail(world_, fault);
  }

  /// Behind the line that a handshake leaves: who we are, and what was agreed on.
  std::string without_identity(const std::string& heard) const {
    const std::string begin = std::string(kOurIdentity) + " ";
    const auto end = heard.find('\n');
    const auto seen = std::min(heard.size(), begin.size());
    expect(heard.substr(0, seen) == begin.substr(0, seen), "not even the handshake");
    return end == std::string::npos ? "" : heard.substr(end + 1);
  }

  /// Not HTTP, or nothing at all: a tunnel, or nobody heard anything.
  void inspect_bytes() const {
    bool tunnel = false;
    bool clean = false;
    for (const auto& record : world_.connections()) {
      if (record.kind != telemetry::ConnectionRecord::Kind::tunnel) continue;
      expect(!tunnel, "two tunnels of one connection");
      tunnel = true;
      clean = record.error.code == ErrorCode::none;
    }
    if (!tunnel) {
      for (const Party& side : world_.app)
        expect(side.heard.empty(), "the app heard what was refused");
      expect(heard_.empty(), "bytes of nobody");
      return;
    }
    const Party* server = nullptr;
    for (const Party& side : world_.app) {
      const bool has_it =
          side.said.starts_with(heard_) && world_.caller.said.starts_with(side.heard);
      if (has_it && (server == nullptr || side.heard.size() > server->heard.size())) server = &side;
      expect(world_.caller.said.starts_with(side.heard), "the app heard other bytes");
    }
    expect(server != nullptr, "the caller heard other bytes");
    const bool both_read =
        !server->failed && !world_.caller.failed && !world_.caller.reset && !server->reset;
    if (!clean || !both_read || !server->ended || !world_.caller.ended) return;
    expect(server->heard == world_.caller.said, "the app heard less");
    expect(server->said == heard_, "the caller heard less");
  }

  void inspect_record(const ExchangeRecord& record, std::size_t index) const {
    const bool whole_head = index < requests_.size() && requests_[index].has_head;
    const std::string_view method(record.method.data());
    if (whole_head && !method.empty()) {
      expect(requests_[index].method().substr(0, record.method.size() - 1) == method,
             "an outcome of another request");
    }
    if (!whole_head)
      expect(record.status_is_ours || record.status == 0, "no request, but an answer");
    const auto took = record.end - record.start;
    // With its head the deadline was over, and the body came for as long as it liked.
    const bool began = record.status != 0 && !record.status_is_ours;
    const auto most = std::chrono::seconds(10) +
                      (record.status_is_ours ? std::chrono::seconds(5) : std::chrono::seconds(0));
    expect(began || took <= most, "the deadline was exceeded");
    expect(record.error.code != ErrorCode::none || record.status != 0, "no error and no answer");
  }

  void read_app(const Party& side) {
    std::size_t at = 0;
    bool speaks_http = true;
    for (auto& request : naive::requests_of(side.heard)) {
      Delivery delivery;
      delivery.request = request;
      while (speaks_http && request.has_head) {
        auto part =
            naive::response_at(side.said, at, http::method_of(request.method()), side.finished);
        speaks_http = part && part->has_head;
        if (!speaks_http) break;
        at = part->behind;
        const bool informational = part->informational() && part->head.status != 101;
        const bool complete = part->complete();
        if (informational) {
          delivery.informational.push_back(std::move(*part));
          continue;
        }
        delivery.behind_final = part->behind;
        delivery.final = std::move(*part);
        speaks_http = complete;
        break;
      }
      const bool upgraded = delivery.final && delivery.final->head.status == 101;
      app_of_.push_back(&side);
      deliveries_.push_back(std::move(delivery));
      if (upgraded && was_upgraded()) break;  // The rest is not HTTP.
      speaks_http = speaks_http && !upgraded;
    }
  }

  [[nodiscard]] bool was_upgraded() const {
    const auto& last = world_.exchanges().back();
    return last.status == 101 && !last.status_is_ours;
  }

  [[nodiscard]] static std::string id_of(const Part& request) {
    const auto values = request.fields.values("x-request-id");
    return values.empty() ? "" : values[0];
  }

  /// Each request that the app heard is one that the caller made, and has an outcome.
  void inspect_deliveries() const {
    const auto& records = world_.exchanges();
    std::vector<std::size_t> times(records.size());
    const Party* before = nullptr;
    std::size_t from = 0;
    for (std::size_t i = 0; i < deliveries_.size(); ++i) {
      const Part& got = deliveries_[i].request;
      if (!got.has_head) {
        expect(got.end != Part::End::refused, "the app heard what is not HTTP");
        continue;
      }
      if (app_of_[i] != before) from = 0;
      before = app_of_[i];
      const auto id = id_of(got);
      expect(!id.empty(), "a request without an id");
      Fault fault = "a request without an outcome";
      std::size_t match = from;
      for (; match < std::min(records.size(), requests_.size()); ++match) {
        if (records[match].request_id.view() != id || !requests_[match].has_head) continue;
        fault = compare_requests(requests_[match], got, way_);
        if (fault == nullptr) break;
      }
      expect_none(fault);
      from = match;
      ++times[match];
    }
    for (std::size_t i = 0; i < records.size() && i < requests_.size(); ++i) {
      const bool again = http::is_idempotent(http::method_of(requests_[i].method())) ||
                         !requests_[i].fields.values("idempotency-key").empty() || same_again(i);
      expect(times[i] <= (again ? 10U : 1U), "repeated, though nobody may");
    }
  }

  /// Another request of the caller could be taken for this one.
  [[nodiscard]] bool same_again(std::size_t index) const {
    const auto& records = world_.exchanges();
    std::size_t same = 0;
    for (const auto& record : records) {
      if (record.request_id.view() == records[index].request_id.view()) ++same;
    }
    return same > 1;
  }

  /// What the caller heard is answers of the app to the same requests, or ours, in order.
  void inspect_answers() {
    std::size_t at = 0;
    bool cut = false;
    for (const auto& record : world_.exchanges()) {
      if (cut || record.status == 0) {
        // Informational ones may have come before it failed.
        if (!cut) skip_informational(record, at);
        cut = true;
        continue;
      }
      std::optional<Part> part;
      for (;;) {
        part = naive::response_at(heard_, at, http::method_of(record.method.data()),
                                  world_.caller.ended);
        if (!part || !part->has_head || !part->informational() || part->head.status == 101) break;
        inspect_informational(record, *part);
        at = part->behind;
      }
      if (!part || !part->has_head) {
        expect(!part || part->end != Part::End::refused, "the caller heard what is not HTTP");
        expect(record.error.code != ErrorCode::none || lossy(), "an answer was lost");
        cut = true;
        continue;
      }
      expect(part->head.status == record.status, "another status was reported");
      if (record.status_is_ours) {
        expect(
            part->body.empty() || part->body.starts_with("epaulet: ") || begins_refusal(part->body),
            "an answer that is not ours");
      } else {
        inspect_answer(record, *part);
      }
      if (record.error.code == ErrorCode::none || record.status_is_ours) {
        expect(part->complete() || lossy(), "an answer was cut");
      }
      expect(part->end != Part::End::refused, "a body that is not HTTP");
      cut = !part->complete();
      at = cut ? heard_.size() : part->behind;
    }
    if (was_upgraded() && !cut) return inspect_upgraded(at);
    if (!cut) expect(at >= heard_.size(), "bytes behind the last answer");
  }

  static bool begins_refusal(const std::string& body) {
    const std::string_view text = "Refused by the service mesh.";
    return std::string_view(body).starts_with(text.substr(0, body.size()));
  }

  /// What was on its way may have been destroyed.
  [[nodiscard]] bool lossy() const { return world_.caller.reset || world_.caller.failed; }

  [[nodiscard]] static bool answers(const Delivery& delivery, const ExchangeRecord& record) {
    return delivery.request.has_head && id_of(delivery.request) == record.request_id.view();
  }

  void inspect_answer(const ExchangeRecord& record, const Part& got) const {
    Fault fault = "an answer that the app did not give";
    for (const auto& delivery : deliveries_) {
      if (!answers(delivery, record) || !delivery.final) continue;
      fault = compare_responses(*delivery.final, got, way_);
      if (fault == nullptr) return;
    }
    expect_none(fault);
  }

  void inspect_informational(const ExchangeRecord& record, const Part& got) const {
    Fault fault = "an informational answer that the app did not give";
    for (const auto& delivery : deliveries_) {
      if (!answers(delivery, record)) continue;
      for (const auto& said : delivery.informational) {
        fault = compare_responses(said, got, way_);
        if (fault == nullptr) return;
      }
    }
    expect_none(fault);
  }

  void skip_informational(const ExchangeRecord& record, std::size_t at) const {
    for (;;) {
      const auto part = naive::response_at(heard_, at, http::method_of(record.method.data()),
                                           world_.caller.ended);
      if (!part) return;
      if (!part->has_head) {
        return expect(part->end != Part::End::refused, "the caller heard what is not HTTP");
      }
      expect(part->informational(), "an answer that was not reported");
      inspect_informational(record, *part);
      at = part->behind;
    }
  }

  /// Behind a 101 both ends talk as they like.
  void inspect_upgraded(std::size_t at) const {
    const std::size_t last = world_.exchanges().size() - 1;
    const auto said = std::string_view(world_.caller.said).substr(requests_[last].behind);
    const auto heard = std::string_view(heard_).substr(at);
    bool found = false;
    for (std::size_t i = 0; i < deliveries_.size(); ++i) {
      const Delivery& delivery = deliveries_[i];
      if (!answers(delivery, world_.exchanges().back()) || !delivery.final) continue;
      const auto app_heard = std::string_view(app_of_[i]->heard).substr(delivery.request.behind);
      const auto app_said = std::string_view(app_of_[i]->said).substr(delivery.behind_final);
      found = found || (said.starts_with(app_heard) && app_said.starts_with(heard));
    }
    expect(found, "other bytes behind an upgrade");
  }

  const World& world_;
  Way way_;
  std::string heard_;
  std::vector<Part> requests_;
  std::vector<Delivery> deliveries_;
  std::vector<const Party*> app_of_;
};

}  // namespace epaulet::fuzz
