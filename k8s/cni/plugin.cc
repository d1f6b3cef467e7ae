#include "k8s/cni/plugin.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "k8s/api/json_access.h"
#include "redirect/command.h"

namespace epaulet::cni {
namespace {

using kube::array_in;
using kube::object_in;
using kube::text_in;
namespace json = boost::json;

/// Those of the specification, and, from 100 on, a plugin's own.
enum Code : int {
  kBadVersion = 1,
  kBadEnvironment = 4,
  kBadInput = 6,
  kBadConfig = 7,
  kBadAnnotation = 101,
  kNoRules = 102,
};

constexpr std::string_view kVersions[] = {"0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"};
constexpr std::string_view kNewest = "1.1.0";

bool is_known(std::string_view version) {
  return std::find(std::begin(kVersions), std::end(kVersions), version) != std::end(kVersions);
}

/// Runtimes show `msg` and `details` one after the other.
Answer failure(std::string_view version, int code, const std::string& what,
               const std::string& remedy) {
  json::object said;
  said["cniVersion"] = is_known(version) ? version : kNewest;
  said["code"] = code;
  said["msg"] = fmt::format("{}: {}", kType, what);
  if (!remedy.empty()) said["details"] = "remedy: " + remedy;
  return {1, json::serialize(said) + "\n"};
}

Answer versions() {
  json::object said;
  said["cniVersion"] = kNewest;
  json::array all;
  for (const auto one : kVersions) all.emplace_back(one);
  said["supportedVersions"] = std::move(all);
  return {0, json::serialize(said) + "\n"};
}

/// Of "IgnoreUnknown=1;K8S_POD_NAMESPACE=shop;...".
std::string argument_of(std::string_view arguments, std::string_view name) {
  while (!arguments.empty()) {
    const auto end = std::min(arguments.find(';'), arguments.size());
    const auto one = arguments.substr(0, end);
    arguments.remove_prefix(std::min(end + 1, arguments.size()));
    if (one.size() > name.size() && one.starts_with(name) && one[name.size()] == '=')
      return std::string(one.substr(name.size() + 1));
  }
  return "";
}

/// All that the injector writes. The annotations of a pod that runs can be changed, and count when
/// its sandbox is made anew: nobody gets other rules by them than an injector would give.
constexpr std::string_view kOptions[] = {"--exclude-inbound-port=", "--exclude-outbound-port=",
                                         "--exclude-outbound-network=", "--allow-udp="};

bool is_the_injectors(std::string_view word) {
  return std::any_of(std::begin(kOptions), std::end(kOptions),
                     [word](std::string_view option) { return word.starts_with(option); });
}

/// What somebody else wrote, shortened, as text that any reader takes.
std::string quoted(std::string_view text) {
  std::string shown(text.substr(0, 40));
  for (char& c : shown)
    if (c < ' ' || c > '~') c = '?';
  return '"' + shown + '"';
}

redirect::OrFailure<redirect::RedirectOptions> rules_in(const json::value& annotation) {
  const redirect::Failure not_ours{"it is no list of texts, or a very long one", ""};
  const auto* text = annotation.if_string();
  if (text == nullptr || text->size() > kRulesBytesMax) return not_ours;
  json::error_code error;
  const auto list = json::parse(*text, error);
  if (error || !list.is_array()) return not_ours;
  std::vector<std::string> arguments;
  for (const auto& word : list.get_array()) {
    if (!word.is_string()) return not_ours;
    if (!is_the_injectors(std::string_view(word.get_string()))) {
      return redirect::Failure{
          fmt::format("{} is no option that an injector writes", quoted(word.get_string())), ""};
    }
    arguments.emplace_back(word.get_string());
  }
  return redirect::parse_rules(arguments);
}

const json::value* annotation_in(const json::object& config) {
  const auto* given = object_in(config, "runtimeConfig");
  const auto* annotations = given == nullptr ? nullptr : object_in(*given, kAnnotations);
  return annotations == nullptr ? nullptr : annotations->if_contains(kRedirect);
}

Answer passed_on(std::string_view version, json::object previous) {
  previous["cniVersion"] = version;
  return {0, json::serialize(previous) + "\n"};
}

Answer add_or_check(const Call& call, const json::object& config, const Hands& hands) {
  const auto version = text_in(config, "cniVersion");
  const auto* previous = object_in(config, "prevResult");
  if (previous == nullptr) {
    return failure(version, kBadConfig, "there is no prevResult, and it makes no network itself",
                   "let it stand behind the others in a list of plugins");
  }
  const bool adds = call.command == "ADD";
  const auto* const annotation = annotation_in(config);
  if (annotation != nullptr) {
    const auto pod = fmt::format("{}/{}", argument_of(call.arguments, "K8S_POD_NAMESPACE"),
                                 argument_of(call.arguments, "K8S_POD_NAME"));
    const auto rules = rules_in(*annotation);
    if (!rules) {
      return failure(
          version, kBadAnnotation,
          fmt::format("pod {}: the annotation {}: {}", pod, kRedirect, rules.error().what),
          "it is the injector's, which has to be of this plugin's version: create the "
          "pod anew, and do not write it yourself");
    }
    const auto report = adds ? hands.install(*rules) : hands.check(*rules);
    if (!report.ok) {
      return failure(version, kNoRules,
                     fmt::format("pod {}: the mesh's rules {}: {}", pod,
                                 adds ? "cannot be installed" : "do not do what they should",
                                 redirect::complaint(report)),
                     "");  // The complaint has it.
    }
  }
  return adds ? passed_on(version, *previous) : Answer{};
}

}  // namespace

Answer answer(const Call& call, const Hands& hands) {
  // Rules go with the pod's network. Taking them away before would open what still runs in it.
  if (call.command == "DEL" || call.command == "GC") return {};
  if (call.command == "VERSION") return versions();
  if (call.input.size() > kInputBytesMax)
    return failure("", kBadInput, "the configuration is larger than 4 MiB", "");
  json::error_code error;
  const auto document = json::parse(call.input, error);
  if (error || !document.is_object()) {
    return failure("", kBadInput, "standard input is no network configuration",
                   "it is started by a container runtime, as a plugin of CNI");
  }
  const auto& config = document.get_object();
  const auto version = text_in(config, "cniVersion");
  if (!is_known(version)) {
    return failure(version, kBadVersion,
                   fmt::format("cniVersion {} is none of 0.3.0 to 1.1.0", quoted(version)),
                   "choose one of them in the list of plugins");
  }
  if (call.command == "STATUS") return {};
  if (call.command == "ADD" || call.command == "CHECK") return add_or_check(call, config, hands);
  return failure(version, kBadEnvironment,
                 fmt::format("CNI_COMMAND {} is unknown", quoted(call.command)),
                 "ADD, CHECK, DEL, GC, STATUS and VERSION are known");
}

}  // namespace epaulet::cni
