#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <typeindex>

namespace epaulet::resilience {

/// State that a user configured as one number and that must survive reloads: budgets, limits. Lives
/// outside the snapshot, which holds handles; kept as long as its shape (the numbers) is the same.
/// The control thread builds snapshots with it; workers only use what the handles point to.
class StateTable {
 public:
  /// The state of this kind, name and shape, made by `make()` when it is new. `shape` is any text
  /// that changes when the state must start anew.
  template <class State, class Make>
  [[nodiscard]] std::shared_ptr<State> get(const std::string& name, const std::string& shape,
                                           Make&& make) {
    const std::lock_guard lock(mutex_);
    Entry& entry = entries_[{std::type_index(typeid(State)), name}];
    if (!entry.state || entry.shape != shape) {
      entry.shape = shape;
      entry.state = make();
    }
    return std::static_pointer_cast<State>(entry.state);
  }

  /// Forgets what no snapshot holds any more.
  void collect() {
    const std::lock_guard lock(mutex_);
    std::erase_if(entries_, [](const auto& entry) { return entry.second.state.use_count() <= 1; });
  }

 private:
  struct Entry {
    std::string shape;
    std::shared_ptr<void> state;
  };
  std::mutex mutex_;
  std::map<std::pair<std::type_index, std::string>, Entry> entries_;
};

}  // namespace epaulet::resilience
