#pragma once

#include <optional>
#include <string>
#include <vector>

#include "crypto/certificate.h"
#include "k8s/doctor/facts.h"
#include "k8s/doctor/report.h"

namespace epaulet::kube {

/// RFC 4648 section 4, with its padding; nothing if it is malformed.
[[nodiscard]] std::optional<std::string> decode_base64(std::string_view text);

/// Where the injector's Deployment mounts its certificate from, else the chart's name.
[[nodiscard]] std::string serving_secret(const Facts& facts, const Question& question);
/// The roots in the CA's Secret; empty if they cannot be read.
[[nodiscard]] std::vector<Certificate> mesh_roots(const Facts& facts, const Question& question);

/// The CA's Secret: complete, its issuer below its roots, its key the issuer's, time left.
void check_ca(const Facts& facts, const Question& question, DoctorReport& report);
/// Whether an API server that trusts `ca_bundle` (base64) takes the certificate that the injector
/// serves.
void check_serving_certificate(const Facts& facts, const Question& question,
                               std::string_view ca_bundle, const std::string& host,
                               DoctorReport& report);

}  // namespace epaulet::kube
