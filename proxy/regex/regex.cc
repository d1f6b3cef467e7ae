#include "regex/regex.h"

#include <re2/re2.h>

namespace epaulet {
namespace {

std::unique_ptr<const re2::RE2> compile(std::string_view expression) {
  re2::RE2::Options options;
  options.set_log_errors(false);  // It would write to standard error.
  options.set_never_capture(true);
  options.set_max_mem(std::int64_t{1} << 20);
  return std::make_unique<const re2::RE2>(re2::StringPiece(expression.data(), expression.size()),
                                          options);
}

}  // namespace

std::optional<std::string> Regex::fault_of(std::string_view expression) {
  if (expression.size() > kBytesMax)
    return "it is longer than " + std::to_string(kBytesMax) + " bytes";
  const auto program = compile(expression);
  if (!program->ok()) return program->error();
  if (program->ProgramSize() > kProgramMax) return "it stands for too many cases";
  return std::nullopt;
}

Regex::Regex(std::string_view expression) : program_(compile(expression)) {}
Regex::Regex(Regex&&) noexcept = default;
Regex& Regex::operator=(Regex&&) noexcept = default;
Regex::~Regex() = default;

bool Regex::fits(std::string_view text) const {
  return text.size() <= kTextBytesMax &&
         re2::RE2::FullMatchN(re2::StringPiece(text.data(), text.size()), *program_, nullptr, 0);
}

}  // namespace epaulet
