#pragma once

#include <chrono>
#include <initializer_list>
#include <map>
#include <string>
#include <string_view>

#include "config/settings.h"
#include "discovery/endpoint_set.h"
#include "discovery/look_signal.h"
#include "discovery/resolver.h"

namespace epaulet::test {

/// Says what a test wrote down; a name without a script does not exist.
class FakeResolver final : public Resolver {
 public:
  /// Answers wait until release().
  bool holds = false;
  std::size_t asked = 0;
  std::size_t waiting = 0;

  void answer(const std::string& name, std::initializer_list<std::string_view> addresses,
              std::chrono::seconds ttl = std::chrono::seconds(30)) {
    Addresses found;
    for (const auto address : addresses) found.addresses.push_back(*IpAddress::parse(address));
    found.ttl = ttl;
    set(name, std::move(found));
  }
  void set(const std::string& name, Result<Addresses> answer) {
    answers_.insert_or_assign(name, std::move(answer));
  }
  void set_service(const std::string& name, Result<ServiceEndpoints> answer) {
    services_.insert_or_assign(name, std::move(answer));
  }
  void fail(const std::string& name) {
    set_service(name, Error(ErrorCode::dns_failed, Side::upstream, Stage::resolve, Retry::safe));
    set(name, Error(ErrorCode::dns_failed, Side::upstream, Stage::resolve, Retry::safe));
  }
  void forget(const std::string& name) {
    answers_.erase(name);
    services_.erase(name);
  }
  void release() {
    holds = false;
    released_.wake_all();
  }

  Task<Result<Addresses>> resolve(std::string name, Scope& scope) override {
    ++asked;
    if (holds) {
      ++waiting;
      const auto released = co_await released_.wait(scope);
      --waiting;
      if (!released) co_return released.error();
    }
    const auto found = answers_.find(name);
    if (found != answers_.end()) co_return found->second;
    co_return Error(ErrorCode::dns_name_unknown, Side::upstream, Stage::resolve, Retry::safe);
  }
  Task<Result<ServiceEndpoints>> resolve_service(std::string name, Scope&) override {
    ++asked;
    const auto found = services_.find(name);
    if (found != services_.end()) co_return found->second;
    co_return Error(ErrorCode::dns_name_unknown, Side::upstream, Stage::resolve, Retry::safe);
  }

 private:
  std::map<std::string, Result<ServiceEndpoints>> services_;
  std::map<std::string, Result<Addresses>> answers_;
  LookSignal released_;
};

inline BackendSettings dns_backend(const std::string& name, const std::string& dns,
                                   std::uint16_t port = 8080) {
  BackendSettings backend;
  backend.name = name;
  backend.endpoints.dns = dns;
  backend.endpoints.port = port;
  return backend;
}

inline BackendSettings static_backend(const std::string& name,
                                      std::initializer_list<std::string_view> addresses) {
  BackendSettings backend;
  backend.name = name;
  for (const auto address : addresses)
    backend.endpoints.addresses.push_back(*SocketAddress::parse(address));
  return backend;
}

inline std::string addresses_of(const EndpointSet& set) {
  std::string text;
  for (const auto& endpoint : set.endpoints)
    text += (text.empty() ? "" : " ") + endpoint.address.to_string();
  return text;
}

}  // namespace epaulet::test
