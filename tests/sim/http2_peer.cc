#include "http2_peer.h"

#include <fmt/format.h>
#include <nghttp2/nghttp2.h>

#include <algorithm>
#include <cstring>

#include "io/ops.h"

namespace epaulet::sim {
namespace {

std::vector<nghttp2_nv> pairs_of(const FieldList& fields) {
  const auto bytes = [](const std::string& text) {
    return reinterpret_cast<std::uint8_t*>(const_cast<char*>(text.data()));
  };
  std::vector<nghttp2_nv> pairs;
  for (const auto& [name, value] : fields) {
    pairs.push_back({bytes(name), bytes(value), name.size(), value.size(), NGHTTP2_NV_FLAG_NONE});
  }
  return pairs;
}

std::string take_field(FieldList& fields, std::string_view name) {
  const auto found = std::find_if(fields.begin(), fields.end(),
                                  [&](const auto& field) { return field.first == name; });
  if (found == fields.end()) return "";
  std::string value = std::move(found->second);
  fields.erase(found);
  return value;
}

}  // namespace

struct Http2Callbacks {
  static Http2Peer& of(void* user) { return *static_cast<Http2Peer*>(user); }
  static Http2Stream* stream(nghttp2_session* session, std::int32_t id) {
    return static_cast<Http2Stream*>(nghttp2_session_get_stream_user_data(session, id));
  }

  static int on_begin(nghttp2_session* session, const nghttp2_frame* frame, void* user) {
    Http2Peer& self = of(user);
    // What it has promised not to look at it does not, even if that was not heard yet.
    if (frame->headers.cat == NGHTTP2_HCAT_REQUEST && frame->hd.stream_id <= self.last_served_) {
      Http2Stream& made = self.make();
      made.id = frame->hd.stream_id;
      nghttp2_session_set_stream_user_data(session, made.id, &made);
    }
    if (Http2Stream* one = stream(session, frame->hd.stream_id)) one->section_.clear();
    return 0;
  }

  static int on_header(nghttp2_session* session, const nghttp2_frame* frame,
                       const std::uint8_t* name, std::size_t name_size, const std::uint8_t* value,
                       std::size_t value_size, std::uint8_t, void*) {
    if (Http2Stream* one = stream(session, frame->hd.stream_id)) {
      one->section_.emplace_back(std::string(reinterpret_cast<const char*>(name), name_size),
                                 std::string(reinterpret_cast<const char*>(value), value_size));
    }
    return 0;
  }

  static void take_section(Http2Peer& self, Http2Stream& one) {
    Message& message = one.message;
    const bool informational = message.has_head && message.informational();
    if (informational) {
      one.informational.push_back(std::move(message));
      message = Message();
    }
    if (message.has_head) {
      message.trailers = std::move(one.section_);
      return;
    }
    message.has_head = true;
    if (self.role_ == Http2Peer::Role::server) {
      const auto method = take_field(one.section_, ":method");
      message.start_line = method + " " + take_field(one.section_, ":path") + " HTTP/2";
      (void)take_field(one.section_, ":scheme");
      one.section_.emplace_back("host", take_field(one.section_, ":authority"));
    } else {
      message.start_line = "HTTP/2 " + take_field(one.section_, ":status") + " ";
    }
    message.fields = std::move(one.section_);
    if (self.role_ == Http2Peer::Role::server && self.on_request) self.on_request(one);
  }

  static int on_frame(nghttp2_session* session, const nghttp2_frame* frame, void* user) {
    Http2Peer& self = of(user);
    if (frame->hd.type == NGHTTP2_GOAWAY) {
      self.goaway_ = frame->goaway.error_code;
      if (frame->goaway.error_code != NGHTTP2_NO_ERROR) {
        self.violations_.push_back(
            fmt::format("was accused by GOAWAY with code {}", frame->goaway.error_code));
      }
    }
    if (frame->hd.stream_id == 0) self.tell_all();
    Http2Stream* const one = stream(session, frame->hd.stream_id);
    if (one == nullptr) return 0;
    const bool end = (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
    if (frame->hd.type == NGHTTP2_HEADERS) {
      // A request without body is complete when its server looks at it.
      if (end && self.role_ == Http2Peer::Role::server) one->message.complete = true;
      take_section(self, *one);
    }
    const bool carries = frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA;
    if (carries && end) one->message.complete = true;
    if (frame->hd.type == NGHTTP2_RST_STREAM) one->reset_by_peer = true;
    one->news.set();
    return 0;
  }

  static int on_data(nghttp2_session* session, std::uint8_t, std::int32_t id,
                     const std::uint8_t* data, std::size_t size, void*) {
    nghttp2_session_consume_connection(session, size);
    Http2Stream* const one = stream(session, id);
    if (one != nullptr) one->message.body.append(reinterpret_cast<const char*>(data), size);
    if (one != nullptr && one->stalled) {
      one->unread_ += size;
    } else {
      nghttp2_session_consume_stream(session, id, size);
    }
    if (one != nullptr) one->news.set();
    return 0;
  }

  static int on_close(nghttp2_session* session, std::int32_t id, std::uint32_t code, void*) {
    Http2Stream* const one = stream(session, id);
    if (one == nullptr) return 0;
    one->closed = code;
    one->news.set();
    one->taken.set();
    return 0;
  }

  static int on_violation(nghttp2_session* session, const nghttp2_frame* frame, int code,
                          void* user) {
    // A frame for a stream that was just reset is none, nor one that did not know our SETTINGS yet.
    if (code == NGHTTP2_ERR_STREAM_CLOSED || code == NGHTTP2_ERR_REFUSED_STREAM) return 0;
    // nghttp2's server takes a reset of a stream beyond its own GOAWAY for one of an idle stream.
    if (frame->hd.type == NGHTTP2_RST_STREAM && frame->hd.stream_id > of(user).last_served_)
      return 0;
    std::string section;
    if (const Http2Stream* one = stream(session, frame->hd.stream_id)) {
      for (const auto& [name, value] : one->section_)
        section += fmt::format(" {}: {};", name, value);
      for (const auto& [name, value] : one->message.fields)
        section += fmt::format(" ({}: {});", name, value);
      section += one->message.start_line;
    }
    of(user).violations_.push_back(fmt::format("got a frame of type {} on stream {}: {}{}",
                                               frame->hd.type, frame->hd.stream_id,
                                               nghttp2_strerror(code), section));
    return 0;
  }

  static ssize_t outgoing(nghttp2_session* session, std::int32_t id, std::uint8_t* out,
                          std::size_t room, std::uint32_t* flags, nghttp2_data_source*, void*) {
    Http2Stream* const one = stream(session, id);
    if (one == nullptr || !one->sending_) return NGHTTP2_ERR_DEFERRED;
    const std::size_t size = std::min(room, one->outgoing_.size() - one->sent_);
    std::memcpy(out, one->outgoing_.data() + one->sent_, size);
    one->sent_ += size;
    if (one->sent_ < one->outgoing_.size()) return static_cast<ssize_t>(size);
    if (size == 0 && !one->last_) return NGHTTP2_ERR_DEFERRED;
    one->sending_ = false;
    // nghttp2 drops what is still to be sent of a stream that is to be reset.
    if (!one->last_) one->taken.set();
    if (one->last_) {
      *flags |= NGHTTP2_DATA_FLAG_EOF;
      if (!one->trailers_.empty()) {
        *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
        const auto pairs = pairs_of(one->trailers_);
        nghttp2_submit_trailer(session, id, pairs.data(), pairs.size());
      }
    }
    return static_cast<ssize_t>(size);
  }

  static int on_sent(nghttp2_session* session, const nghttp2_frame* frame, void*) {
    const bool carries = frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA;
    if (!carries || (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) == 0) return 0;
    if (Http2Stream* const one = stream(session, frame->hd.stream_id)) one->taken.set();
    return 0;
  }

  static nghttp2_data_provider provider() {
    nghttp2_data_provider provider{};
    provider.read_callback = outgoing;
    return provider;
  }

  static const nghttp2_session_callbacks* all() {
    static const auto callbacks = [] {
      nghttp2_session_callbacks* made = nullptr;
      nghttp2_session_callbacks_new(&made);
      nghttp2_session_callbacks_set_on_begin_headers_callback(made, on_begin);
      nghttp2_session_callbacks_set_on_header_callback(made, on_header);
      nghttp2_session_callbacks_set_on_frame_recv_callback(made, on_frame);
      nghttp2_session_callbacks_set_on_data_chunk_recv_callback(made, on_data);
      nghttp2_session_callbacks_set_on_stream_close_callback(made, on_close);
      nghttp2_session_callbacks_set_on_frame_send_callback(made, on_sent);
      nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(made, on_violation);
      return std::unique_ptr<nghttp2_session_callbacks, decltype(&nghttp2_session_callbacks_del)>(
          made, nghttp2_session_callbacks_del);
    }();
    return callbacks.get();
  }
};

void Http2Peer::DeleteSession::operator()(nghttp2_session* session) const {
  nghttp2_session_del(session);
}

Http2Peer::Http2Peer(StreamPtr stream, Scope& scope, Role role, Http2Manners manners,
                     std::string heard)
    : stream_(std::move(stream)),
      loop_(scope.loop()),
      role_(role),
      manners_(manners),
      heard_(std::move(heard)),
      reading_(scope),
      writing_(scope),
      output_(scope.loop()) {
  nghttp2_option* option = nullptr;
  nghttp2_option_new(&option);
  nghttp2_option_set_no_auto_window_update(option, 1);
  nghttp2_session* made = nullptr;
  if (role == Role::server) {
    nghttp2_session_server_new2(&made, Http2Callbacks::all(), this, option);
  } else {
    nghttp2_session_client_new2(&made, Http2Callbacks::all(), this, option);
  }
  nghttp2_option_del(option);
  session_.reset(made);
  announce(manners_.streams_max, manners_.window);
}

Http2Peer::~Http2Peer() = default;

void Http2Peer::announce(std::uint32_t streams_max, std::uint32_t window) {
  const nghttp2_settings_entry settings[] = {{NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, streams_max},
                                             {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, window}};
  nghttp2_submit_settings(session_.get(), NGHTTP2_FLAG_NONE, settings, std::size(settings));
  output_.set();
}

std::size_t Http2Peer::streams_open() const {
  return static_cast<std::size_t>(
      std::count_if(streams_.begin(), streams_.end(),
                    [](const Http2Stream& one) { return one.id != 0 && !one.closed; }));
}

Http2Stream& Http2Peer::make() {
  return streams_.emplace_back(loop_);
}

bool Http2Peer::may_ask() const {
  if (over_ || ending_ || goes() || nghttp2_session_check_request_allowed(session_.get()) == 0)
    return false;
  return streams_open() < nghttp2_session_get_remote_settings(
                              session_.get(), NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS);
}

void Http2Peer::ask(Http2Stream& stream, const FieldList& fields, bool end) {
  const auto pairs = pairs_of(fields);
  const auto provider = Http2Callbacks::provider();
  stream.id = nghttp2_submit_request(session_.get(), nullptr, pairs.data(), pairs.size(),
                                     end ? nullptr : &provider, &stream);
  if (stream.id < 0) stream.closed = NGHTTP2_REFUSED_STREAM;
  output_.set();
}

void Http2Peer::respond(Http2Stream& stream, const FieldList& fields, bool end) {
  const auto pairs = pairs_of(fields);
  const auto provider = Http2Callbacks::provider();
  nghttp2_submit_response(session_.get(), stream.id, pairs.data(), pairs.size(),
                          end ? nullptr : &provider);
  output_.set();
}

void Http2Peer::inform(Http2Stream& stream, const FieldList& fields) {
  const auto pairs = pairs_of(fields);
  nghttp2_submit_headers(session_.get(), NGHTTP2_FLAG_NONE, stream.id, nullptr, pairs.data(),
                         pairs.size(), nullptr);
  output_.set();
}

Task<bool> Http2Peer::send(Http2Stream& stream, std::string piece, bool last, FieldList trailers) {
  if (stream.closed || over_) co_return false;
  stream.outgoing_ = std::move(piece);
  stream.sent_ = 0;
  stream.last_ = last;
  stream.trailers_ = std::move(trailers);
  stream.sending_ = true;
  stream.taken.reset();
  nghttp2_session_resume_data(session_.get(), stream.id);
  output_.set();
  const auto waited = co_await stream.taken.wait(writing_);
  const bool gone = std::exchange(stream.sending_, false);
  co_return waited && !gone;
}

Task<bool> Http2Peer::await_news(Http2Stream& stream) {
  const auto waited = co_await stream.news.wait(reading_);
  stream.news.reset();
  co_return waited.has_value();
}

void Http2Peer::reset(Http2Stream& stream, std::uint32_t code) {
  if (stream.closed || stream.id == 0) return;
  nghttp2_submit_rst_stream(session_.get(), NGHTTP2_FLAG_NONE, stream.id, code);
  output_.set();
}

void Http2Peer::end_stall(Http2Stream& stream) {
  if (!std::exchange(stream.stalled, false)) return;
  nghttp2_session_consume_stream(session_.get(), stream.id, std::exchange(stream.unread_, 0));
  output_.set();
}

void Http2Peer::say_goodbye() {
  last_served_ = nghttp2_session_get_last_proc_stream_id(session_.get());
  nghttp2_submit_goaway(session_.get(), NGHTTP2_FLAG_NONE, last_served_, NGHTTP2_NO_ERROR, nullptr,
                        0);
  output_.set();
}

void Http2Peer::tell_all() {
  for (auto& one : streams_) {
    one.news.set();
    if (over_) one.taken.set();
  }
}

void Http2Peer::finish() {
  over_ = true;
  tell_all();
  const Error why(ErrorCode::cancelled, Side::self, Stage::none);
  reading_.cancel(why);
  writing_.cancel(why);
}

void Http2Peer::end() {
  ending_ = true;
  output_.set();
}

void Http2Peer::break_off() {
  if (over_) return;
  stream_->reset();
  finish();
}

Task<void> Http2Peer::write() {
  if (manners_.settings_late.count() > 0) {
    (void)co_await sleep_until(writing_, loop_.now() + manners_.settings_late);
  }
  std::string out;
  while (!over_) {
    out.clear();
    const std::uint8_t* data = nullptr;
    while (out.size() < 32 * 1024) {
      const auto size = nghttp2_session_mem_send(session_.get(), &data);
      if (size <= 0) break;
      out.append(reinterpret_cast<const char*>(data), static_cast<std::size_t>(size));
    }
    if (out.empty()) {
      if (ending_) break;
      const auto waited = co_await output_.wait(writing_);
      if (!waited) break;
      output_.reset();
      continue;
    }
    const bool breaks = manners_.breaks_after && written_ + out.size() > *manners_.breaks_after;
    if (breaks) out.resize(*manners_.breaks_after - written_);
    const std::array<ConstBytes, 1> buffers{as_bytes(out)};
    const auto written = co_await write_all(*stream_, buffers, writing_);
    if (!written) break;
    written_ += out.size();
    if (breaks) co_return break_off();
  }
  finish();
}

Task<void> Http2Peer::read() {
  const auto stops = loop_.now() + manners_.stops_reading_at;
  bool has_stopped = manners_.stops_reading_for.count() == 0;
  std::array<std::byte, 8 * 1024> buffer;
  while (!over_) {
    if (heard_.empty()) {
      if (!has_stopped && loop_.now() >= stops) {
        has_stopped = true;
        (void)co_await sleep_until(reading_, loop_.now() + manners_.stops_reading_for);
      }
      const auto got = co_await read_some(*stream_, buffer, reading_);
      if (!got || *got == 0) break;
      heard_ = as_text(ConstBytes(buffer).first(*got));
    }
    const auto taken = nghttp2_session_mem_recv(
        session_.get(), reinterpret_cast<const std::uint8_t*>(heard_.data()), heard_.size());
    heard_.clear();
    output_.set();
    if (taken < 0) {
      violations_.push_back(
          fmt::format("got what is not HTTP/2: {}", nghttp2_strerror(static_cast<int>(taken))));
      break;
    }
    tell_all();  // Streams may have come free.
  }
  finish();
}

Task<void> Http2Peer::run() {
  Fork<void> writing;
  writing.start(write());
  co_await read();
  co_await writing.join();
  stream_.reset();
}

}  // namespace epaulet::sim
