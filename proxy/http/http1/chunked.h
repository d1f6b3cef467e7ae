#pragma once

#include <string>

#include "http/http1/fault.h"
#include "io/stream.h"

namespace epaulet::http::http1 {

/// Reads a chunked body (RFC 9112 section 7.1): bytes in, views of data out, resumable at any byte.
///
/// Strict: every line ends with CRLF; the size is 1 to 16 hexadecimal digits without sign, prefix
/// or white space around it; at most limits::kChunkExtensionBytesMax of extensions a chunk, and
/// over the whole body at most limits::kChunkOverheadBytesMax more of them than data (a flood of
/// tiny chunks with long extensions costs CPU for nothing). Extensions are checked and dropped: RFC
/// 9112 section 7.1.1 wants unknown ones ignored.
///
/// States: size -> (bws -> extension | extension) -> size LF -> data -> data CR -> data LF -> size
/// ..., and after a size of zero: trailer lines -> end. An error is final.
class ChunkDecoder {
 public:
  /// What one call found.
  struct Step {
    enum class Kind : std::uint8_t {
      need_more,  ///< All of the input was consumed, nothing of it is data.
      data,  ///< `data` is a view into the input, not empty; more may be in the rest of the input.
      end,   ///< The body is complete; the rest of the input belongs to the next message.
    };
    Kind kind = Kind::need_more;
    std::size_t consumed = 0;  ///< Of the input, `data` included.
    ConstBytes data;
  };

  /// `kind` decides the errors' code and side: chunk_malformed or response_malformed.
  explicit ChunkDecoder(MessageKind kind = MessageKind::request) : kind_(kind) {}

  /// Goes on with `input`: the bytes behind those that the last call consumed; may be empty.
  /// After Kind::end it consumes nothing and says end again; after an error it repeats the error.
  [[nodiscard]] Result<Step> next(ConstBytes input);

  /// The trailer fields that may be passed on, as raw lines with CRLF; complete after Kind::end;
  /// valid until the decoder is destroyed or assigned to. What frames, routes, authenticates or
  /// modifies a message may not come in a trailer section (RFC 9110 section 6.5.1): such fields are
  /// dropped, by name and in our own namespace.
  [[nodiscard]] std::string_view trailers() const { return trailers_; }

  /// Data bytes still to come in the current chunk.
  [[nodiscard]] std::uint64_t remaining_in_chunk() const {
    return state_ == State::data ? size_ : 0;
  }

 private:
  enum class State : std::uint8_t {
    size,       ///< Digits of the size.
    bad_space,  ///< White space behind the size: only an extension may follow.
    extension,  ///< Behind ";", up to CR.
    size_lf,
    data,
    data_cr,
    data_lf,
    trailer,  ///< Within a trailer line, or at the start of the empty line.
    trailer_lf,
    end,
    failed,
  };

  /// Takes one byte in every state but data, end and failed.
  [[nodiscard]] Fault take(char c);
  [[nodiscard]] Fault take_size(char c);
  [[nodiscard]] Fault take_extension(char c);
  [[nodiscard]] Fault begin_chunk();
  [[nodiscard]] Fault take_trailer(char c);
  [[nodiscard]] Fault end_trailer_line();
  [[nodiscard]] Error fail(Fault fault);

  std::uint64_t size_ = 0;  ///< The size being read, then what remains of the data.
  std::uint32_t digits_ = 0;
  std::uint32_t extension_bytes_ = 0;  ///< Of this chunk.
  std::uint64_t overhead_ = 0;         ///< Extension bytes not yet outweighed by data.
  std::string trailers_;               ///< Accepted lines, then the line being read.
  std::size_t line_start_ = 0;         ///< Of the line being read, in trailers_.
  std::size_t trailer_bytes_ = 0;      ///< Read in all, dropped lines included.
  std::size_t trailer_fields_ = 0;
  State state_ = State::size;
  MessageKind kind_;
  Fault fault_ = Fault::none;
};

}  // namespace epaulet::http::http1
