#include "script.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

namespace epaulet::sim {

std::string body_text(int id, bool of_request, std::size_t bytes) {
  // A prime period: pieces that were lost, doubled or exchanged do not fit together.
  constexpr std::size_t kPeriod = 251;
  std::string text;
  text.reserve(bytes + kPeriod);
  const auto start = static_cast<std::size_t>(id) * 7 + (of_request ? 0 : 3);
  for (std::size_t i = 0; i < kPeriod; ++i) {
    text += static_cast<char>('!' + (start + i * i) % 90);
  }
  while (text.size() < bytes) text.append(text, 0, std::min(text.size(), bytes - text.size()));
  text.resize(bytes);
  return text;
}

std::string id_text(int id) {
  return fmt::format("x{}", id);
}

int id_of(const Message& request) {
  const auto id = request.field("x-request-id");
  if (!id || id->size() < 2 || (*id)[0] != 'x') return -1;
  return std::stoi(id->substr(1));
}

FieldList trailers_of(int id) {
  return {{"X-Checksum", fmt::format("sum{}", id)}, {"X-Last", "yes"}};
}

FieldList http2_trailers(const BodyScript& body, int id, bool answers_grpc) {
  FieldList fields;
  if (answers_grpc) fields.emplace_back("grpc-status", "0");
  if (!body.trailers) return fields;
  for (auto& [name, value] : trailers_of(id)) {
    for (char& c : name) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    fields.emplace_back(name, value);
  }
  return fields;
}

std::string framing_lines(const BodyScript& body) {
  switch (body.framing) {
    case BodyScript::Framing::length:
      return fmt::format("Content-Length: {}\r\n", body.bytes);
    case BodyScript::Framing::chunked:
      return body.trailers ? "Transfer-Encoding: chunked\r\nTrailer: X-Checksum\r\n"
                           : "Transfer-Encoding: chunked\r\n";
    case BodyScript::Framing::none:
    case BodyScript::Framing::until_close:
      break;
  }
  return "";
}

std::string framed_piece(const BodyScript& body, std::string_view piece, bool last, int id) {
  if (body.framing != BodyScript::Framing::chunked) return std::string(piece);
  std::string text;
  if (!piece.empty()) text = fmt::format("{:x}\r\n{}\r\n", piece.size(), piece);
  if (!last) return text;
  text += "0\r\n";
  if (body.trailers) {
    for (const auto& [name, value] : trailers_of(id))
      text += fmt::format("{}: {}\r\n", name, value);
  }
  for (const auto& [name, value] : body.forged_trailers)
    text += fmt::format("{}: {}\r\n", name, value);
  return text + "\r\n";
}

}  // namespace epaulet::sim
