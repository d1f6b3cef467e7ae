#pragma once

namespace epaulet::test {

/// A value that counts how often one was made and destroyed. Holds nothing, so that destroying one
/// too often does no harm but to the count.
class Counted {
 public:
  Counted() { ++made; }
  explicit Counted(int value_) : value(value_) { ++made; }
  Counted(const Counted& other) : value(other.value) { ++made; }
  Counted(Counted&& other) noexcept : value(other.value) { ++made; }
  Counted& operator=(const Counted&) = default;
  Counted& operator=(Counted&&) noexcept = default;
  ~Counted() { ++destroyed; }

  static void restart() { made = destroyed = 0; }
  /// Negative: some were destroyed more than once.
  static int alive() { return made - destroyed; }

  int value = 0;
  inline static int made = 0;
  inline static int destroyed = 0;
};

}  // namespace epaulet::test
