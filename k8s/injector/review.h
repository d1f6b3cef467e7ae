#pragma once

#include <boost/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "crypto/reason.h"

namespace epaulet::injector {

/// What the API server asks (admission.k8s.io/v1, AdmissionReview.request), as far as it matters.
struct Review {
  std::string uid;
  std::string name_space;
  std::string pod_name;  ///< For messages; what is generated from a prefix ends with `*`.
  boost::json::object pod;
  /// Drawn for it: under which the kubelet finds its probes, unless it has one already.
  std::string probe_secret;
};

/// What we answer it.
struct Verdict {
  bool allowed = true;
  std::string refusal;                ///< Shown to whoever creates the pod.
  std::vector<std::string> warnings;  ///< Shown to them, too.
  boost::json::array patch;           ///< RFC 6902; empty: the pod stays as it is.
  bool is_our_mistake = false;        ///< The refusal of a pod that nothing is wrong with.
};

/// The API server itself takes 3 MiB at most, and wraps it.
inline constexpr std::size_t kReviewBytesMax = 4u * 1024 * 1024;

/// A reason: it is no AdmissionReview of version v1 about a pod that is being created. Bounds depth
/// and size.
[[nodiscard]] Checked<Review> read_review(std::string_view body);

/// The whole answer, an AdmissionReview again.
[[nodiscard]] std::string answer_text(std::string_view uid, const Verdict& verdict);

}  // namespace epaulet::injector
