// Whatever a peer sends to either role of an HTTP/2 session: nothing crashes, what is announced of
// a stream is announced in order, memory and output are bounded by the input and the limits, and a
// head that passes holds no second line.
#include <cstdint>
#include <cstdlib>
#include <map>
#include <memory>

#include "http/http2/session.h"

namespace epaulet::http::http2 {
namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

class Served final : public StreamEvents {
 public:
  Served(Session& session_, StreamId id_) : session(session_), id(id_) {}

  void on_head(HeadText& text, bool end) override {
    require(!closed && !ended);
    if (heads++ > 0) {
      (void)text.to_trailers();
      return;
    }
    RequestHead head;
    if (!text.to_request(head, end)) {
      session.reset(id, ErrorNumber::protocol_error);
      return;
    }
    for (const auto& field : head.fields) {
      require(field.name.find_first_of("\r\n:") == std::string_view::npos);
      require(field.value.find_first_of("\r\n") == std::string_view::npos);
    }
    FieldList again;
    again.request(head, "http");
    require(again.fields().size() >= 3 || head.method == Method::connect);
    const NameValue status{":status", "200"};
    session.respond(id, std::span(&status, 1), false);
  }
  void on_data(ConstBytes data) override {
    require(!closed && !ended && heads > 0);
    unread += data.size();
    require(unread <= SessionLimits().stream_window);
    if (id % 4 == 1) {  // Others are never read.
      session.consume(id, unread);
      unread = 0;
    }
  }
  void on_end() override { ended = true; }
  void on_closed(std::uint32_t, bool, bool) override {
    require(!closed);
    closed = true;
  }
  Outgoing outgoing() override { return {as_bytes("answer"), true, "x-sum: 1\r\n"}; }
  void on_taken(std::size_t) override {}
  void on_end_sent() override {}

  Session& session;
  StreamId id;
  std::size_t unread = 0;
  unsigned heads = 0;
  bool ended = false;
  bool closed = false;
};

class World final : public SessionEvents {
 public:
  explicit World(Role role) : session(role, SessionLimits(), *this) {}
  StreamEvents* on_request(StreamId id) override {
    require(session.open_streams() < SessionLimits().streams);
    return (served[id] = std::make_unique<Served>(session, id)).get();
  }
  void on_goaway() override {}
  void on_settings() override {}

  void drain() {
    for (std::size_t frames = 0; frames < 1000; ++frames) {
      if (session.output().empty()) return;
    }
  }

  std::map<StreamId, std::unique_ptr<Served>> served;
  Session session;
};

}  // namespace
}  // namespace epaulet::http::http2

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace epaulet;
  using namespace epaulet::http::http2;
  if (size < 2) return 0;
  const bool server = (data[0] & 1) == 0;
  World world(server ? Role::server : Role::client);
  std::vector<std::unique_ptr<Served>> asked;
  if (server) {
    require(world.session.receive(as_bytes("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), TimePoint())
                .has_value());
  } else {
    const NameValue fields[] = {
        {":method", "GET"}, {":scheme", "http"}, {":path", "/"}, {":authority", "h"}};
    for (StreamId id = 1; id < 6; id += 2) {
      asked.push_back(std::make_unique<Served>(world.session, id));
      (void)world.session.request(fields, id == 1, *asked.back());
    }
  }
  const std::size_t piece = data[1] == 0 ? size : data[1];
  ConstBytes rest(reinterpret_cast<const std::byte*>(data) + 2, size - 2);
  bool open = true;
  while (open && !rest.empty()) {
    const auto part = rest.first(std::min(piece, rest.size()));
    rest = rest.subspan(part.size());
    open = world.session.receive(part, TimePoint()).has_value();
    world.drain();
  }
  world.session.abandon_streams();
  require(world.session.open_streams() == 0);
  return 0;
}
