#include "http/http1/serialize.h"

#include <array>
#include <charconv>
#include <cstring>

#include "base/assert.h"
#include "http/http1/target.h"

namespace epaulet::http::http1 {
namespace {

constexpr std::string_view kRequestVersion = " HTTP/1.1\r\n";
constexpr std::string_view kResponseVersion = "HTTP/1.1 ";
constexpr std::string_view kHostName = "Host: ";
constexpr std::string_view kLineEnd = "\r\n";

/// Appends to a span whose room the caller measured.
class Writer {
 public:
  explicit Writer(Bytes out) : out_(out) {}
  void operator()(std::string_view text) {
    EPAULET_ASSERT(text.size() <= out_.size() - written_);
    // An empty view may have no address, which memcpy must not see.
    if (!text.empty()) std::memcpy(out_.data() + written_, text.data(), text.size());
    written_ += text.size();
  }
  [[nodiscard]] std::size_t written() const { return written_; }

 private:
  Bytes out_;
  std::size_t written_ = 0;
};

class Counter {
 public:
  void operator()(std::string_view text) { bytes_ += text.size(); }
  [[nodiscard]] std::size_t bytes() const { return bytes_; }

 private:
  std::size_t bytes_ = 0;
};

/// Field lines that stand side by side in the received head go out as one piece: one copy if
/// nothing was removed.
template <class Out>
void put_received(const Head& head, Out& out) {
  const char* run = nullptr;
  const char* run_end = nullptr;
  const auto flush = [&] {
    if (run != nullptr) out({run, static_cast<std::size_t>(run_end - run)});
  };
  for (const Field& field : head.fields) {
    if (field.removed) continue;
    if (field.line.data() != run_end) {
      flush();
      run = field.line.data();
    }
    run_end = field.line.data() + field.line.size();
  }
  flush();
}

template <class Out>
void put_fields(const Head& head, std::string_view hop_lines, Out& out) {
  put_received(head, out);
  out(head.added.lines());
  out(hop_lines);
  out(kLineEnd);
}

template <class Out>
void put_request(const RequestHead& head, std::string_view hop_lines, Out& out) {
  const auto target = forwarded_target(head);
  out(head.method_text);
  out(" ");
  out(target.first);
  out(target.second);
  out(kRequestVersion);
  if (head.find(FieldId::host) == nullptr) {
    out(kHostName);
    out(head.authority);
    out(kLineEnd);
  }
  put_fields(head, hop_lines, out);
}

template <class Out>
void put_response(const ResponseHead& head, std::string_view hop_lines, Out& out) {
  const std::array<char, 4> status{static_cast<char>('0' + head.status / 100 % 10),
                                   static_cast<char>('0' + head.status / 10 % 10),
                                   static_cast<char>('0' + head.status % 10), ' '};
  out(kResponseVersion);
  out({status.data(), status.size()});
  out(head.reason);
  out(kLineEnd);
  put_fields(head, hop_lines, out);
}

}  // namespace

std::size_t request_head_bytes(const RequestHead& head, std::string_view hop_lines) {
  Counter counter;
  put_request(head, hop_lines, counter);
  return counter.bytes();
}

std::size_t write_request_head(const RequestHead& head, Bytes out, std::string_view hop_lines) {
  Writer writer(out);
  put_request(head, hop_lines, writer);
  return writer.written();
}

std::size_t response_head_bytes(const ResponseHead& head, std::string_view hop_lines) {
  Counter counter;
  put_response(head, hop_lines, counter);
  return counter.bytes();
}

std::size_t write_response_head(const ResponseHead& head, Bytes out, std::string_view hop_lines) {
  Writer writer(out);
  put_response(head, hop_lines, writer);
  return writer.written();
}

std::size_t write_chunk_header(std::array<char, 20>& out, std::size_t size) {
  char* const end = std::to_chars(out.data(), out.data() + out.size(), size, 16).ptr;
  end[0] = '\r';
  end[1] = '\n';
  return static_cast<std::size_t>(end - out.data()) + 2;
}

}  // namespace epaulet::http::http1
