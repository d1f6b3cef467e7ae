#include "certs-tool/service/rate_limit.h"

#include <netinet/in.h>

#include <algorithm>
#include <cstring>

namespace epaulet::certs {
namespace {

std::uint64_t key_of(const IpAddress& source) {
  sockaddr_storage storage{};
  (void)SocketAddress{source, 0}.to_sockaddr(storage);
  std::uint64_t key = 0;
  if (storage.ss_family == AF_INET) {
    const auto& v4 = reinterpret_cast<const sockaddr_in&>(storage);
    std::uint32_t address = 0;
    std::memcpy(&address, &v4.sin_addr, sizeof address);
    return address;
  }
  const auto& v6 = reinterpret_cast<const sockaddr_in6&>(storage);
  std::memcpy(&key, &v6.sin6_addr, sizeof key);
  return key;
}

}  // namespace

double RateLimit::left(const Bucket& bucket, TimePoint now) const {
  const double passed = std::chrono::duration<double>(now - bucket.at).count();
  return std::min(rate_.burst, bucket.left + passed * rate_.per_second);
}

bool RateLimit::take(Bucket& bucket, TimePoint now) const {
  bucket.left = left(bucket, now);
  bucket.at = now;
  if (bucket.left < 1) return false;
  bucket.left -= 1;
  return true;
}

bool RateLimit::admit(const IpAddress& source, TimePoint now) {
  const auto key = key_of(source);
  auto found = buckets_.find(key);
  if (found == buckets_.end()) {
    if (buckets_.size() >= sources_max_) {
      // Whoever has been quiet for long enough is as good as new.
      std::erase_if(buckets_,
                    [&](const auto& entry) { return left(entry.second, now) >= rate_.burst; });
    }
    if (buckets_.size() >= sources_max_) return take(others_, now);
    found = buckets_.emplace(key, Bucket{rate_.burst, now}).first;
  }
  return take(found->second, now);
}

}  // namespace epaulet::certs
