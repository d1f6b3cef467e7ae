#pragma once

#include "base/intrusive_list.h"

namespace epaulet {

/// Something that the loop will run once: a completed operation, a resumed coroutine.
/// Destroying it takes it out of the loop's queue.
class ReadyItem : public ListNode {
 public:
  virtual void run() = 0;

 protected:
  ~ReadyItem() = default;
};

}  // namespace epaulet
