#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/settings.h"
#include "discovery/directory_feed.h"
#include "discovery/dns_source.h"
#include "discovery/endpoint_memory.h"
#include "discovery/endpoint_source.h"
#include "discovery/resolver.h"
#include "runtime/loop.h"

namespace epaulet {

/// All backends' endpoints: owns their sources, follows the configuration, remembers on disk.
/// Control thread only. Destroyed before the loop and the resolver.
class Endpoints final : private Timer {
 public:
  /// Called on the control thread with each new set, the first one of each backend included.
  using OnChange = std::function<void(const std::string& backend, EndpointSetPtr set)>;
  /// Makes a backend's source. Its sets are newer than `beginning`'s. Tests put their own here.
  using MakeSource = std::function<std::unique_ptr<EndpointSource>(const BackendSettings& backend,
                                                                   Beginning beginning)>;

  /// Static lists, DNS, and what `feed` says, which outlives this.
  Endpoints(Loop& loop, Resolver& resolver, DirectoryFeed& feed, OnChange on_change);
  Endpoints(Loop& loop, MakeSource make_source, OnChange on_change);
  /// Writes what has not been written yet.
  ~Endpoints();

  /// Follows a validated configuration. A backend whose endpoints are written as before keeps its
  /// source and all that is known. Where they are written in another way, the old ones stay until
  /// the new source has its first answer, or the time for it is over: make before break. One that
  /// has gone is forgotten after 24 h only.
  void apply(const Settings& settings);

  /// Null if the backend is not configured.
  [[nodiscard]] EndpointSetPtr find(const std::string& backend) const;
  /// False for unknown backends.
  [[nodiscard]] bool ever_had_endpoint(const std::string& backend) const;
  /// Asks for the backend's endpoints again, at most once a second, and waits for the answer.
  /// The task may outlive this object.
  [[nodiscard]] Task<void> look(const std::string& backend, Scope& scope);

  /// For /endpoints: in the order of names.
  struct Status {
    std::string_view kind;
    EndpointSetPtr set;
  };
  [[nodiscard]] std::vector<Status> snapshot() const;
  /// Hears why the state directory cannot be read or written, when that changes; of nothing once
  /// it can. Set it before the first apply(); called from there and later.
  using OnStorage = std::function<void(const std::optional<Error>&)>;
  void set_on_storage(OnStorage on_storage) { on_storage_ = std::move(on_storage); }
  /// What DNS said, and which of its addresses were refused.
  [[nodiscard]] const DnsLooks& looks() const { return *looks_; }
  /// Hears of each refused address.
  void set_on_refused(std::function<void(const std::string&, const IpAddress&)> on_refused) {
    looks_->on_refused = std::move(on_refused);
  }
  /// Times that the state directory could not be read or written.
  [[nodiscard]] std::uint64_t storage_failures() const { return storage_failures_; }

 private:
  struct Entry {
    BackendSettings settings;
    std::unique_ptr<EndpointSource> source;
    bool stands_in = false;  ///< The source has not answered yet, and says what another said.
  };
  /// `before`: what was last published for it, if it is there already. `version`: higher than that
  /// of whatever was published.
  void add(const BackendSettings& backend, const EndpointSetPtr& before, std::uint64_t version);
  [[nodiscard]] Beginning begin_with(const BackendSettings& backend, const EndpointSetPtr& before,
                                     std::uint64_t version) const;
  void publish(const std::string& backend, const EndpointSetPtr& set);
  void changed(const std::string& backend, const EndpointSetPtr& set);
  void save_soon();
  void save();
  void set_storage_error(const Result<void>& result);
  void on_timer() override { save(); }

  Loop& loop_;
  MakeSource make_source_;
  OnChange on_change_;
  OnStorage on_storage_;
  std::shared_ptr<DnsLooks> looks_ = std::make_shared<DnsLooks>();
  std::map<std::string, Entry> entries_;
  /// Workers tell the newer of two sets by its version (Outliers): a source that takes the place of
  /// another must not begin to count anew.
  std::uint64_t next_version_ = 0;
  std::optional<std::string> state_dir_;  ///< Nothing before the first apply().
  EndpointMemory memory_{""};
  std::optional<Error> storage_error_;
  std::uint64_t storage_failures_ = 0;
};

}  // namespace epaulet
