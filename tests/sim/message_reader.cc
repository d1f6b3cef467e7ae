#include "message_reader.h"

#include <algorithm>
#include <charconv>

namespace epaulet::sim {
namespace {

constexpr std::string_view kLineEnd = "\r\n";

std::pair<std::string, std::string> split_field(const std::string& line) {
  const auto colon = line.find(':');
  if (colon == std::string::npos) return {line, ""};
  auto value = line.substr(colon + 1);
  value.erase(0, value.find_first_not_of(" \t"));
  while (!value.empty() && (value.back() == ' ' || value.back() == '\t')) value.pop_back();
  return {line.substr(0, colon), value};
}

}  // namespace

bool same_name(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) {
    return (x >= 'A' && x <= 'Z' ? x + 32 : x) == (y >= 'A' && y <= 'Z' ? y + 32 : y);
  });
}

std::optional<std::string> Message::field(std::string_view name) const {
  for (const auto& [field_name, value] : fields) {
    if (same_name(field_name, name)) return value;
  }
  return std::nullopt;
}

int Message::status() const {
  int status = 0;
  const auto space = start_line.find(' ');
  if (space == std::string::npos) return 0;
  std::from_chars(start_line.data() + space + 1, start_line.data() + start_line.size(), status);
  return status;
}

std::string Message::method() const {
  return start_line.substr(0, start_line.find(' '));
}

bool Message::asks_to_close() const {
  const auto connection = field("connection");
  const bool http10 = start_line.find("HTTP/1.0") != std::string::npos;
  if (!connection) return http10;
  return same_name(*connection, "close") || (http10 && !same_name(*connection, "keep-alive"));
}

std::optional<std::string> MessageReader::take_line() {
  const auto end = input_.find(kLineEnd, used_);
  if (end == std::string::npos) return std::nullopt;
  auto line = input_.substr(used_, end - used_);
  used_ = end + kLineEnd.size();
  return line;
}

bool MessageReader::take_head() {
  const auto end = input_.find("\r\n\r\n", used_);
  if (end == std::string::npos) return true;
  message_.start_line = *take_line();
  if (message_.start_line.find("HTTP/1.") == std::string::npos) return false;
  for (auto line = take_line(); line && !line->empty(); line = take_line()) {
    message_.fields.push_back(split_field(*line));
  }
  message_.has_head = true;
  const auto status = message_.status();
  const bool bodiless =
      kind_ == Kind::response && (answers_head_ || status < 200 || status == 204 || status == 304);
  const auto length = message_.field("content-length");
  if (bodiless) {
    framing_ = Framing::none;
  } else if (message_.field("transfer-encoding")) {
    framing_ = Framing::chunked;
  } else if (length) {
    framing_ = Framing::length;
    left_ = std::stoull(*length);
  } else {
    framing_ = kind_ == Kind::request ? Framing::none : Framing::until_close;
  }
  return true;
}

bool MessageReader::take_chunks() {
  for (;;) {
    if (chunk_ == ChunkState::size) {
      const auto line = take_line();
      if (!line) return true;
      const auto parsed = std::from_chars(line->data(), line->data() + line->size(), left_, 16);
      if (parsed.ec != std::errc{} || parsed.ptr != line->data() + line->size()) return false;
      chunk_ = left_ == 0 ? ChunkState::trailers : ChunkState::data;
    } else if (chunk_ == ChunkState::data) {
      const auto taken = std::min(left_, input_.size() - used_);
      message_.body.append(input_, used_, taken);
      used_ += taken;
      left_ -= taken;
      if (left_ > 0) return true;
      chunk_ = ChunkState::data_end;
    } else if (chunk_ == ChunkState::data_end) {
      const auto line = take_line();
      if (!line) return true;
      if (!line->empty()) return false;
      chunk_ = ChunkState::size;
    } else {
      const auto line = take_line();
      if (!line) return true;
      if (line->empty()) {
        message_.complete = true;
        return true;
      }
      message_.trailers.push_back(split_field(*line));
    }
  }
}

bool MessageReader::advance() {
  if (message_.complete) return true;
  if (!message_.has_head && !take_head()) return false;
  if (!message_.has_head) return true;
  switch (framing_) {
    case Framing::unknown:
    case Framing::none:
      message_.complete = true;
      break;
    case Framing::chunked:
      if (!take_chunks()) return false;
      break;
    case Framing::length:
    case Framing::until_close: {
      auto taken = input_.size() - used_;
      if (framing_ == Framing::length) {
        taken = std::min(left_, taken);
        left_ -= taken;
      }
      message_.body.append(input_, used_, taken);
      used_ += taken;
      message_.complete = framing_ == Framing::length ? left_ == 0 : ended_;
      break;
    }
  }
  if (used_ > 64 * 1024) {
    input_.erase(0, used_);
    used_ = 0;
  }
  return true;
}

void MessageReader::next() {
  input_.erase(0, used_);
  used_ = 0;
  message_ = Message();
  framing_ = Framing::unknown;
  chunk_ = ChunkState::size;
  left_ = 0;
}

std::string MessageReader::take_rest() {
  auto taken = std::string(rest());
  used_ = input_.size();
  return taken;
}

}  // namespace epaulet::sim
