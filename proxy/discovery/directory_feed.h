#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "discovery/service_view.h"

namespace epaulet {

/// Between whoever hears the directory and the sources that wait for one service each. Keeps the
/// newest view of each service that is wanted. Control thread.
class DirectoryFeed {
 public:
  /// Wants a service for as long as it lives.
  class Listener {
   public:
    Listener(DirectoryFeed& feed, std::string service);
    Listener(const Listener&) = delete;
    Listener& operator=(const Listener&) = delete;
    virtual ~Listener();

    /// Before its end, if the feed may be gone by then.
    void leave();
    [[nodiscard]] const std::string& service() const { return service_; }
    /// Null: nothing was heard yet.
    [[nodiscard]] ServiceViewPtr view() const;

   private:
    friend class DirectoryFeed;
    virtual void on_view(const ServiceViewPtr& view) = 0;

    DirectoryFeed* feed_;  ///< Null: it has left.
    const std::string service_;
  };

  DirectoryFeed() = default;
  DirectoryFeed(const DirectoryFeed&) = delete;
  DirectoryFeed& operator=(const DirectoryFeed&) = delete;

  /// In order, each once.
  [[nodiscard]] std::vector<std::string> wanted() const;
  /// There is a view of each that is wanted.
  [[nodiscard]] bool knows_all() const;
  /// Hears when another service is wanted, or one no more.
  void set_on_wanted(std::function<void()> on_wanted) { on_wanted_ = std::move(on_wanted); }
  /// Hears when routes of a service that is wanted have changed.
  void set_on_routes(std::function<void()> on_routes) { on_routes_ = std::move(on_routes); }
  /// Of all that are wanted, each once, in the order of their names.
  [[nodiscard]] std::vector<ServiceView::Route> routes() const;
  /// Hears in which zone we run, once it is told, and when it is another.
  void set_on_zone(std::function<void()> on_zone) { on_zone_ = std::move(on_zone); }
  [[nodiscard]] const std::string& zone() const { return zone_; }  ///< "": it was not told.
  void take_zone(const std::string& zone) {
    if (zone_ == zone) return;
    zone_ = zone;
    if (on_zone_) on_zone_();
  }
  /// What the directory says. What nobody wants is forgotten.
  void take(const ServiceViewPtr& view);

 private:
  struct Entry {
    ServiceViewPtr view;
    std::vector<Listener*> listeners;
  };
  std::map<std::string, Entry> entries_;
  /// Of a source that is made anew, too, until it is told again.
  std::map<std::string, std::vector<ServiceView::Route>> routes_;
  std::function<void()> on_wanted_;
  std::function<void()> on_routes_;
  std::function<void()> on_zone_;
  std::string zone_;
};

}  // namespace epaulet
