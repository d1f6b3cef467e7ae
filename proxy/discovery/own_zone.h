#pragma once

#include <functional>
#include <string>

#include "discovery/directory_feed.h"

namespace epaulet {

/// In which zone we run, as the directory tells it of the service whose endpoint we are: that of
/// the first one at an address of ours. Told once it is known, and when it is another. While the
/// service, or we in it, is not there, what was told last stays true: pods do not move. Control
/// thread.
class OwnZone final : private DirectoryFeed::Listener {
 public:
  using IsOurs = std::function<bool(const IpAddress& address)>;
  using OnZone = std::function<void(const std::string& zone)>;

  /// `feed` outlives this.
  OwnZone(DirectoryFeed& feed, std::string service, IsOurs is_ours, OnZone on_zone);

  using Listener::service;
  [[nodiscard]] const std::string& zone() const { return zone_; }  ///< "": not known yet.

 private:
  void on_view(const ServiceViewPtr& view) override;

  IsOurs is_ours_;
  OnZone on_zone_;
  std::string zone_;
};

}  // namespace epaulet
