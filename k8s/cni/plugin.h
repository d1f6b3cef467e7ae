#pragma once

#include <boost/json.hpp>
#include <functional>
#include <string>

#include "redirect/options.h"
#include "redirect/report.h"

/// The mesh's rules as a chained CNI plugin (the Container Network Interface, 0.3.0 to 1.1.0).
///
/// Whether a pod is in the mesh, and which rules it gets, stands in its annotation
/// epaulet.io/redirect, which the injector wrote. The runtime hands a pod's annotations to plugins
/// that ask for them (the capability below; containerd, CRI-O since 1.29), as the kubelet told them
/// to it: so nothing on the node needs a right at the API server, nor the API server to be there
/// when a pod starts. Where a runtime does not, pods get no rules here, and those of the mesh do
/// not start: `epaulet redirect confirm` stands in their way.
namespace epaulet::cni {

inline constexpr std::string_view kType = "epaulet-cni";
inline constexpr std::string_view kRedirect = "epaulet.io/redirect";
inline constexpr std::string_view kAnnotations = "io.kubernetes.cri.pod-annotations";
inline constexpr std::size_t kInputBytesMax = 4 * 1024 * 1024;
/// Of the annotation, which anybody may write who may create a pod.
inline constexpr std::size_t kRulesBytesMax = 64 * 1024;

/// What the runtime calls a plugin with.
struct Call {
  std::string command;    ///< CNI_COMMAND.
  std::string arguments;  ///< CNI_ARGS.
  std::string input;      ///< Standard input.
};

/// For standard output, and the exit code.
struct Answer {
  int exit_code = 0;
  std::string text;
};

/// What is done in the pod's network, where the process is.
struct Hands {
  std::function<redirect::Report(const redirect::RedirectOptions&)> install;
  std::function<redirect::Report(const redirect::RedirectOptions&)> check;
};

/// ADD passes on what the plugin before has made, once the rules of a pod of the mesh are in place
/// and have been tried; where that fails the pod is not started. Other pods are left alone.
[[nodiscard]] Answer answer(const Call& call, const Hands& hands);

/// Of redirect/.
[[nodiscard]] Hands real_hands();

}  // namespace epaulet::cni
