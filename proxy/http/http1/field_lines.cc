#include "http/http1/field_lines.h"

#include <cstring>

#include "base/ascii.h"
#include "base/char_class.h"

namespace epaulet::http::http1 {
namespace {

using char_class::is;

/// Eight octets that a field value may hold and that are not HTAB: none below SP, no DEL.
bool all_plain(const char* at) {
  constexpr std::uint64_t kOnes = 0x0101010101010101U;
  constexpr std::uint64_t kHighs = kOnes * 0x80;
  std::uint64_t word = 0;
  std::memcpy(&word, at, sizeof(word));
  const std::uint64_t del = word ^ (kOnes * 0x7f);
  const std::uint64_t below_space = (word - kOnes * 0x20) & ~word;
  const std::uint64_t is_del = (del - kOnes) & ~del;
  return ((below_space | is_del) & kHighs) == 0;
}

const char* skip_name(const char* at, const char* end) {
  while (at != end && is(*at, char_class::kToken)) ++at;
  return at;
}

const char* skip_value(const char* at, const char* end) {
  while (end - at >= 8 && all_plain(at)) at += 8;
  while (at != end && is(*at, char_class::kValue)) {
    ++at;
    while (end - at >= 8 && all_plain(at)) at += 8;
  }
  return at;
}

std::string_view between(const char* from, const char* to) {
  return {from, static_cast<std::size_t>(to - from)};
}

Fault fault_of_control(char c) {
  switch (c) {
    case '\r':
      return Fault::bare_cr;
    case '\n':
      return Fault::bare_lf;
    case '\0':
      return Fault::nul;
    default:
      return Fault::field_value;
  }
}

/// Reads name and value at `at`; `stop` is set to the first octet behind the value.
Fault read_field(const char* at, const char* end, Field& field, const char*& stop) {
  const char* const colon = skip_name(at, end);
  if (colon == end || *colon != ':') {
    if (colon == at && colon != end && (*colon == ' ' || *colon == '\t')) return Fault::folded_line;
    // RFC 9112 section 5.1: white space before the colon has led to request smuggling.
    if (colon != at && colon != end && (*colon == ' ' || *colon == '\t'))
      return Fault::space_before_colon;
    return Fault::field_name;
  }
  if (colon == at) return Fault::field_name;
  stop = skip_value(colon + 1, end);
  field.name = between(at, colon);
  field.value = trim(between(colon + 1, stop));
  field.id = field_id(field.name);
  return Fault::none;
}

/// CGI-like servers read "_" as "-" (RFC 3875 section 4.1.18): to them this is a framing field.
bool is_misspelt_framing_field(std::string_view name) {
  constexpr std::string_view kLength = "content-length";
  constexpr std::string_view kCoding = "transfer-encoding";
  const std::string_view meant = name.size() == kLength.size()   ? kLength
                                 : name.size() == kCoding.size() ? kCoding
                                                                 : std::string_view();
  if (meant.empty() || name.find('_') == std::string_view::npos) return false;
  for (std::size_t i = 0; i < name.size(); ++i) {
    if ((name[i] == '_' ? '-' : to_lower(name[i])) != meant[i]) return false;
  }
  return true;
}

void note_length(std::string_view value, FramingFacts& facts) {
  using Length = FramingFacts::Length;
  if (facts.content_length != Length::absent) {
    facts.content_length = Length::duplicate;
    return;
  }
  facts.content_length = Length::malformed;
  facts.length = 0;
  constexpr std::size_t kDigitsMax = 19;  // Of kContentLengthMax: no overflow below.
  if (value.empty() || value.size() > kDigitsMax) return;
  std::uint64_t length = 0;
  for (const char c : value) {
    if (!is(c, char_class::kDigit)) return;
    length = length * 10 + static_cast<std::uint64_t>(c - '0');
  }
  if (length > kContentLengthMax) return;
  facts.length = length;
  facts.content_length = Length::valid;
}

void note_coding(std::string_view value, FramingFacts& facts) {
  using Coding = FramingFacts::Coding;
  if (facts.transfer_encoding != Coding::absent) {
    facts.transfer_encoding = Coding::duplicate;
    return;
  }
  facts.transfer_encoding =
      equals_ignore_case(value, "chunked") ? Coding::chunked : Coding::unknown;
}

/// False if it nominates what may not be.
bool note_connection(std::string_view value, FieldFacts& facts) {
  bool allowed = true;
  for_each_element(value, [&](std::string_view option) {
    if (equals_ignore_case(option, "close")) {
      facts.connection_close = true;
    } else if (equals_ignore_case(option, "keep-alive")) {
      facts.connection_keep_alive = true;
    } else if (equals_ignore_case(option, "upgrade")) {
      facts.connection_upgrade = true;
    } else if (!may_be_nominated(option)) {
      allowed = false;
    }
  });
  return allowed;
}

/// Switches over what one field means to us.
Fault note(const Field& field, FieldFacts& facts) {
  switch (field.id) {
    case FieldId::content_length:
      note_length(field.value, facts.framing);
      break;
    case FieldId::transfer_encoding:
      note_coding(field.value, facts.framing);
      break;
    case FieldId::connection:
      if (!note_connection(field.value, facts)) return Fault::nominated_field;
      break;
    case FieldId::host:
      ++facts.hosts;
      facts.host = field.value;
      break;
    case FieldId::upgrade:
      ++facts.upgrades;
      facts.upgrade = field.value;
      break;
    case FieldId::expect:
      // RFC 9110 section 10.1.1: a list, of which only this one member has a meaning.
      for_each_element(field.value, [&](std::string_view expectation) {
        (equals_ignore_case(expectation, "100-continue") ? facts.expects_continue
                                                         : facts.expects_other) = true;
      });
      break;
    case FieldId::other:
      if (is_misspelt_framing_field(field.name)) return Fault::framing_field_spelling;
      break;
    case FieldId::authorization:
    case FieldId::b3:
    case FieldId::idempotency_key:
    case FieldId::keep_alive:
    case FieldId::proxy_authenticate:
    case FieldId::proxy_authorization:
    case FieldId::proxy_connection:
    case FieldId::proxy_status:
    case FieldId::retry_after:
    case FieldId::te:
    case FieldId::trailer:
    case FieldId::traceparent:
    case FieldId::tracestate:
    case FieldId::x_b3:
    case FieldId::x_request_id:
    case FieldId::epaulet:
      break;
  }
  return Fault::none;
}

Error refusal(MessageKind kind, Fault fault) {
  return fault == Fault::framing_field_spelling ? ambiguous(kind, fault) : malformed(kind, fault);
}

}  // namespace

bool may_be_nominated(std::string_view name) {
  if (name.empty()) return true;
  switch (field_id(name)) {
    case FieldId::host:
    case FieldId::content_length:
    case FieldId::transfer_encoding:
    case FieldId::expect:
    case FieldId::authorization:
    case FieldId::x_request_id:
    case FieldId::epaulet:
      return false;
    case FieldId::other:
      return !equals_ignore_case(name, "cookie") && !is_misspelt_framing_field(name);
    case FieldId::b3:
    case FieldId::connection:
    case FieldId::idempotency_key:
    case FieldId::keep_alive:
    case FieldId::proxy_authenticate:
    case FieldId::proxy_authorization:
    case FieldId::proxy_connection:
    case FieldId::proxy_status:
    case FieldId::retry_after:
    case FieldId::te:
    case FieldId::trailer:
    case FieldId::traceparent:
    case FieldId::tracestate:
    case FieldId::x_b3:
    case FieldId::upgrade:
      return true;
  }
  return true;
}

Fault parse_field_line(std::string_view line, Field& field) {
  const char* const end = line.data() + line.size();
  const char* stop = nullptr;
  if (const Fault fault = read_field(line.data(), end, field, stop); fault != Fault::none)
    return fault;
  return stop == end ? Fault::none : fault_of_control(*stop);
}

Result<void> parse_field_lines(std::string_view lines, const HeadLimits& limits, MessageKind kind,
                               Fields& fields, FieldFacts& facts) {
  const char* at = lines.data();
  const char* const end = at + lines.size();
  for (;;) {
    if (end - at < 2) return malformed(kind, Fault::incomplete);
    if (at[0] == '\r' && at[1] == '\n') {
      if (end - at > 2) return malformed(kind, Fault::bytes_after_head);
      return {};
    }
    if (fields.size() == limits.fields) return too_large(kind, Fault::too_many_fields);
    Field& field = fields.emplace_back();
    const char* stop = nullptr;
    Fault fault = read_field(at, end, field, stop);
    if (fault != Fault::none) return malformed(kind, fault);
    if (end - stop < 2) return malformed(kind, Fault::incomplete);
    if (stop[0] != '\r' || stop[1] != '\n') return malformed(kind, fault_of_control(*stop));
    field.line = between(at, stop + 2);
    at = stop + 2;
    fault = note(field, facts);
    if (fault != Fault::none) return refusal(kind, fault);
  }
}

}  // namespace epaulet::http::http1
