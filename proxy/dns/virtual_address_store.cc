#include "dns/virtual_address_store.h"

#include "discovery/state_file.h"

namespace epaulet {

void VirtualAddressStore::load() {
  const auto text = read_state_file(path());
  if (!text) {
    storage_error_ = text.error();
    ++storage_failures_;
    return;
  }
  if (text->empty()) return;
  auto entries = VirtualAddressBook::from_json(*text);
  if (entries) {
    entries_ = std::move(*entries);
  } else {
    storage_error_ = entries.error();
    ++storage_failures_;
  }
}

void VirtualAddressStore::write() {
  const auto written = write_state_file(path(), VirtualAddressBook::to_json(entries_));
  is_unwritten_ = !written;
  if (written) return;
  storage_error_ = written.error();
  ++storage_failures_;
}

void VirtualAddressStore::write_again() {
  if (!is_unwritten_) return;
  storage_error_.reset();
  write();
}

VirtualAddressTablePtr VirtualAddressStore::apply(const Settings& settings, WallTime now) {
  storage_error_.reset();
  bool is_new_place = false;
  if (state_dir_ != settings.state_dir) {
    state_dir_ = settings.state_dir;
    is_new_place = true;
    // What this process has already told apps counts more than what another one left there.
    if (entries_.empty() && !settings.state_dir.empty()) load();
  }
  VirtualAddressBook book(settings.dns.virtual_v4, settings.dns.virtual_v6);
  book.restore(entries_);
  std::vector<std::string> services;
  for (const auto& [name, service] : settings.services) services.push_back(name);
  without_address_ = book.assign(services, now);

  auto entries = book.entries();
  const bool is_changed = entries != entries_ || is_new_place || is_unwritten_ || storage_error_;
  entries_ = std::move(entries);
  if (settings.state_dir.empty()) {
    is_unwritten_ = false;
  } else if (is_changed) {
    write();
  }
  return book.table();
}

}  // namespace epaulet
