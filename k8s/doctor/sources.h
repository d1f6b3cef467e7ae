#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "k8s/doctor/facts.h"

namespace epaulet::kube {

/// `kubectl get --raw PATH`: whatever kubeconfig, context and way of proving oneself kubectl has.
/// `command`: kubectl and the options that come before.
[[nodiscard]] std::unique_ptr<FactSource> kubectl_source(std::vector<std::string> command);

/// What an end of kubectl means.
[[nodiscard]] Fact fact_of_kubectl(int status, std::string_view out, std::string_view error);

/// The API server itself, as a pod's service account. `answer_time`: for each answer. A reason: it
/// is nowhere.
[[nodiscard]] Checked<std::unique_ptr<FactSource>> cluster_source(
    const std::string& api, const std::string& credentials,
    std::chrono::seconds answer_time = std::chrono::seconds(30));

/// Whether this is a pod with a service account's token.
[[nodiscard]] bool is_in_cluster(const std::string& credentials);

}  // namespace epaulet::kube
