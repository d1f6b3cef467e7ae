#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>

namespace epaulet::kube {

/// In which zone each node is, as endpoints on it say: nobody has to be allowed to read Nodes. A
/// node that nobody names any more is forgotten. One thread.
class NodeZones {
 public:
  struct Node {
    std::string zone;  ///< "": nobody has said.
    std::uint32_t uses = 0;
  };
  using Place = std::unordered_map<std::string, Node>::value_type;  ///< Stays where it is.

  /// Something is on the node, which is in `zone`, if it says that. Null: it is on none.
  [[nodiscard]] Place* use(const std::string& node, const std::string& zone) {
    if (node.empty()) return nullptr;
    auto& place = *nodes_.try_emplace(node).first;
    ++place.second.uses;
    if (!zone.empty()) place.second.zone = zone;
    return &place;
  }
  /// It is there no more. Null is nothing.
  void release(Place* place) {
    if (place == nullptr || --place->second.uses != 0) return;
    nodes_.erase(nodes_.find(place->first));
  }
  [[nodiscard]] std::size_t size() const { return nodes_.size(); }

 private:
  std::unordered_map<std::string, Node> nodes_;
};

}  // namespace epaulet::kube
