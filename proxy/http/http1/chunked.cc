#include "http/http1/chunked.h"

#include <algorithm>

#include "base/char_class.h"
#include "base/limits.h"
#include "http/http1/field_lines.h"
#include "http/http1/trailers.h"

namespace epaulet::http::http1 {
namespace {

using char_class::is;

constexpr std::uint32_t kSizeDigitsMax = 16;

std::uint64_t hex_value(char c) {
  if (is(c, char_class::kDigit)) return static_cast<std::uint64_t>(c - '0');
  return static_cast<std::uint64_t>((c | 0x20) - 'a' + 10);
}

}  // namespace

Result<ChunkDecoder::Step> ChunkDecoder::next(ConstBytes input) {
  Step step;
  if (state_ == State::failed) return fail(fault_);
  while (state_ != State::end && step.consumed < input.size()) {
    if (state_ == State::data) {
      const auto rest = input.subspan(step.consumed);
      step.data = rest.first(static_cast<std::size_t>(std::min<std::uint64_t>(rest.size(), size_)));
      step.kind = Step::Kind::data;
      step.consumed += step.data.size();
      size_ -= step.data.size();
      if (size_ == 0) state_ = State::data_cr;
      return step;
    }
    const Fault fault = take(static_cast<char>(input[step.consumed]));
    if (fault != Fault::none) return fail(fault);
    ++step.consumed;
  }
  if (state_ == State::end) step.kind = Step::Kind::end;
  return step;
}

Fault ChunkDecoder::take(char c) {
  switch (state_) {
    case State::size:
      return take_size(c);
    case State::bad_space:
    case State::extension:
      return take_extension(c);
    case State::size_lf:
      return c == '\n' ? begin_chunk() : Fault::chunk_line_end;
    case State::data_cr:
      state_ = State::data_lf;
      return c == '\r' ? Fault::none : Fault::chunk_data_end;
    case State::data_lf:
      state_ = State::size;
      return c == '\n' ? Fault::none : Fault::chunk_data_end;
    case State::trailer:
      return take_trailer(c);
    case State::trailer_lf:
      return c == '\n' ? end_trailer_line() : Fault::bare_cr;
    case State::data:
    case State::end:
    case State::failed:
      break;
  }
  EPAULET_ASSERT(false && "a state that takes no single byte");
  return Fault::none;
}

Fault ChunkDecoder::take_size(char c) {
  if (is(c, char_class::kHexDigit)) {
    if (digits_ == kSizeDigitsMax) return Fault::chunk_size_overflow;
    ++digits_;
    size_ = size_ << 4 | hex_value(c);
    return Fault::none;
  }
  if (digits_ == 0) return Fault::chunk_size;
  // Others count in signed integers: what overflows there must not pass here.
  if (size_ > INT64_MAX) return Fault::chunk_size_overflow;
  switch (c) {
    case '\r':
      state_ = State::size_lf;
      return Fault::none;
    case ';':
    // RFC 9112 section 7.1.1 has "bad white space" before the semicolon, which a recipient MUST
    // take.
    case ' ':
    case '\t':
      state_ = c == ';' ? State::extension : State::bad_space;
      extension_bytes_ = 1;
      return Fault::none;
    case '\n':
      return Fault::chunk_line_end;
    default:
      return Fault::chunk_size;
  }
}

Fault ChunkDecoder::take_extension(char c) {
  if (c == '\r' && state_ == State::extension) {
    state_ = State::size_lf;
    return Fault::none;
  }
  if (c == '\n') return Fault::chunk_line_end;
  if (++extension_bytes_ > limits::kChunkExtensionBytesMax) return Fault::chunk_extension_too_long;
  if (state_ == State::extension)
    return is(c, char_class::kValue) ? Fault::none : Fault::chunk_extension;
  if (c == ';') state_ = State::extension;
  return c == ';' || c == ' ' || c == '\t' ? Fault::none : Fault::chunk_extension;
}

Fault ChunkDecoder::begin_chunk() {
  overhead_ += extension_bytes_;
  if (overhead_ > limits::kChunkOverheadBytesMax) return Fault::chunk_extension_too_long;
  overhead_ -= std::min(overhead_, size_);
  digits_ = 0;
  extension_bytes_ = 0;
  state_ = size_ > 0 ? State::data : State::trailer;
  return Fault::none;
}

Fault ChunkDecoder::take_trailer(char c) {
  trailer_bytes_ += c == '\r' ? 2 : 1;  // A CR stands for its LF too.
  if (trailer_bytes_ > limits::kTrailerBytesMax) return Fault::trailer_too_large;
  if (c == '\r') {
    state_ = State::trailer_lf;
    return Fault::none;
  }
  if (c == '\n') return Fault::bare_lf;
  trailers_.push_back(c);
  return Fault::none;
}

Fault ChunkDecoder::end_trailer_line() {
  const std::string_view line = std::string_view(trailers_).substr(line_start_);
  if (line.empty()) {
    state_ = State::end;
    return Fault::none;
  }
  if (++trailer_fields_ > limits::kHeaderFieldsMax) return Fault::trailer_too_large;
  Field field;
  if (const Fault fault = parse_field_line(line, field); fault != Fault::none) return fault;
  if (may_be_trailer(field)) {
    trailers_.append("\r\n");
  } else {
    trailers_.resize(line_start_);
  }
  line_start_ = trailers_.size();
  state_ = State::trailer;
  return Fault::none;
}

Error ChunkDecoder::fail(Fault fault) {
  state_ = State::failed;
  fault_ = fault;
  return parse_error(kind_, ErrorCode::chunk_malformed, ErrorCode::response_malformed, fault);
}

}  // namespace epaulet::http::http1
