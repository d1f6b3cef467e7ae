#pragma once

#include <openssl/ssl.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <deque>
#include <vector>

#include "base/assert.h"
#include "tests/unit/crypto/pki_fixture.h"
#include "tls/engine.h"

namespace epaulet {

/// One direction between two engines, under an attacker who cuts, changes, drops, repeats and
/// reorders. Checks on every read what TLS promises: the reader gets what was written, in order,
/// nothing from behind the first change, and an end only where the writer has ended.
class TlsWire {
 public:
  using Step = TlsEngine::Step;

  TlsWire(TlsEngine& from, TlsEngine& to) : from_(from), to_(to) {}

  void write(std::size_t size) {
    if (!may_send()) return;
    std::vector<std::byte> text(size);
    for (std::size_t i = 0; i < size; ++i) text[i] = pattern(written_ + i);
    const auto step = from_.write(text);
    if (step == Step::done) written_ += size;
    collect();
    if (step == Step::done) marks_.push_back({sent_.size(), written_});
  }

  void close() {
    if (!may_send()) return;
    const auto step = from_.close_write();
    collect();
    if (step != Step::done) return;
    closed_ = true;
    closed_at_ = sent_.size();
  }

  void update_key(bool ask_for_the_others) {
    if (!may_send()) return;
    const int kind = ask_for_the_others ? SSL_KEY_UPDATE_REQUESTED : SSL_KEY_UPDATE_NOT_REQUESTED;
    if (SSL_key_update(from_.native(), kind) != 1) return;
    ++key_updates_;
    (void)SSL_do_handshake(from_.native());
    collect();
  }

  /// What `from` wants to say goes onto the wire.
  void collect() {
    if (!from_.has_output()) return;
    const auto output = from_.take_output();
    const auto bytes = output.bytes();
    flights_.emplace_back(bytes.begin(), bytes.end());
    sent_.insert(sent_.end(), bytes.begin(), bytes.end());
  }

  void begin() {
    (void)from_.handshake(kNow);
    collect();
    handshake_ends_ = sent_.size();
  }

  /// `back`: where the reader's answers go.
  void deliver(std::size_t size, TlsWire& back) {
    while (size > 0 && !flights_.empty()) {
      auto& flight = flights_.front();
      const auto piece = std::min(size, flight.size());
      const auto end = flight.begin() + static_cast<long>(piece);
      arrived_.assign(flight.begin(), end);
      flight.erase(flight.begin(), end);
      if (flight.empty()) flights_.pop_front();
      size -= piece;
      compare();
      arrive(back);
    }
  }

  // The attacker. Two acts may undo each other: what counts is what arrives.

  /// Changes a byte of what waits: of the first flight or the last.
  void change(bool last, std::size_t at, std::byte mask) {
    if (flights_.empty() || mask == std::byte{0}) return;
    auto& flight = last ? flights_.back() : flights_.front();
    flight[at % flight.size()] ^= mask;
  }
  void drop() {
    if (!flights_.empty()) flights_.pop_back();
  }
  void repeat() {
    if (!flights_.empty()) flights_.push_back(flights_.back());
  }
  void swap() {
    if (flights_.size() >= 2) std::swap(flights_.back(), flights_[flights_.size() - 2]);
  }

  [[nodiscard]] bool is_quiet() const { return flights_.empty(); }
  /// All came as it was sent, and the updates are too few to be taken for a flood.
  [[nodiscard]] bool is_honest() const {
    return !touched_ && came_ == sent_.size() && key_updates_ <= kFewUpdates;
  }

  /// Both wires are honest and quiet: all was read.
  void check_whole() const {
    EPAULET_ASSERT(from_.handshake_is_over() && to_.handshake_is_over());
    EPAULET_ASSERT(read_ == written_ && ended_ == closed_);
  }

 private:
  static constexpr int kFewUpdates = 4;

  struct Mark {
    std::size_t sent;     ///< Of ciphertext,
    std::size_t written;  ///< with this much plaintext in it.
  };

  static std::byte pattern(std::size_t at) { return static_cast<std::byte>(at * 31 + (at >> 8)); }

  [[nodiscard]] bool may_send() const {
    return from_.handshake_is_over() && from_.error().code == ErrorCode::none && !closed_;
  }

  void compare() {
    for (const auto byte : arrived_) {
      const std::size_t at = came_++;
      if (at < sent_.size() && sent_[at] == byte) continue;
      touched_ = true;
      // RFC 8446 section 5.1: there are bytes of the handshake that mean nothing, a version.
      if (at >= handshake_ends_) first_change_ = std::min(first_change_, at);
    }
  }

  void arrive(TlsWire& back) {
    if (ended_ || to_.error().code != ErrorCode::none) return;
    to_.feed(arrived_);
    if (!to_.handshake_is_over()) {
      (void)to_.handshake(kNow);
      back.collect();
      back.handshake_ends_ = back.sent_.size();
    }
    if (to_.handshake_is_over()) read_all();
    back.collect();
    EPAULET_ASSERT(ended_ || to_.unread().empty());
  }

  void read_all() {
    std::array<std::byte, 512> buffer;
    for (;;) {
      const auto step = to_.peek();
      if (step == Step::closed) return end();
      if (step != Step::done) return;
      const auto got = to_.read(buffer);
      EPAULET_ASSERT(got.step == Step::done && got.bytes > 0);
      for (std::size_t i = 0; i < got.bytes; ++i) EPAULET_ASSERT(buffer[i] == pattern(read_ + i));
      read_ += got.bytes;
      EPAULET_ASSERT(read_ <= untouched());
    }
  }

  void end() {
    ended_ = true;
    EPAULET_ASSERT(closed_ && closed_at_ <= first_change_ && read_ == written_);
  }

  /// Plaintext in the records before the first change.
  [[nodiscard]] std::size_t untouched() const {
    std::size_t plain = 0;
    for (const auto& mark : marks_) {
      if (mark.sent <= first_change_) plain = mark.written;
    }
    return plain;
  }

  TlsEngine& from_;
  TlsEngine& to_;
  std::deque<std::vector<std::byte>> flights_;
  std::vector<Mark> marks_;
  std::vector<std::byte> arrived_;  ///< The engine may look at it until it has read all.
  std::vector<std::byte> sent_;
  std::size_t came_ = 0;
  std::size_t handshake_ends_ = 0;
  std::size_t first_change_ = SIZE_MAX;
  std::size_t written_ = 0;
  std::size_t read_ = 0;
  std::size_t closed_at_ = 0;
  int key_updates_ = 0;
  bool touched_ = false;
  bool closed_ = false;
  bool ended_ = false;
};

}  // namespace epaulet
