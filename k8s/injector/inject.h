#pragma once

#include "k8s/injector/review.h"
#include "k8s/injector/settings.h"

namespace epaulet::injector {

/// Decides about a pod: AdmissionReview in, answer out, nothing else. Asked again about a pod that
/// it has changed before (others may have changed it since), it undoes its part and does it anew:
/// the same pod gets an empty patch.
[[nodiscard]] Verdict inject(const Review& review, const InjectorSettings& settings);

/// What must be true of a pod that we let pass; a broken promise refuses the pod. "": all is.
[[nodiscard]] std::string broken_promise(const boost::json::object& pod,
                                         const InjectorSettings& settings);

}  // namespace epaulet::injector
