// An operator new that counts, per thread, into a file that a test reads while the program runs:
// /run/epaulet/state/allocations, 64 pairs of 64-bit numbers, thread id and count. What C libraries
// take with malloc (OpenSSL's handshakes, getaddrinfo) does not count: it is not ours.

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <new>

namespace {

constexpr const char* kPath = "/run/epaulet/state/allocations";

struct Slot {
  std::atomic<std::uint64_t> thread;
  std::atomic<std::uint64_t> count;
};
constexpr std::size_t kSlots = 64;

Slot* map_slots() {
  const int file = ::open(kPath, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  // Root's `redirect install` comes first, `run` is another user.
  if (file < 0 || (::geteuid() == 0 && ::fchmod(file, 0666) != 0) ||
      ::ftruncate(file, sizeof(Slot) * kSlots) != 0)
    std::abort();
  void* memory =
      ::mmap(nullptr, sizeof(Slot) * kSlots, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  ::close(file);
  if (memory == MAP_FAILED) std::abort();
  return static_cast<Slot*>(memory);
}

Slot& own_slot() {
  static Slot* const slots = map_slots();
  static std::atomic<std::size_t> taken = 0;
  thread_local Slot* slot = nullptr;
  if (slot == nullptr) {
    const std::size_t index = taken.fetch_add(1);
    if (index >= kSlots) std::abort();
    slot = &slots[index];
    slot->thread = static_cast<std::uint64_t>(::gettid());
  }
  return *slot;
}

void* take(std::size_t size, std::size_t alignment) {
  own_slot().count.fetch_add(1, std::memory_order_relaxed);
  if (alignment <= alignof(std::max_align_t)) return std::malloc(size == 0 ? 1 : size);
  return std::aligned_alloc(alignment, (size + alignment - 1) / alignment * alignment);
}

void* take_or_throw(std::size_t size, std::size_t alignment = 1) {
  void* memory = take(size, alignment);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}

}  // namespace

void* operator new(std::size_t size) {
  return take_or_throw(size);
}
void* operator new[](std::size_t size) {
  return take_or_throw(size);
}
void* operator new(std::size_t size, std::align_val_t alignment) {
  return take_or_throw(size, static_cast<std::size_t>(alignment));
}
void* operator new[](std::size_t size, std::align_val_t alignment) {
  return take_or_throw(size, static_cast<std::size_t>(alignment));
}
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  return take(size, 1);
}
void* operator new[](std::size_t size, const std::nothrow_t&) noexcept {
  return take(size, 1);
}
void operator delete(void* memory) noexcept {
  std::free(memory);
}
void operator delete[](void* memory) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::size_t) noexcept {
  std::free(memory);
}
void operator delete[](void* memory, std::size_t) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::align_val_t) noexcept {
  std::free(memory);
}
void operator delete[](void* memory, std::align_val_t) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept {
  std::free(memory);
}
void operator delete[](void* memory, std::size_t, std::align_val_t) noexcept {
  std::free(memory);
}
