#include "http/http2/session.h"

#include <nghttp2/nghttp2.h>

#include <algorithm>
#include <cstring>
#include <vector>

#include "base/assert.h"
#include "http/http2/session_memory.h"

namespace epaulet::http::http2 {
namespace {

constexpr std::size_t kAcknowledgementsMax = 64;  // PING and SETTINGS answers that wait
constexpr std::size_t kSettingsMax = 32;          // entries of one frame
constexpr std::size_t kContinuationsMax = 8;
constexpr std::size_t kWaitingFramesMax = 2048;  // to be sent; a stream has two or three
/// Frames about the connection that a request, or a DATA frame of ours, may bring: readers open
/// windows piece by piece, and some measure round trips by PINGs.
constexpr std::uint32_t kAllowance = 10;
constexpr std::uint32_t kAllowanceMax = 20'000;
/// A field section that unfolds to so many times what a head may hold is no head: a few octets of
/// HPACK can name a long field again and again, and nghttp2 looks at each octet of it each time.
constexpr std::size_t kUnfoldedMax = 4;

struct DeleteSession {
  void operator()(nghttp2_session* session) const { nghttp2_session_del(session); }
};
struct DeleteOptions {
  void operator()(nghttp2_option* option) const { nghttp2_option_del(option); }
};
struct DeleteCallbacks {
  void operator()(nghttp2_session_callbacks* callbacks) const {
    nghttp2_session_callbacks_del(callbacks);
  }
};

using Pairs = std::vector<nghttp2_nv>;

/// In `pairs`, which keeps its capacity.
const Pairs& pairs_of(std::span<const NameValue> fields, Pairs& pairs) {
  const auto bytes = [](std::string_view text) {
    return reinterpret_cast<std::uint8_t*>(const_cast<char*>(text.data()));
  };
  pairs.clear();
  for (const auto& [name, value] : fields) {
    pairs.push_back({bytes(name), bytes(value), name.size(), value.size(), NGHTTP2_NV_FLAG_NONE});
  }
  return pairs;
}

std::string_view text_of(nghttp2_rcbuf* buffer) {
  const auto view = nghttp2_rcbuf_get_buf(buffer);
  return {reinterpret_cast<const char*>(view.base), view.len};
}

}  // namespace

struct Session::State {
  State(Role role_, const SessionLimits& limits_) : role(role_), limits(limits_) {}

  const Role role;
  const SessionLimits limits;
  std::unique_ptr<nghttp2_session, DeleteSession> session;
  StreamId reset_by_peer = 0;           ///< The close of it that follows is the peer's doing.
  StreamId last_processed = INT32_MAX;  ///< By the peer's GOAWAY.
  StreamId last_served = INT32_MAX;     ///< By ours.
  Pairs pairs;                          ///< What is handed to nghttp2, which copies it.
  int violation = 0;                    ///< The latest, nghttp2's number.
  std::size_t unfolded = 0;             ///< Of this field section.
  Offence offence = Offence::none;      ///< For which it was ended.
  std::uint32_t offences = 0;           ///< Violations that cost a stream, less streams in order.
  bool broken = false;                  ///< One ended the connection.
  bool abandoned = false;

  // Frames that move nothing: a bucket that leaks.
  std::uint32_t idle_frames = 0;
  std::uint32_t allowance = kAllowance;  ///< So many more do not count.
  TimePoint leaked_at{};

  // Windows.
  std::size_t withheld = 0;            ///< Arrived, and not given back to the connection's window.
  std::size_t wide = 0;                ///< Streams with a whole window beside narrow ones.
  unsigned settings_on_their_way = 1;  ///< Not acknowledged.
  bool opened = false;                 ///< The connection's window has its whole size.
  bool narrow = false;
};

/// nghttp2's callbacks. Each gets the Session as its user data.
struct Session::Callbacks {
  static Session& of(void* user) { return *static_cast<Session*>(user); }

  static HeadText::Kind kind_of(const nghttp2_frame& frame) {
    switch (frame.headers.cat) {
      case NGHTTP2_HCAT_REQUEST:
        return HeadText::Kind::request;
      case NGHTTP2_HCAT_RESPONSE:
        return HeadText::Kind::response;
      case NGHTTP2_HCAT_PUSH_RESPONSE:
      case NGHTTP2_HCAT_HEADERS:
        break;
    }
    return HeadText::Kind::trailers;
  }

  static int on_begin_headers(nghttp2_session* session, const nghttp2_frame* frame, void* user) {
    Session& self = of(user);
    const auto id = frame->hd.stream_id;
    auto kind = kind_of(*frame);
    if (kind == HeadText::Kind::request) {
      // A GOAWAY that still waits to be sent is a promise already.
      const bool promised = id > self.state_->last_served;
      StreamEvents* const served = promised ? nullptr : self.events_.on_request(id);
      if (served == nullptr) {
        nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, id, NGHTTP2_REFUSED_STREAM);
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
      }
      self.streams_.emplace(id, Stream{served});
    }
    self.text_.begin(kind);
    self.state_->unfolded = 0;
    return 0;
  }

  /// A request that its peer has spoilt ends now, not when its reset is sent: it may not have begun
  /// yet, and then it costs nobody anything.
  static void give_up(Session& self, StreamId id) {
    const auto found = self.streams_.find(id);
    if (found == self.streams_.end() || self.state_->role == Role::client) return;
    StreamEvents* const events = found->second.events;
    self.forget(found);
    if (events != nullptr) events->on_closed(NGHTTP2_PROTOCOL_ERROR, false, false);
  }

  static int on_header(nghttp2_session*, const nghttp2_frame* frame, nghttp2_rcbuf* name,
                       nghttp2_rcbuf* value, std::uint8_t, void* user) {
    Session& self = of(user);
    State& state = *self.state_;
    const auto field = text_of(name);
    const auto content = text_of(value);
    state.unfolded += field.size() + content.size();
    if (state.unfolded > kUnfoldedMax * state.limits.head.bytes) {
      state.offences = state.limits.resets_burst + 1;  // At once: this is no mistake.
      give_up(self, frame->hd.stream_id);
      return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    }
    self.text_.add(field, content);
    return 0;
  }

  /// nghttp2 would leave such a field out; then sender and receiver would disagree on the message.
  static int on_invalid_header(nghttp2_session* session, const nghttp2_frame* frame, nghttp2_rcbuf*,
                               nghttp2_rcbuf*, std::uint8_t, void* user) {
    ++of(user).state_->offences;
    nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, frame->hd.stream_id,
                              NGHTTP2_PROTOCOL_ERROR);
    give_up(of(user), frame->hd.stream_id);
    return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
  }

  static void allow(State& state, std::uint32_t more) {
    state.allowance = std::min(state.allowance + more, kAllowanceMax);
  }

  /// It costs us work and its sender nothing (RFC 9113 section 10.5).
  static bool moves_nothing(State& state, const nghttp2_frame& frame) {
    switch (frame.hd.type) {
      case NGHTTP2_HEADERS:
        allow(state, kAllowance);
        return false;
      case NGHTTP2_DATA:
        if (frame.hd.length > frame.data.padlen) allow(state, 1);
        return frame.hd.length == frame.data.padlen &&
               (frame.hd.flags & NGHTTP2_FLAG_END_STREAM) == 0;
      case NGHTTP2_SETTINGS:
      case NGHTTP2_PING:
        if ((frame.hd.flags & NGHTTP2_FLAG_ACK) != 0) return false;
        break;
      case NGHTTP2_WINDOW_UPDATE:
      case NGHTTP2_PRIORITY:
        break;
      default:
        return false;
    }
    if (state.allowance == 0) return true;
    --state.allowance;
    return false;
  }

  static int on_frame(nghttp2_session*, const nghttp2_frame* frame, void* user) {
    Session& self = of(user);
    StreamEvents* const events = self.events_of(frame->hd.stream_id);
    const bool end = (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
    if (moves_nothing(*self.state_, *frame)) ++self.state_->idle_frames;
    switch (frame->hd.type) {
      case NGHTTP2_HEADERS:
        if (events == nullptr) break;
        events->on_head(self.text_, end);
        if (end) events->on_end();
        break;
      case NGHTTP2_DATA:
        if (events != nullptr && end) events->on_end();
        break;
      case NGHTTP2_RST_STREAM:
        self.state_->reset_by_peer = frame->hd.stream_id;
        break;
      case NGHTTP2_SETTINGS:
        if ((frame->hd.flags & NGHTTP2_FLAG_ACK) == 0) {
          self.events_.on_settings();
        } else if (self.state_->settings_on_their_way > 0) {
          --self.state_->settings_on_their_way;
        }
        break;
      case NGHTTP2_GOAWAY:
        self.state_->last_processed = frame->goaway.last_stream_id;
        self.events_.on_goaway();
        break;
      default:
        break;
    }
    return 0;
  }

  static int on_data(nghttp2_session*, std::uint8_t, StreamId id, const std::uint8_t* data,
                     std::size_t size, void* user) {
    of(user).take_data(id, {reinterpret_cast<const std::byte*>(data), size});
    return 0;
  }

  static int on_violation(nghttp2_session*, const nghttp2_frame* frame, int number, void* user) {
    State& state = *of(user).state_;
    state.violation = number;
    // One stream too many is a race with our SETTINGS, and costs nothing.
    if (number == NGHTTP2_ERR_REFUSED_STREAM) return 0;
    ++state.offences;
    give_up(of(user), frame->hd.stream_id);
    return 0;
  }

  static int before_sending(nghttp2_session*, const nghttp2_frame* frame, void* user) {
    Session& self = of(user);
    if (frame->hd.type != NGHTTP2_HEADERS || frame->headers.cat != NGHTTP2_HCAT_REQUEST) return 0;
    const auto found = self.streams_.find(frame->hd.stream_id);
    if (found != self.streams_.end()) found->second.begins_at = self.output_;
    return 0;
  }

  static int on_sent(nghttp2_session*, const nghttp2_frame* frame, void* user) {
    State& state = *of(user).state_;
    const bool carries = frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA;
    if (carries && (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0) {
      if (StreamEvents* const events = of(user).events_of(frame->hd.stream_id))
        events->on_end_sent();
    }
    if (frame->hd.type == NGHTTP2_DATA) allow(state, kAllowance);
    const bool accuses =
        frame->hd.type == NGHTTP2_GOAWAY && frame->goaway.error_code != NGHTTP2_NO_ERROR;
    if (!accuses || state.broken) return 0;
    state.broken = true;
    // With this number nghttp2 ends who resets more streams than its limit allows.
    const bool resets = frame->goaway.error_code == NGHTTP2_INTERNAL_ERROR;
    state.offence = resets ? Offence::resets : Offence::protocol;
    if (resets) state.violation = NGHTTP2_ERR_FLOODED;
    if (state.violation == 0) state.violation = NGHTTP2_ERR_PROTO;
    return 0;
  }

  static int on_close(nghttp2_session*, StreamId id, std::uint32_t number, void* user) {
    Session& self = of(user);
    const bool by_peer = std::exchange(self.state_->reset_by_peer, 0) == id;
    const auto found = self.streams_.find(id);
    if (found == self.streams_.end()) return 0;
    StreamEvents* const events = found->second.events;
    self.forget(found);
    if (events == nullptr) return 0;
    if (number == NGHTTP2_NO_ERROR && self.state_->offences > 0) --self.state_->offences;
    const bool ours = self.state_->role == Role::client;
    const bool beyond = ours && id > self.state_->last_processed;
    const bool refused = ours && number == NGHTTP2_REFUSED_STREAM;
    events->on_closed(beyond ? StreamEvents::kConnectionLost : number, by_peer, beyond || refused);
    return 0;
  }

  static ssize_t read_outgoing(nghttp2_session* session, StreamId id, std::uint8_t* out,
                               std::size_t room, std::uint32_t* flags, nghttp2_data_source*,
                               void* user) {
    StreamEvents* const events = of(user).events_of(id);
    if (events == nullptr && of(user).is_closing(id)) {
      *flags |= NGHTTP2_DATA_FLAG_EOF;
      return 0;
    }
    if (events == nullptr) return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    const auto outgoing = events->outgoing();
    const std::size_t size = std::min(room, outgoing.data.size());
    const bool all = outgoing.end && size == outgoing.data.size();
    if (size == 0 && !all) return NGHTTP2_ERR_DEFERRED;
    if (size > 0) std::memcpy(out, outgoing.data.data(), size);
    if (all) {
      *flags |= NGHTTP2_DATA_FLAG_EOF;
      if (!outgoing.trailers.empty()) {
        FieldList& list = of(user).field_list_;
        list.trailers(outgoing.trailers);
        const auto& pairs = pairs_of(list.fields(), of(user).state_->pairs);
        *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
        nghttp2_submit_trailer(session, id, pairs.data(), pairs.size());
      }
    }
    events->on_taken(size);
    return static_cast<ssize_t>(size);
  }

  static nghttp2_data_provider provider() {
    nghttp2_data_provider provider{};
    provider.read_callback = read_outgoing;
    return provider;
  }

  static const nghttp2_session_callbacks* all() {
    static const std::unique_ptr<nghttp2_session_callbacks, DeleteCallbacks> callbacks = [] {
      nghttp2_session_callbacks* made = nullptr;
      EPAULET_ASSERT(nghttp2_session_callbacks_new(&made) == 0);
      nghttp2_session_callbacks_set_on_begin_headers_callback(made, on_begin_headers);
      nghttp2_session_callbacks_set_on_header_callback2(made, on_header);
      nghttp2_session_callbacks_set_on_invalid_header_callback2(made, on_invalid_header);
      nghttp2_session_callbacks_set_on_frame_recv_callback(made, on_frame);
      nghttp2_session_callbacks_set_on_data_chunk_recv_callback(made, on_data);
      nghttp2_session_callbacks_set_on_stream_close_callback(made, on_close);
      nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(made, on_violation);
      nghttp2_session_callbacks_set_before_frame_send_callback(made, before_sending);
      nghttp2_session_callbacks_set_on_frame_send_callback(made, on_sent);
      return std::unique_ptr<nghttp2_session_callbacks, DeleteCallbacks>(made);
    }();
    return callbacks.get();
  }

  static std::unique_ptr<nghttp2_option, DeleteOptions> options(const SessionLimits& limits) {
    nghttp2_option* made = nullptr;
    EPAULET_ASSERT(nghttp2_option_new(&made) == 0);
    nghttp2_option_set_no_auto_window_update(made, 1);
    nghttp2_option_set_max_outbound_ack(made, kAcknowledgementsMax);
    nghttp2_option_set_max_settings(made, kSettingsMax);
    nghttp2_option_set_stream_reset_rate_limit(made, limits.resets_burst, limits.resets_per_second);
    nghttp2_option_set_max_continuations(made, kContinuationsMax);
    nghttp2_option_set_peer_max_concurrent_streams(made, 1);
    nghttp2_option_set_max_send_header_block_length(made, 2 * limits.head.bytes);
    return std::unique_ptr<nghttp2_option, DeleteOptions>(made);
  }
};

Session::Session(Role role, const SessionLimits& limits, SessionEvents& events)
    : state_(std::make_unique<State>(role, limits)),
      events_(events),
      text_(limits.head),
      unread_(limits.unread_total) {
  nghttp2_session* made = nullptr;
  const auto options = Callbacks::options(limits);
  nghttp2_mem* const memory = pooled_memory();
  const auto status =
      role == Role::server
          ? nghttp2_session_server_new3(&made, Callbacks::all(), this, options.get(), memory)
          : nghttp2_session_client_new3(&made, Callbacks::all(), this, options.get(), memory);
  EPAULET_ASSERT(status == 0);
  state_->session.reset(made);
  std::vector<nghttp2_settings_entry> settings{
      {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, limits.stream_window},
      {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, static_cast<std::uint32_t>(limits.head.bytes)}};
  if (role == Role::server) {
    settings.push_back({NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, limits.streams});
    settings.push_back({NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL, 1});
  } else {
    settings.push_back({NGHTTP2_SETTINGS_ENABLE_PUSH, 0});
  }
  nghttp2_submit_settings(made, NGHTTP2_FLAG_NONE, settings.data(), settings.size());
}

Session::~Session() = default;

Result<void> Session::receive(ConstBytes bytes, TimePoint now) {
  State& state = *state_;
  if (state.broken) return end_for(state.offence, state.violation);
  if (state.idle_frames == 0) state.leaked_at = now;
  const auto taken = nghttp2_session_mem_recv(
      state.session.get(), reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
  if (taken < 0) {
    const auto number = static_cast<int>(taken);
    if (number == NGHTTP2_ERR_FLOODED) return end_for(Offence::acknowledgements, number);
    if (number == NGHTTP2_ERR_TOO_MANY_CONTINUATIONS)
      return end_for(Offence::continuations, number);
    return end_for(Offence::protocol, number);
  }
  // Who makes us reset its streams gets by what it may have at once as well as who resets them
  // itself.
  if (state.offences > state.limits.resets_burst)
    return end_for(Offence::made_resets, NGHTTP2_ERR_FLOODED);
  // What we say about it must not pile up while it reads nothing.
  if (nghttp2_session_get_outbound_queue_size(state.session.get()) > kWaitingFramesMax)
    return end_for(Offence::acknowledgements, NGHTTP2_ERR_FLOODED);
  if (state.idle_frames == 0) return {};
  const auto since = std::chrono::duration_cast<std::chrono::milliseconds>(now - state.leaked_at);
  const auto leaked = since.count() * state.limits.idle_frames_per_second / 1000;
  if (leaked > 0) {
    state.leaked_at = now;
    state.idle_frames -=
        static_cast<std::uint32_t>(std::min<std::int64_t>(leaked, std::int64_t{state.idle_frames}));
  }
  if (state.idle_frames > state.limits.idle_frames_burst)
    return end_for(Offence::idle_frames, NGHTTP2_ERR_FLOODED);
  return {};
}

/// With a GOAWAY that says so, unless nghttp2 has its own to say.
Error Session::end_for(Offence offence, int number) {
  if (number == NGHTTP2_ERR_FLOODED || number == NGHTTP2_ERR_TOO_MANY_CONTINUATIONS)
    nghttp2_session_terminate_session(state_->session.get(), NGHTTP2_ENHANCE_YOUR_CALM);
  if (!state_->broken) {
    state_->offence = offence;
    state_->violation = number;
  }
  state_->broken = true;
  return {ErrorCode::http2_protocol_error, Side::downstream, Stage::parse};
}

ConstBytes Session::output() {
  const std::uint8_t* data = nullptr;
  const auto size = nghttp2_session_mem_send(state_->session.get(), &data);
  if (size <= 0) return {};
  output_ += static_cast<std::uint64_t>(size);
  return {reinterpret_cast<const std::byte*>(data), static_cast<std::size_t>(size)};
}

bool Session::finished() const {
  return nghttp2_session_want_read(state_->session.get()) == 0 &&
         nghttp2_session_want_write(state_->session.get()) == 0;
}

std::optional<StreamId> Session::request(std::span<const NameValue> fields, bool end,
                                         StreamEvents& events) {
  if (!accepts_requests()) return std::nullopt;
  const auto& pairs = pairs_of(fields, state_->pairs);
  const auto provider = Callbacks::provider();
  const auto id = nghttp2_submit_request(state_->session.get(), nullptr, pairs.data(), pairs.size(),
                                         end ? nullptr : &provider, nullptr);
  if (id < 0) return std::nullopt;
  streams_.emplace(id, Stream{&events});
  return id;
}

bool Session::upgrade(ConstBytes settings, bool head_request, StreamEvents& events) {
  const auto status = nghttp2_session_upgrade2(
      state_->session.get(), reinterpret_cast<const std::uint8_t*>(settings.data()),
      settings.size(), head_request ? 1 : 0, nullptr);
  if (status == 0) streams_.emplace(1, Stream{&events});
  return status == 0;
}

void Session::respond(StreamId id, std::span<const NameValue> fields, bool end) {
  const auto& pairs = pairs_of(fields, state_->pairs);
  const auto provider = Callbacks::provider();
  nghttp2_submit_response(state_->session.get(), id, pairs.data(), pairs.size(),
                          end ? nullptr : &provider);
}

void Session::inform(StreamId id, std::span<const NameValue> fields) {
  const auto& pairs = pairs_of(fields, state_->pairs);
  nghttp2_submit_headers(state_->session.get(), NGHTTP2_FLAG_NONE, id, nullptr, pairs.data(),
                         pairs.size(), nullptr);
}

void Session::resume(StreamId id) {
  nghttp2_session_resume_data(state_->session.get(), id);
}

void Session::take_data(StreamId id, ConstBytes data) {
  State& state = *state_;
  auto* const session = state.session.get();
  const auto found = streams_.find(id);
  if (found == streams_.end()) {
    nghttp2_session_consume(session, id, data.size());
    return;
  }
  if (found->second.events == nullptr) {
    nghttp2_session_consume(session, id, data.size());
    return reset(id, ErrorNumber::cancel);
  }
  unread_.arrived(data.size());
  found->second.unread += data.size();
  if (!state.opened && !unread_.is_much()) {
    state.opened = true;
    nghttp2_session_set_local_window_size(
        session, NGHTTP2_FLAG_NONE, 0, static_cast<std::int32_t>(state.limits.connection_window));
  }
  if (unread_.is_too_much()) {
    state.withheld += data.size();
  } else {
    nghttp2_session_consume_connection(session, data.size());
  }
  if (unread_.is_much()) narrow();
  found->second.events->on_data(data);
}

void Session::consume(StreamId id, std::size_t bytes) {
  State& state = *state_;
  unread_.taken(bytes);
  nghttp2_session_consume_stream(state.session.get(), id, bytes);
  if (state.withheld > 0 && !unread_.is_too_much())
    nghttp2_session_consume_connection(state.session.get(), std::exchange(state.withheld, 0));
  const auto found = streams_.find(id);
  if (found == streams_.end()) return;
  found->second.unread -= bytes;
  if (state.narrow && found->second.unread == 0) widen(*found);
}

/// Takes from every stream the part of its window that it has not used (RFC 9113 section 6.9.2).
/// For good: to give it back the same way is to trust that the peer sends its acknowledgement
/// before the DATA that it then may send, and not all do.
void Session::narrow() {
  if (std::exchange(state_->narrow, true)) return;
  const nghttp2_settings_entry window{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE,
                                      limits::kHttp2NarrowWindowBytes};
  nghttp2_submit_settings(state_->session.get(), NGHTTP2_FLAG_NONE, &window, 1);
  ++state_->settings_on_their_way;
  events_.on_narrowed();
}

/// It is read as it comes, and keeps its pace beside those that stand still.
void Session::widen(Streams::value_type& stream) {
  State& state = *state_;
  const bool may = state.settings_on_their_way == 0 && !unread_.is_too_much();
  if (!may || stream.second.wide || state.wide == limits::kHttp2WideStreamsMax) return;
  stream.second.wide = true;
  ++state.wide;
  nghttp2_session_set_local_window_size(state.session.get(), NGHTTP2_FLAG_NONE, stream.first,
                                        static_cast<std::int32_t>(state.limits.stream_window));
}

void Session::forget(Streams::iterator stream) {
  if (stream->second.wide) --state_->wide;
  streams_.erase(stream);
}

void Session::reset(StreamId id, ErrorNumber number) {
  const auto found = streams_.find(id);
  // Once: nghttp2 takes a request that still waits out of its queue, and sends a second reset of it
  // all the same, which is a connection error at a peer that has never heard of the stream.
  if (found == streams_.end() || std::exchange(found->second.was_reset, true)) return;
  nghttp2_submit_rst_stream(state_->session.get(), NGHTTP2_FLAG_NONE, id,
                            static_cast<std::uint32_t>(number));
}

void Session::detach(StreamId id, ErrorNumber number) {
  reset(id, number);
  if (const auto found = streams_.find(id); found != streams_.end()) forget(found);
}

void Session::close(StreamId id) {
  const auto found = streams_.find(id);
  if (found == streams_.end()) return;
  found->second.events = nullptr;
  found->second.closes = true;
  nghttp2_session_resume_data(state_->session.get(), id);
}

bool Session::is_closing(StreamId id) const {
  const auto found = streams_.find(id);
  return found != streams_.end() && found->second.closes;
}

bool Session::has_output() const {
  return nghttp2_session_want_write(state_->session.get()) != 0;
}

void Session::shut_down(bool final) {
  auto* const session = state_->session.get();
  if (!final) {
    nghttp2_submit_shutdown_notice(session);
    return;
  }
  state_->last_served = nghttp2_session_get_last_proc_stream_id(session);
  nghttp2_submit_goaway(session, NGHTTP2_FLAG_NONE, state_->last_served, NGHTTP2_NO_ERROR, nullptr,
                        0);
}

bool Session::accepts_requests() const {
  auto* const session = state_->session.get();
  if (state_->abandoned) return false;
  return nghttp2_session_check_request_allowed(session) != 0 && streams_.size() < streams_max();
}

std::size_t Session::streams_max() const {
  return nghttp2_session_get_remote_settings(state_->session.get(),
                                             NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS);
}

bool Session::accepts_extended_connect() const {
  return nghttp2_session_get_remote_settings(state_->session.get(),
                                             NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL) == 1;
}

StreamEvents* Session::events_of(StreamId id) const {
  const auto found = streams_.find(id);
  return found == streams_.end() ? nullptr : found->second.events;
}

void Session::abandon_streams() {
  state_->abandoned = true;
  while (!streams_.empty()) {
    const auto [id, stream] = *streams_.begin();
    StreamEvents* const events = stream.events;
    const bool unprocessed = state_->role == Role::client &&
                             (id > state_->last_processed || stream.begins_at >= handed_over_);
    forget(streams_.begin());
    if (events == nullptr) continue;
    events->on_closed(StreamEvents::kConnectionLost, true, unprocessed);
  }
}

std::string_view Session::violation() const {
  if (!state_->broken) return {};
  switch (state_->offence) {
    case Offence::none:
    case Offence::protocol:
      return nghttp2_strerror(state_->violation);
    case Offence::resets:
      return "the peer resets too many streams";
    case Offence::made_resets:
      return "the peer makes us reset too many streams";
    case Offence::continuations:
      return "a head in too many CONTINUATION frames";
    case Offence::idle_frames:
      return "too many frames that move nothing";
    case Offence::acknowledgements:
      return "too many frames that want an answer";
  }
  return {};
}

Offence Session::offence() const {
  return state_->broken ? state_->offence : Offence::none;
}

}  // namespace epaulet::http::http2
