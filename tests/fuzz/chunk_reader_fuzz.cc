#include <algorithm>
#include <array>

#include "base/assert.h"
#include "http/http1/chunked.h"
#include "http/http1/serialize.h"
#include "tests/fuzz/support/naive_chunked.h"

namespace {

using namespace epaulet;
using namespace epaulet::http;
using http1::ChunkDecoder;
using http1::Fault;

struct Decoded {
  std::string data;
  std::string trailers;
  std::size_t consumed = 0;
  bool complete = false;
  Fault fault = Fault::none;

  friend bool operator==(const Decoded&, const Decoded&) = default;
};

/// `sizes`: how many bytes each call gets at most, used in turn.
Decoded decode(std::string_view input, std::string_view sizes) {
  ChunkDecoder decoder;
  Decoded out;
  for (std::size_t turn = 0; out.consumed < input.size(); ++turn) {
    const std::size_t most = 1 + static_cast<unsigned char>(sizes[turn % sizes.size()]);
    const auto given = input.substr(out.consumed, most);
    const auto step = decoder.next(as_bytes(given));
    if (!step) {
      EPAULET_ASSERT(decoder.next(as_bytes("0\r\n\r\n")).error() == step.error());
      out.fault = http1::fault_of(step.error());
      EPAULET_ASSERT(out.fault != Fault::none);
      // Where in the input a refusal falls depends on the pieces; whether and why does not.
      out.consumed = 0;
      return out;
    }
    out.consumed += step->consumed;
    out.data += as_text(step->data);
    if (step->kind == ChunkDecoder::Step::Kind::need_more)
      EPAULET_ASSERT(step->consumed == given.size());
    if (step->kind == ChunkDecoder::Step::Kind::data) EPAULET_ASSERT(!step->data.empty());
    if (step->kind == ChunkDecoder::Step::Kind::end) {
      out.complete = true;
      out.trailers = decoder.trailers();
      return out;
    }
  }
  return out;
}

std::string encoded(const std::string& data, const std::string& trailers) {
  std::string out;
  std::array<char, 20> line{};
  for (std::size_t at = 0; at < data.size(); at += 1000) {
    const auto piece = data.substr(at, 1000);
    out.append(line.data(), http1::write_chunk_header(line, piece.size()))
        .append(piece)
        .append("\r\n");
  }
  out.append(line.data(), http1::write_chunk_header(line, 0));
  return out + trailers + "\r\n";
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const auto whole = decode(input, "\xff");
  EPAULET_ASSERT(decode(input, std::string_view("\0", 1)) == whole);
  EPAULET_ASSERT(decode(input, std::string_view("\2", 1)) == whole);
  if (!input.empty()) EPAULET_ASSERT(decode(input, input.substr(0, 16)) == whole);

  // The oracle knows no limits.
  if (whole.fault != Fault::chunk_extension_too_long && whole.fault != Fault::trailer_too_large) {
    using End = naive::Dechunked::End;
    const auto naive = naive::dechunk(input);
    EPAULET_ASSERT(whole.complete == (naive.end == End::complete));
    EPAULET_ASSERT((whole.fault != Fault::none) == (naive.end == End::refused));
    EPAULET_ASSERT(whole.data == naive.data);
    if (whole.complete)
      EPAULET_ASSERT(whole.trailers == naive.trailers && whole.consumed == naive.consumed);
  }
  if (!whole.complete) return 0;
  const auto again = decode(encoded(whole.data, whole.trailers), "\xff");
  EPAULET_ASSERT(again.complete && again.data == whole.data && again.trailers == whole.trailers);
  return 0;
}
