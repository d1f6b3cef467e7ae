#include "http/http1/fault.h"

#include <array>

#include "base/assert.h"

namespace epaulet::http::http1 {
namespace {

constexpr std::size_t kCount = static_cast<std::size_t>(Fault::count_);

constexpr std::array<FaultDescription, kCount> kFaults{{
    {"", ""},
    {"a CR is not followed by LF", "RFC 9112 section 2.2"},
    {"a line ends with LF alone", "RFC 9112 section 2.2"},
    {"the head holds a NUL", "RFC 9110 section 5.5"},
    {"too many empty lines stand before the request", "RFC 9112 section 2.2"},
    {"the head does not end with an empty line", "RFC 9112 section 2.1"},
    {"bytes follow the head's empty line", "RFC 9112 section 2.1"},
    {"the head has more bytes than allowed", "RFC 6585 section 5"},
    {"the head has more fields than allowed", "RFC 6585 section 5"},
    {"the method is not a token", "RFC 9110 section 9.1"},
    {"the request line is not method, space, target, space, version", "RFC 9112 section 3"},
    {"the version is not HTTP/digit.digit", "RFC 9112 section 2.3"},
    {"the version is neither 1.0 nor 1.1", "RFC 9110 section 2.5"},
    {"the status line is not version, space, status, space, reason", "RFC 9112 section 4"},
    {"the status is not a number from 100 to 999", "RFC 9110 section 15"},
    {"the reason phrase holds a control character", "RFC 9112 section 4"},
    {"the target holds a control character, a space or a byte outside ASCII",
     "RFC 9112 section 3.2"},
    {"the target holds a fragment", "RFC 9112 section 3.2"},
    {"the target's form does not fit the method", "RFC 9112 section 3.2"},
    {"the target's scheme is not http", "RFC 9112 section 3.2.2"},
    {"the authority holds user information", "RFC 9110 section 4.2.4"},
    {"the host or port is not valid", "RFC 9110 section 7.2"},
    {"Host is missing", "RFC 9112 section 3.2"},
    {"Host is given more than once", "RFC 9112 section 3.2"},
    {"Host differs from the target's authority", "RFC 9112 section 3.2.2"},
    {"a line is folded, or begins with white space", "RFC 9112 section 5.2"},
    {"a field name is empty or not a token", "RFC 9110 section 5.1"},
    {"white space stands between field name and colon", "RFC 9112 section 5.1"},
    {"a field value holds a control character", "RFC 9110 section 5.5"},
    {"Connection nominates a field that every recipient needs", "RFC 9110 section 7.6.1"},
    {"Upgrade is given more than once", "RFC 9110 section 7.8"},
    {"Expect asks for something else than 100-continue", "RFC 9110 section 10.1.1"},
    {"Content-Length is given more than once", "RFC 9112 section 6.3"},
    {"Content-Length is not a number, or too large", "RFC 9110 section 8.6"},
    {"Content-Length and Transfer-Encoding are both given", "RFC 9112 section 6.3"},
    {"Transfer-Encoding is given more than once", "RFC 9112 section 6.1"},
    {"Transfer-Encoding is not exactly chunked", "RFC 9112 section 6.1"},
    {"an HTTP/1.0 message has a Transfer-Encoding", "RFC 9112 section 6.1"},
    {"a framing field is spelt with an underscore", "RFC 3875 section 4.1.18"},
    {"a CONNECT request announces a body", "RFC 9110 section 9.3.6"},
    {"a 1xx response announces a body", "RFC 9112 section 6.1"},
    {"the chunk size is not a hexadecimal number", "RFC 9112 section 7.1"},
    {"the chunk size is too large", "RFC 9112 section 7.1"},
    {"a chunk extension is malformed", "RFC 9112 section 7.1.1"},
    {"chunk extensions are longer than allowed", "RFC 9112 section 7.1.1"},
    {"the chunk's size line does not end with CRLF", "RFC 9112 section 7.1"},
    {"the chunk's data do not end with CRLF", "RFC 9112 section 7.1"},
    {"the trailer section is larger than allowed", "RFC 9112 section 7.1.2"},
}};
static_assert(!kFaults[kCount - 1].text.empty(), "every fault has its row");

}  // namespace

const FaultDescription& describe_fault(Fault fault) {
  const auto index = static_cast<std::size_t>(fault);
  EPAULET_ASSERT(index < kCount);
  return kFaults[index];
}

}  // namespace epaulet::http::http1
