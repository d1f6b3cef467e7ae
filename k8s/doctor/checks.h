#pragma once

#include <optional>
#include <string>
#include <vector>

#include "k8s/doctor/facts.h"
#include "k8s/doctor/report.h"

namespace epaulet::kube {

/// What can be said before anything is installed, and of an installation with all that it serves.
/// Pure: facts in, findings out.
void diagnose_before(const Facts& facts, const Question& question, DoctorReport& report);
void diagnose(const Facts& facts, const Question& question, DoctorReport& report);

// Its parts.
void check_cluster(const Facts& facts, DoctorReport& report);
void check_namespaces(const Facts& facts, const Question& question, DoctorReport& report);
void check_other_meshes(const Facts& facts, DoctorReport& report);
void check_programs(const Facts& facts, const Question& question, DoctorReport& report);
/// On every node where a pod of the mesh may come, the plugin that installs its rules must be
/// there.
void check_cni(const Facts& facts, const Question& question, DoctorReport& report);
void check_webhook(const Facts& facts, const Question& question, DoctorReport& report);
void check_pods(const Facts& facts, const Question& question, DoctorReport& report);

/// That what is bound to one of our programs is what it needs, and allows it.
void check_rights(const Facts& facts, const Question& question, const char* name,
                  const char* consequence, DoctorReport& report);

/// Whether the injector leaves this namespace alone, whatever its labels are.
[[nodiscard]] bool is_never_meshed(std::string_view name_space, const Question& question);
/// The value of `epaulet.io/inject`, or nothing. A value that is neither counts as nothing.
[[nodiscard]] std::optional<bool> inject_label(const json::object* labels);
/// ConfigMaps that the pod's `epaulet.io/config` names.
[[nodiscard]] std::vector<std::string> config_maps_of(const json::object& pod);
/// Whether a LabelSelector takes these labels; null labels: none.
[[nodiscard]] bool selects(const json::object& selector, const json::object* labels);
/// An argument `--name=value` of the injector's Deployment; nothing if it has none.
[[nodiscard]] std::optional<std::string> injector_argument(const Facts& facts,
                                                           const Question& question,
                                                           std::string_view name);
/// Whether epaulet-cni installs the redirect rules, as the injector is told.
[[nodiscard]] bool is_by_cni(const Facts& facts, const Question& question);

}  // namespace epaulet::kube
