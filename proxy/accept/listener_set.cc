#include "accept/listener_set.h"

#include <sys/socket.h>

#include <cerrno>

namespace epaulet {
namespace {

std::optional<SocketAddress> local_address(int socket) {
  sockaddr_storage storage{};
  socklen_t length = sizeof storage;
  auto* address = reinterpret_cast<sockaddr*>(&storage);
  if (::getsockname(socket, address, &length) != 0) return std::nullopt;
  return SocketAddress::from_sockaddr(address);
}

bool family_is_absent(const Error& error) {
  return error.detail == EADDRNOTAVAIL || error.detail == EAFNOSUPPORT;
}

}  // namespace

void ListenerSet::adopt(const std::string& name, std::size_t worker, OwnedFd socket) {
  Entry& entry = sockets_[name];
  if (entry.per_worker.size() <= worker) entry.per_worker.resize(worker + 1);
  if (const auto address = local_address(socket.get())) entry.address = *address;
  entry.per_worker[worker] = std::move(socket);
}

Result<void> ListenerSet::open(const std::vector<ListenerSpec>& specs, std::size_t workers) {
  for (const auto& spec : specs) {
    Entry& entry = sockets_[spec.name];
    if (entry.per_worker.empty()) entry.address = spec.address;
    entry.per_worker.resize(workers);
    for (auto& socket : entry.per_worker) {
      if (socket.valid()) continue;
      auto opened = open_listening_socket(entry.address, spec.v6_only);
      if (!opened && spec.optional && family_is_absent(opened.error())) {
        sockets_.erase(spec.name);
        break;
      }
      if (!opened) {
        failed_name_ = spec.name + " " + entry.address.to_string();
        return opened.error();
      }
      socket = std::move(*opened);
      if (const auto address = local_address(socket.get())) entry.address.port = address->port;
    }
  }
  return {};
}

int ListenerSet::descriptor(const std::string& name, std::size_t worker) const {
  const auto found = sockets_.find(name);
  if (found == sockets_.end() || found->second.per_worker.size() <= worker) return -1;
  return found->second.per_worker[worker].get();
}

void ListenerSet::close(const std::string& name, std::size_t worker) {
  const auto found = sockets_.find(name);
  if (found != sockets_.end()) found->second.per_worker[worker] = OwnedFd();
}

std::vector<SocketAddress> ListenerSet::addresses() const {
  std::vector<SocketAddress> all;
  for (const auto& [name, entry] : sockets_) all.push_back(entry.address);
  return all;
}

std::optional<SocketAddress> ListenerSet::address(const std::string& name) const {
  const auto found = sockets_.find(name);
  if (found == sockets_.end()) return std::nullopt;
  return found->second.address;
}

}  // namespace epaulet
