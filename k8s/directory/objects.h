#pragma once

#include <boost/json.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/address.h"

/// What is kept of the API server's objects: the few fields that somebody who dials needs.
namespace epaulet::kube {

struct ServicePort {
  std::string name;
  std::uint16_t port = 0;
  std::string app_protocol;
  friend bool operator==(const ServicePort&, const ServicePort&) = default;
};

/// A Service. Ports of other protocols than TCP are left out.
struct ServiceFacts {
  std::string name_space;
  std::string name;
  std::vector<ServicePort> ports;
  std::vector<std::string> cluster_ips;  ///< None: it is headless, or ExternalName.
  bool headless = false;
  std::string external_name;  ///< Of type ExternalName alone.
  friend bool operator==(const ServiceFacts&, const ServiceFacts&) = default;
};

struct SlicePort {
  std::string name;
  std::uint16_t port = 0;
  friend bool operator==(const SlicePort&, const SlicePort&) = default;
};
struct SliceEndpoint {
  IpAddress address;
  bool ready = true;
  bool serving = true;
  bool terminating = false;
  std::string node;
  std::string zone;
  std::vector<std::string> for_zones;  ///< Topology hints: by whom it is best used.
  std::string pod;                     ///< Its name, in the slice's namespace; "": it is no pod.
  std::uint64_t pod_uid = 0;           ///< A digest. Another pod of the same name is another pod.
  friend bool operator==(const SliceEndpoint&, const SliceEndpoint&) = default;
};

/// An EndpointSlice of addresses. Slices of names (`addressType: FQDN`) have no endpoints here.
struct SliceFacts {
  std::string name_space;
  std::string name;
  std::string service;  ///< "": it belongs to none.
  std::vector<SlicePort> ports;
  std::vector<SliceEndpoint> endpoints;
};

/// A pod that is in the mesh: it has the label that the injector writes.
struct PodFacts {
  std::string name_space;
  std::string name;
  std::uint64_t uid = 0;
  std::string service_account;
  std::string node;  ///< "": it has none yet.
  std::string zone;  ///< Its node's, where the cluster writes that on pods (from 1.35 on); or "".
  std::vector<IpAddress> addresses;  ///< At most two. Empty: not yet, or no more.
};

inline constexpr std::string_view kMeshedLabel = "epaulet.io/meshed";

/// Of any object.
struct NameFacts {
  std::string name_space;
  std::string name;
};

/// False: the object is not what it should be, or names nothing.
[[nodiscard]] bool read_facts(const boost::json::object& from, ServiceFacts& to);
[[nodiscard]] bool read_facts(const boost::json::object& from, SliceFacts& to);
[[nodiscard]] bool read_facts(const boost::json::object& from, PodFacts& to);
[[nodiscard]] bool read_facts(const boost::json::object& from, NameFacts& to);

/// One page of a list.
template <class Facts>
struct Page {
  std::vector<Facts> items;
  std::string version;                  ///< resourceVersion, from which to watch.
  std::string next;                     ///< `continue`; "": it was the last one.
  std::size_t left = 0;                 ///< Objects that could not be read.
  std::vector<std::string> left_names;  ///< Of the first kLeftNamesMax, as far as they have one.
};
inline constexpr std::size_t kLeftNamesMax = 8;
/// Nothing: it is no list.
template <class Facts>
[[nodiscard]] std::optional<Page<Facts>> read_page(std::string_view text);

enum class EventKind : std::uint8_t { put, removed, bookmark, expired, failed, unreadable };

/// One line of a watch.
template <class Facts>
struct WatchEvent {
  EventKind kind = EventKind::unreadable;
  bool ends_list = false;  ///< Of a bookmark: what came before it was all that there is.
  Facts facts;             ///< Of put; of removed its names alone.
  std::string version;     ///< resourceVersion; "" if there is none.
  std::string name;        ///< Of unreadable: NAMESPACE/NAME, as far as it has one.
};
template <class Facts>
[[nodiscard]] WatchEvent<Facts> read_event(std::string_view line);

}  // namespace epaulet::kube
