#pragma once

#include "k8s/injector/review.h"
#include "k8s/injector/settings.h"

namespace epaulet::injector {

/// Decides about a pod: AdmissionReview in, answer out, nothing else. Asked again about a pod that
/// it has changed before (others may have changed it since), it undoes its part and does it anew:
/// the same pod gets an empty patch.
[[nodiscard]] Verdict inject(const Review& review, const InjectorSettings& settings);

/// What is wrong with `mesh_config`, as a part of what every sidecar reads; "": nothing. Whoever
/// writes a section, or a name in one, twice is told by the sidecar that finds it.
[[nodiscard]] std::string wrong_in_mesh_config(const InjectorSettings& settings);
inline constexpr std::size_t kMeshConfigBytesMax = 64u * 1024;  ///< Annotations have 256 KiB.

/// What must be true of a pod that we let pass; a broken promise refuses the pod. "": all is.
[[nodiscard]] std::string broken_promise(const boost::json::object& pod,
                                         const InjectorSettings& settings);

}  // namespace epaulet::injector
