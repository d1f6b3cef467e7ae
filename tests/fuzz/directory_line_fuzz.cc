#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "base/limits.h"
#include "base/line_splitter.h"
#include "discovery/directory_source.h"

/// What a directory, or whoever is taken for one, sends a sidecar.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace epaulet;
  BackendSettings backend;
  backend.endpoints.port = 80;
  DnsLooks looks;
  LineSplitter lines(4096);
  (void)lines.take(
      std::string_view(reinterpret_cast<const char*>(data), size), [&](std::string_view line) {
        const auto said = read_directory_line(line);
        const auto* zone = std::get_if<DirectoryZone>(&said);
        if (zone != nullptr && (zone->text.empty() || zone->text.size() > 253)) std::abort();
        const auto* view = std::get_if<ServiceViewPtr>(&said);
        if (view == nullptr) return true;
        for (const auto& route : (**view).routes) {
          // It tells routes alone, whatever their text says besides.
          if (!route.name.starts_with("HTTPRoute ") && !route.name.starts_with("GRPCRoute "))
            std::abort();
          if (route.document.empty() || route.document.front() != '{') std::abort();
        }
        if ((**view).cluster_ips.size() > 2) std::abort();
        const auto endpoints = endpoints_in(**view, backend, looks);
        if (endpoints.size() > limits::kEndpointsPerBackendMax) std::abort();
        for (std::size_t i = 0; i < endpoints.size(); ++i) {
          // Nobody is dialled without an identity, none twice.
          if (!endpoints[i].identity || endpoints[i].address.port == 0) std::abort();
          if (i > 0 && !(endpoints[i - 1].address < endpoints[i].address)) std::abort();
          if (endpoints[i].for_zones.size() > 8) std::abort();
        }
        return true;
      });
  return 0;
}
