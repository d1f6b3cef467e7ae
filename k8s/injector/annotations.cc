#include "k8s/injector/annotations.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "base/address.h"

namespace epaulet::injector {
namespace {

constexpr std::size_t kListMax = 128;  // As many as `epaulet redirect` takes.
constexpr std::size_t kNameBytesMax = 253;

/// What a person may have written: printable, short, in quotes.
std::string quoted(std::string_view text) {
  constexpr std::size_t kMax = 80;
  std::string out = "\"";
  for (const char c : text.substr(0, kMax)) out += c >= ' ' && c <= '~' && c != '"' ? c : '?';
  return out + (text.size() > kMax ? "...\"" : "\"");
}

Reason refuse(std::string_view annotation, std::string_view text, std::string_view expected) {
  return Reason(
      fmt::format("annotation {}: expected {}; found {}", annotation, expected, quoted(text)), "");
}

std::string_view trimmed(std::string_view text) {
  const auto is_blank = [](char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; };
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
  return text;
}

/// The items between commas; an empty text has none.
std::vector<std::string_view> items_of(std::string_view text) {
  std::vector<std::string_view> items;
  if (trimmed(text).empty()) return items;
  for (;;) {
    const auto comma = text.find(',');
    items.push_back(trimmed(text.substr(0, comma)));
    if (comma == text.npos) return items;
    text.remove_prefix(comma + 1);
  }
}

std::optional<std::uint16_t> port_of(std::string_view text) {
  std::uint16_t port = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), port);
  if (parsed.ec != std::errc{} || parsed.ptr != text.data() + text.size() || port == 0)
    return std::nullopt;
  return port;
}

/// RFC 1123 subdomain: what names of objects are.
bool is_object_name(std::string_view text) {
  const auto is_inner = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.';
  };
  const auto is_edge = [&](char c) { return is_inner(c) && c != '-' && c != '.'; };
  return !text.empty() && text.size() <= kNameBytesMax && is_edge(text.front()) &&
         is_edge(text.back()) && std::all_of(text.begin(), text.end(), is_inner);
}

using Read = std::optional<Reason> (*)(std::string_view name, std::string_view text,
                                       PodOptions& options);

template <Ports PodOptions::*kPorts>
std::optional<Reason> read_ports(std::string_view name, std::string_view text,
                                 PodOptions& options) {
  const auto items = items_of(text);
  if (items.size() > kListMax) return refuse(name, text, "at most 128 ports");
  for (const auto item : items) {
    const auto port = port_of(item);
    if (!port)
      return refuse(name, text, "ports from 1 to 65535 with commas between, like 8080,9000");
    (options.*kPorts).insert(*port);
  }
  return std::nullopt;
}

std::optional<Reason> read_permissive(std::string_view name, std::string_view text,
                                      PodOptions& options) {
  options.all_ports_permissive = trimmed(text) == "*";
  if (options.all_ports_permissive) return std::nullopt;
  return read_ports<&PodOptions::permissive_ports>(name, text, options);
}

std::optional<Reason> read_networks(std::string_view name, std::string_view text,
                                    PodOptions& options) {
  const auto items = items_of(text);
  if (items.size() > kListMax) return refuse(name, text, "at most 128 networks");
  for (const auto item : items) {
    const auto network = IpNetwork::parse(item);
    if (!network || network->prefix_bits == 0)
      return refuse(name, text, "networks with commas between, like 10.0.0.0/8,fd00::/8");
    options.skip_outbound_networks.push_back(network->to_string());
  }
  return std::nullopt;
}

std::optional<Reason> read_service(std::string_view name, std::string_view text,
                                   PodOptions& options) {
  if (!is_object_name(text) || std::count(text.begin(), text.end(), '.') != 1)
    return refuse(name, text, "NAME.NAMESPACE, like api.shop");
  options.service = text;
  return std::nullopt;
}

std::optional<Reason> read_config(std::string_view name, std::string_view text,
                                  PodOptions& options) {
  constexpr std::size_t kConfigMapsMax = 8;
  const auto items = items_of(text);
  if (items.size() > kConfigMapsMax) return refuse(name, text, "at most 8 ConfigMaps");
  for (const auto item : items) {
    if (!is_object_name(item))
      return refuse(name, text, "names of ConfigMaps in the pod's namespace, commas between");
    if (std::find(options.config_maps.begin(), options.config_maps.end(), item) !=
        options.config_maps.end()) {
      return refuse(name, text, "each ConfigMap once");
    }
    options.config_maps.emplace_back(item);
  }
  return std::nullopt;
}

std::optional<Reason> read_log_level(std::string_view name, std::string_view text,
                                     PodOptions& options) {
  if (text != "debug" && text != "info" && text != "warning" && text != "error")
    return refuse(name, text, "one of debug, info, warning, error");
  options.log_level = text;
  return std::nullopt;
}

std::optional<Reason> read_merge(std::string_view name, std::string_view text,
                                 PodOptions& options) {
  if (text != "true" && text != "false") return refuse(name, text, "true or false");
  options.merge_metrics = text == "true";
  return std::nullopt;
}

std::optional<Reason> read_hold(std::string_view name, std::string_view text, PodOptions& options) {
  constexpr int kMax = 60;
  int seconds = -1;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), seconds);
  if (parsed.ec != std::errc{} || parsed.ptr != text.data() + text.size() || seconds < 0 ||
      seconds > kMax)
    return refuse(name, text, "seconds, 0 to 60");
  options.hold_seconds = seconds;
  return std::nullopt;
}

template <std::string SidecarResources::*kQuantity>
std::optional<Reason> read_quantity(std::string_view name, std::string_view text,
                                    PodOptions& options) {
  if (!is_quantity(text)) return refuse(name, text, "a quantity, like 250m or 64Mi");
  options.resources.*kQuantity = text;
  return std::nullopt;
}

struct Annotation {
  std::string_view name;  // Behind the prefix.
  Read read;
};

constexpr Annotation kAnnotations[] = {
    {"service", read_service},
    {"config", read_config},
    {"inbound-ports", read_ports<&PodOptions::inbound_ports>},
    {"opaque-ports", read_ports<&PodOptions::opaque_ports>},
    {"permissive-ports", read_permissive},
    {"skip-inbound-ports", read_ports<&PodOptions::skip_inbound_ports>},
    {"skip-outbound-ports", read_ports<&PodOptions::skip_outbound_ports>},
    {"skip-outbound-networks", read_networks},
    {"merge-metrics", read_merge},
    {"log-level", read_log_level},
    {"hold-seconds", read_hold},
    {"cpu-request", read_quantity<&SidecarResources::cpu_request>},
    {"cpu-limit", read_quantity<&SidecarResources::cpu_limit>},
    {"memory-request", read_quantity<&SidecarResources::memory_request>},
    {"memory-limit", read_quantity<&SidecarResources::memory_limit>},
};

constexpr std::string_view kOthers[] = {
    "epaulet.io/inject", written::kStatus,     written::kConfig,   written::kRoots,
    written::kProbes,    written::kAppMetrics, written::kRedirect, written::kMeshConfig};

Reason unknown(std::string_view name) {
  std::string known = "epaulet.io/inject";
  for (const auto& annotation : kAnnotations)
    known += fmt::format(", {}{}", kPrefix, annotation.name);
  return Reason(fmt::format("annotation {} is unknown", quoted(name)), "there are: " + known);
}

std::optional<Reason> take(std::string_view name, const json::value& value, PodOptions& options) {
  if (std::find(std::begin(kOthers), std::end(kOthers), name) != std::end(kOthers))
    return std::nullopt;
  const auto known = std::find_if(
      std::begin(kAnnotations), std::end(kAnnotations),
      [&](const Annotation& each) { return each.name == name.substr(kPrefix.size()); });
  if (known == std::end(kAnnotations)) return unknown(name);
  const auto* text = value.if_string();
  if (text == nullptr) return refuse(name, "", "a text");
  return known->read(name, *text, options);
}

std::optional<Reason> contradiction(const PodOptions& options) {
  for (const auto port : options.skip_inbound_ports) {
    if (options.inbound_ports.contains(port) || options.opaque_ports.contains(port) ||
        options.permissive_ports.contains(port)) {
      return Reason(fmt::format("port {} is in epaulet.io/skip-inbound-ports, so the sidecar does "
                                "not see it, and in another list as well",
                                port),
                    "take it out of one of them");
    }
  }
  return std::nullopt;
}

}  // namespace

bool is_quantity(std::string_view text) {
  constexpr std::string_view kSuffixes[] = {"", "m", "k", "M", "G", "Ki", "Mi", "Gi"};
  const auto end = text.find_first_not_of("0123456789.");
  const auto digits = text.substr(0, end);
  const auto suffix = end == text.npos ? std::string_view() : text.substr(end);
  return !digits.empty() && digits.front() != '.' && digits.back() != '.' && digits.size() <= 12 &&
         std::count(digits.begin(), digits.end(), '.') <= 1 &&
         std::find(std::begin(kSuffixes), std::end(kSuffixes), suffix) != std::end(kSuffixes);
}

Checked<std::optional<bool>> asks_for_injection(const json::object& metadata) {
  std::optional<bool> answer;
  // The annotation is asked last: it is nearer to the person who wrote the pod.
  for (const std::string_view where : {"labels", "annotations"}) {
    const auto* map = object_in(metadata, where);
    const auto* value = map == nullptr ? nullptr : map->if_contains("epaulet.io/inject");
    if (value == nullptr) continue;
    const auto text = value->is_string() ? std::string_view(value->get_string()) : "";
    if (text == "true" || text == "enabled") {
      answer = true;
    } else if (text == "false" || text == "disabled") {
      answer = false;
    } else {
      return Reason(
          fmt::format("epaulet.io/inject: expected true or false; found {}", quoted(text)), "");
    }
  }
  return answer;
}

Checked<PodOptions> read_annotations(const json::object& metadata,
                                     const SidecarResources& defaults) {
  PodOptions options;
  options.resources = defaults;
  const auto* annotations = object_in(metadata, "annotations");
  if (annotations != nullptr) {
    for (const auto& [key, value] : *annotations) {
      if (!std::string_view(key).starts_with(kPrefix)) continue;
      if (auto wrong = take(key, value, options)) return *wrong;
    }
  }
  if (auto wrong = contradiction(options)) return *wrong;
  return options;
}

}  // namespace epaulet::injector
