#pragma once

#include "base/assert.h"

namespace epaulet {

/// A member of an intrusive, circular, doubly linked list. Leaves its list when destroyed.
class ListNode {
 public:
  ListNode() = default;
  ListNode(const ListNode&) = delete;
  ListNode& operator=(const ListNode&) = delete;
  ~ListNode() { unlink(); }

  [[nodiscard]] bool linked() const { return next_ != this; }
  void unlink() {
    prev_->next_ = next_;
    next_->prev_ = prev_;
    prev_ = next_ = this;
  }

 private:
  template <class T>
  friend class IntrusiveList;
  ListNode* prev_ = this;
  ListNode* next_ = this;
};

/// A list of objects that derive from ListNode; owns none of them. Links cost no allocation.
template <class T>
class IntrusiveList {
 public:
  IntrusiveList() = default;
  IntrusiveList(const IntrusiveList&) = delete;
  IntrusiveList& operator=(const IntrusiveList&) = delete;
  ~IntrusiveList() {
    while (!empty()) head_.next_->unlink();
  }

  [[nodiscard]] bool empty() const { return !head_.linked(); }
  void push_back(T& item) { insert(head_.prev_, item, &head_); }
  void push_front(T& item) { insert(&head_, item, head_.next_); }
  [[nodiscard]] T& front() { return *static_cast<T*>(head_.next_); }
  [[nodiscard]] T& back() { return *static_cast<T*>(head_.prev_); }
  T& pop_front() {
    T& item = front();
    static_cast<ListNode&>(item).unlink();
    return item;
  }
  /// Visits each; `visit` may unlink the item it was given, but no other.
  template <class Visit>
  void for_each(Visit&& visit) {
    for (ListNode* node = head_.next_; node != &head_;) {
      ListNode* next = node->next_;
      visit(*static_cast<T*>(node));
      node = next;
    }
  }

 private:
  static void insert(ListNode* before, T& item, ListNode* after) {
    ListNode& node = item;
    EPAULET_ASSERT(!node.linked());
    node.prev_ = before;
    node.next_ = after;
    before->next_ = &node;
    after->prev_ = &node;
  }
  ListNode head_;
};

}  // namespace epaulet
