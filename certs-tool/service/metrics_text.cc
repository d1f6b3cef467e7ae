#include "certs-tool/service/metrics_text.h"

#include <fmt/format.h>

namespace epaulet::certs {
namespace {

std::string family(std::string_view name, std::string_view type, std::string_view help) {
  return fmt::format("# HELP {0} {2}\n# TYPE {0} {1}\n", name, type, help);
}

template <class Number>
std::string single(std::string_view name, std::string_view type, std::string_view help,
                   Number value) {
  return family(name, type, help) + fmt::format("{} {}\n", name, value);
}

}  // namespace

std::string metrics_text(const ServiceFacts& facts) {
  auto text = family("epaulet_identity_requests_total", "counter", "Requests, by how they ended");
  for (std::size_t i = 0; i < facts.counts.requests.size(); ++i) {
    text += fmt::format("epaulet_identity_requests_total{{result=\"{}\"}} {}\n",
                        name_of(static_cast<Ending>(i)), facts.counts.requests[i]);
  }
  text += family("epaulet_identity_handshakes_failed_total", "counter",
                 "TLS handshakes that failed, by why; the log has each");
  for (std::size_t i = 0; i < facts.counts.handshakes_failed.size(); ++i) {
    text +=
        fmt::format("epaulet_identity_handshakes_failed_total{{reason=\"{}\"}} {}\n",
                    name_of(static_cast<HandshakeFailure>(i)), facts.counts.handshakes_failed[i]);
  }
  text += single("epaulet_identity_rate_limited_total", "counter",
                 "Connections reset because their source made too many", facts.counts.rate_limited);
  text +=
      single("epaulet_identity_connections_refused_total", "counter",
             "Connections reset because there were too many in all", facts.counts.connections_full);
  text += single("epaulet_identity_connections", "gauge", "Open connections", facts.connections);
  text += single("epaulet_identity_can_sign", "gauge", "1 if the CA's folder is usable as it is",
                 facts.can_sign ? 1 : 0);
  if (facts.signer_seconds_left) {
    text += single("epaulet_identity_signer_seconds_left", "gauge",
                   "Until the issuer, or the root if it signs itself, ends",
                   *facts.signer_seconds_left);
  }
  if (facts.own_seconds_left) {
    text += single("epaulet_identity_own_seconds_left", "gauge",
                   "Until the service's own certificate ends", *facts.own_seconds_left);
  }
  return text;
}

}  // namespace epaulet::certs
