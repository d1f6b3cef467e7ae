#pragma once

#include <functional>
#include <memory>

#include "config/settings.h"
#include "discovery/directory_feed.h"
#include "discovery/dns_source.h"
#include "discovery/endpoint_source.h"
#include "runtime/loop.h"

namespace epaulet {

/// Which of a service's endpoints a backend is to use: the ready ones; without any, those that
/// still serve while they end. Sorted, no address twice, bounded.
///
/// With mesh TLS the directory's identity of an endpoint is the only one that it may prove. Whoever
/// has none, or another than those that the file's `tls.identities` name, is left out: no handshake
/// could succeed.
[[nodiscard]] std::vector<Endpoint> endpoints_in(const ServiceView& view,
                                                 const BackendSettings& backend, DnsLooks& looks);

/// Endpoints of a Kubernetes Service, as the directory tells them: at once, when they change. While
/// the directory is away the last good ones stay. One that has not answered within kPatience since
/// the start leaves the word to DNS, if the backend has a name there and nothing was remembered,
/// until it does; and then nobody stands in for it any more.
class DirectorySource final : public EndpointSource {
 public:
  /// Of a name that somebody else answers for.
  using MakeDnsSource =
      std::function<std::unique_ptr<EndpointSource>(const BackendSettings& backend)>;
  static constexpr std::chrono::seconds kPatience{3};

  /// `feed` outlives the source.
  DirectorySource(Loop& loop, DirectoryFeed& feed, const BackendSettings& backend,
                  Beginning beginning, std::shared_ptr<DnsLooks> looks,
                  MakeDnsSource make_dns_source);
  ~DirectorySource() override;

  std::string_view kind() const override { return "directory"; }
  EndpointSetPtr current() const override;
  void start(OnChange on_change) override;
  Task<void> look(Scope& scope) override;

 private:
  /// Shared with the tasks that wait, which end one turn after the source.
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace epaulet
