#include "admin/metrics_text.h"

#include <charconv>
#include <cmath>

#include "base/ascii.h"
#include "telemetry/utf8.h"

namespace epaulet::admin {
namespace {

constexpr std::string_view kOurPrefix = "epaulet_";
constexpr std::string_view kBlank = " \t";

bool begins_name(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == ':';
}
bool continues_name(char c) {
  return begins_name(c) || (c >= '0' && c <= '9');
}

bool is_utf8(std::string_view text) {
  while (!text.empty()) {
    const auto size = telemetry::utf8_length(text);
    if (size == 0) return false;
    text.remove_prefix(size);
  }
  return true;
}

void skip_blank(std::string_view& rest) {
  rest.remove_prefix(std::min(rest.find_first_not_of(kBlank), rest.size()));
}

/// Up to the next white space.
std::string_view take_word(std::string_view& rest) {
  const auto word = rest.substr(0, rest.find_first_of(kBlank));
  rest.remove_prefix(word.size());
  return word;
}

/// "" if there is none.
std::string_view take_name(std::string_view& rest) {
  if (rest.empty() || !begins_name(rest.front())) return {};
  std::size_t size = 1;
  while (size < rest.size() && continues_name(rest[size])) ++size;
  const auto name = rest.substr(0, size);
  rest.remove_prefix(size);
  return name;
}

/// `"..."` with its escapes.
bool skip_quoted(std::string_view& rest) {
  if (rest.empty() || rest.front() != '"') return false;
  for (std::size_t i = 1; i < rest.size(); ++i) {
    if (rest[i] == '\\') {
      ++i;
    } else if (rest[i] == '"') {
      rest.remove_prefix(i + 1);
      return true;
    }
  }
  return false;
}

/// `{a="b",c="d"}`, `rest` begins with its brace.
bool skip_labels(std::string_view& rest) {
  rest.remove_prefix(1);
  for (;;) {
    skip_blank(rest);
    if (rest.empty()) return false;
    if (rest.front() == '}') break;
    const auto name = take_name(rest);
    if (name.empty() || name.find(':') != name.npos) return false;
    skip_blank(rest);
    if (rest.empty() || rest.front() != '=') return false;
    rest.remove_prefix(1);
    skip_blank(rest);
    if (!skip_quoted(rest)) return false;
    skip_blank(rest);
    if (!rest.empty() && rest.front() == ',') {
      rest.remove_prefix(1);
    } else if (rest.empty() || rest.front() != '}') {
      return false;
    }
  }
  rest.remove_prefix(1);
  return true;
}

std::optional<double> number_of(std::string_view word) {
  if (word.starts_with('+')) word.remove_prefix(1);
  double number = 0;
  const auto parsed = std::from_chars(word.data(), word.data() + word.size(), number);
  const bool is_whole = parsed.ptr == word.data() + word.size() && !word.empty();
  // Too large or too small for a double is a number all the same.
  if (!is_whole || (parsed.ec != std::errc() && parsed.ec != std::errc::result_out_of_range))
    return std::nullopt;
  return number;
}

/// Milliseconds; OpenMetrics has seconds, with a fraction.
std::optional<std::int64_t> time_of(std::string_view word, MetricsFormat format) {
  if (format == MetricsFormat::text) {
    std::int64_t time = 0;
    const auto parsed = std::from_chars(word.data(), word.data() + word.size(), time);
    if (parsed.ec != std::errc() || parsed.ptr != word.data() + word.size()) return std::nullopt;
    return time;
  }
  constexpr double kSecondsMax = 1e12;
  const auto seconds = number_of(word);
  if (!seconds || !std::isfinite(*seconds) || std::abs(*seconds) > kSecondsMax) return std::nullopt;
  return std::llround(*seconds * 1000);
}

/// As 0.0.4 has it; "" if there is no such type.
std::string_view older_type(std::string_view type, MetricsFormat format) {
  for (const std::string_view known : {"counter", "gauge", "histogram", "summary"})
    if (type == known) return known;
  if (format == MetricsFormat::text) return type == "untyped" ? type : std::string_view();
  if (type == "info" || type == "stateset") return "gauge";
  if (type == "unknown" || type == "gaugehistogram") return "untyped";
  return {};
}

/// What a family's samples are called that has one sample for each set of labels.
std::string_view suffix_of(std::string_view type) {
  return type == "counter" ? "_total" : type == "info" ? "_info" : "";
}

class Cleaner {
 public:
  explicit Cleaner(MetricsFormat format) : format_(format) {}

  /// False: it is no line of the format.
  bool take(std::string_view line) {
    while (line.ends_with('\r')) line.remove_suffix(1);
    auto rest = line;
    skip_blank(rest);
    if (rest.empty()) return true;
    if (line.find('\0') != line.npos || !is_utf8(line)) return false;
    return rest.front() == '#' ? take_comment(rest.substr(1)) : take_sample(rest);
  }
  [[nodiscard]] bool has_ended() const { return ended_; }
  CleanMetrics take_all() { return std::move(clean_); }

 private:
  bool is_ours(std::string_view name) {
    if (!name.starts_with(kOurPrefix)) return false;
    ++clean_.left_out;
    return true;
  }

  bool take_comment(std::string_view rest) {
    skip_blank(rest);
    const auto word = take_word(rest);
    if (word == "EOF" && format_ == MetricsFormat::open_metrics) {
      ended_ = true;
      return true;
    }
    if (word != "HELP" && word != "TYPE") return true;  // People read it, and units.
    skip_blank(rest);
    const auto name = take_name(rest);
    if (name.empty() || (!rest.empty() && !is_blank(rest.front()))) return false;
    skip_blank(rest);
    if (word == "HELP") {
      if (!is_ours(name)) append({"# HELP ", name, " ", rest});
      return true;
    }
    const auto written = take_word(rest);
    skip_blank(rest);
    const auto type = older_type(written, format_);
    if (type.empty() || !rest.empty()) return false;
    auto handed_on = std::string(name);  // OpenMetrics' `epaulet` has samples `epaulet_total`.
    if (format_ == MetricsFormat::open_metrics) handed_on += suffix_of(written);
    if (is_ours(handed_on)) return true;
    append({"# TYPE ", handed_on, " ", type});
    return true;
  }

  bool take_sample(std::string_view rest) {
    const auto whole = rest;
    const auto name = take_name(rest);
    if (name.empty()) return false;
    const auto after_name = rest.size();
    skip_blank(rest);
    if (rest.starts_with('{')) {
      if (!skip_labels(rest)) return false;
    } else if (rest.size() == after_name) {
      return false;
    }
    const auto labelled = whole.substr(0, whole.size() - rest.size());
    skip_blank(rest);
    const auto value = take_word(rest);
    if (!number_of(value)) return false;
    skip_blank(rest);
    std::optional<std::int64_t> time;
    if (!rest.empty() && rest.front() != '#') {
      time = time_of(take_word(rest), format_);
      if (!time) return false;
      skip_blank(rest);
    }
    // What follows is an exemplar.
    if (!rest.empty() && (format_ == MetricsFormat::text || rest.front() != '#')) return false;
    if (is_ours(name)) return true;
    ++clean_.samples;
    const auto at = time ? " " + std::to_string(*time) : std::string();
    append({labelled.substr(0, labelled.find_last_not_of(kBlank) + 1), " ", value, at});
    return true;
  }

  static bool is_blank(char c) { return c == ' ' || c == '\t'; }

  void append(std::initializer_list<std::string_view> pieces) {
    for (const auto piece : pieces) clean_.text += piece;
    clean_.text += '\n';
  }

  MetricsFormat format_;
  CleanMetrics clean_;
  bool ended_ = false;
};

}  // namespace

std::optional<MetricsFormat> metrics_format(std::string_view content_type) {
  const std::string type = lower(content_type.substr(0, content_type.find_first_of("; \t")));
  if (type == "application/openmetrics-text") return MetricsFormat::open_metrics;
  // Many an app says nothing of what it sends, or says this.
  if (type.empty() || type == "text/plain") return MetricsFormat::text;
  return std::nullopt;
}

std::optional<CleanMetrics> clean_metrics(std::string_view page, MetricsFormat format) {
  Cleaner cleaner(format);
  while (!page.empty() && !cleaner.has_ended()) {
    const auto line = page.substr(0, page.find('\n'));
    if (!cleaner.take(line)) return std::nullopt;
    page.remove_prefix(std::min(line.size() + 1, page.size()));
  }
  return cleaner.take_all();
}

}  // namespace epaulet::admin
