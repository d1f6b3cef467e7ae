#include "k8s/cni/conflist.h"

#include <algorithm>
#include <cmath>

#include "k8s/api/json_access.h"
#include "k8s/cni/plugin.h"

namespace epaulet::cni {
namespace {

namespace json = boost::json;
using kube::array_in;
using kube::object_in;

json::value entry() {
  json::object capabilities;
  capabilities[kAnnotations] = true;
  json::object made;
  made["type"] = kType;
  made["capabilities"] = std::move(capabilities);
  return made;
}

bool is_ours(const json::value& plugin) {
  const auto* object = plugin.if_object();
  return object != nullptr && kube::text_in(*object, "type") == kType;
}

bool is_as_it_should_be(const json::value& plugin) {
  if (!is_ours(plugin)) return false;
  const auto* capabilities = object_in(plugin.get_object(), "capabilities");
  return capabilities != nullptr && kube::is_true_in(*capabilities, kAnnotations);
}

std::size_t erase_ours(json::array& plugins) {
  const auto first = std::remove_if(plugins.begin(), plugins.end(), is_ours);
  const auto count = static_cast<std::size_t>(plugins.end() - first);
  plugins.erase(first, plugins.end());
  return count;
}

/// 1e451 is JSON, but no number that we hold: it would be written back as another one.
bool holds_all_numbers(const json::value& value) {
  if (const auto* number = value.if_double()) return std::isfinite(*number);
  if (const auto* list = value.if_array())
    return std::all_of(list->begin(), list->end(), holds_all_numbers);
  if (const auto* object = value.if_object()) {
    return std::all_of(object->begin(), object->end(),
                       [](const auto& member) { return holds_all_numbers(member.value()); });
  }
  return true;
}

}  // namespace

std::string chosen_list(std::vector<std::string> names) {
  std::sort(names.begin(), names.end());
  for (auto& name : names) {
    if (name.ends_with(".conflist") || name.ends_with(".conf") || name.ends_with(".json"))
      return std::move(name);
  }
  return "";
}

Checked<std::optional<std::string>> with_plugin(std::string_view list) {
  json::error_code error;
  auto document = json::parse(json::string_view(list.data(), list.size()), error);
  auto* object = error ? nullptr : document.if_object();
  if (object == nullptr) return Reason("it is not JSON", "wait for who writes it, or mend it");
  if (!holds_all_numbers(document))
    return Reason("a number in it is too large to be written back", "mend it");
  if (array_in(*object, "plugins") == nullptr) {
    return Reason(
        "it configures one plugin, behind which no other can stand",
        "make it a list: {\"cniVersion\": ..., \"name\": ..., \"plugins\": [ ... ]}, in a "
        "file *.conflist");
  }
  auto& plugins = object->at("plugins").get_array();
  if (plugins.empty()) return Reason("its list of plugins is empty", "let one make a network");
  const auto ours = std::count_if(plugins.begin(), plugins.end(), is_ours);
  if (ours == 1 && std::any_of(plugins.begin(), plugins.end(), is_as_it_should_be))
    return std::optional<std::string>();
  erase_ours(plugins);
  plugins.push_back(entry());
  return std::optional<std::string>(json::serialize(document) + "\n");
}

std::optional<std::string> without_plugin(std::string_view list) {
  json::error_code error;
  auto document = json::parse(json::string_view(list.data(), list.size()), error);
  auto* object = error ? nullptr : document.if_object();
  if (object == nullptr || array_in(*object, "plugins") == nullptr) return std::nullopt;
  if (!holds_all_numbers(document)) return std::nullopt;
  if (erase_ours(object->at("plugins").get_array()) == 0) return std::nullopt;
  return json::serialize(document) + "\n";
}

}  // namespace epaulet::cni
