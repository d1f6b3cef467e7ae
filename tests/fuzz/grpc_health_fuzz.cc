// The answer of gRPC's health protocol: whatever comes, only a whole message says something; and
// what we would say to ourselves is read as it was meant.

#include <cstdint>
#include <string>
#include <string_view>

#include "base/assert.h"
#include "http/grpc_health.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace epaulet;
  const std::string_view body(reinterpret_cast<const char*>(data), size);
  const auto status = http::grpc_health_answer(body);
  // Its length is in its prefix: no beginning of it is an answer, and nothing that goes on.
  if (status && !body.empty()) {
    EPAULET_ASSERT(!http::grpc_health_answer(body.substr(0, size - 1)));
    EPAULET_ASSERT(!http::grpc_health_answer(std::string(body) + '\0'));
  }
  // A field behind an answer decides, one that we do not know changes nothing.
  if (status && size < 200 && data[4] < 200) {
    std::string longer(body);
    longer[4] = static_cast<char>(data[4] + 4);
    EPAULET_ASSERT(http::grpc_health_answer(longer + "\x12\x02xy") == status);
    longer[4] = static_cast<char>(data[4] + 2);
    EPAULET_ASSERT(http::grpc_health_answer(longer + "\x08\x01") == http::ServingStatus::serving);
  }
  const auto request = http::grpc_health_request(body);
  EPAULET_ASSERT(request.size() >= 5 + size);
  return 0;
}
