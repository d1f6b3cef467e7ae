#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "crypto/reason.h"

namespace epaulet {

/// A SPIFFE ID (SPIFFE-ID standard section 2), parsed strictly: `spiffe://` in lower case, a trust
/// domain of [a-z0-9.-_] and at most 255 bytes, path segments of [a-zA-Z0-9.-_] that are neither
/// empty nor `.` nor `..`, no user, port, query, fragment or percent-encoding, at most 2048 bytes.
/// Two IDs are equal if their bytes are.
class SpiffeId {
 public:
  static constexpr std::size_t kTrustDomainBytesMax = 255;
  static constexpr std::size_t kBytesMax = 2048;

  [[nodiscard]] static Checked<SpiffeId> parse(std::string_view text);
  [[nodiscard]] static bool is_trust_domain(std::string_view text);

  [[nodiscard]] const std::string& text() const { return text_; }
  [[nodiscard]] std::string_view trust_domain() const;
  /// "" or "/ns/default/sa/api".
  [[nodiscard]] std::string_view path() const;
  /// Without a path it names a trust domain, not a workload.
  [[nodiscard]] bool is_workload() const { return !path().empty(); }

  /// The parts of `/ns/<namespace>/sa/<service account>`, the form that the mesh issues.
  struct ServiceAccount {
    std::string_view name_space;
    std::string_view name;
  };
  [[nodiscard]] std::optional<ServiceAccount> service_account() const;

  friend bool operator==(const SpiffeId&, const SpiffeId&) = default;

 private:
  SpiffeId(std::string text, std::size_t path_at) : text_(std::move(text)), path_at_(path_at) {}
  std::string text_;
  std::size_t path_at_ = 0;
};

}  // namespace epaulet
