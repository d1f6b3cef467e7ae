#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "config/draft.h"

namespace epaulet::config {

/// Collects complaints while files are read, the first `limits::kConfigErrorsMax` of them in full.
class Complaints {
 public:
  /// Sources outlive this.
  explicit Complaints(const SourceText& source) : sources_{&source} {}

  /// What add() is about from now on is another file.
  void begin(const SourceText& source) { sources_.push_back(&source); }

  void add(const Place& place, std::string path, Complaint complaint) {
    add_in(*sources_.back(), place, std::move(path), std::move(complaint));
  }
  void add_in(const SourceText& source, const Place& place, std::string path, Complaint complaint);
  /// At the object that an origin stands for, in whichever file it is.
  void add_at(const Origin& origin, Complaint complaint);
  /// True if add() still keeps what it is given: costly suggestions are only made then.
  [[nodiscard]] bool has_room() const;
  /// True if there is a complaint at a path that begins so: what depends on it is not worth saying.
  [[nodiscard]] bool are_about(std::string_view path) const;
  [[nodiscard]] bool empty() const { return found_.empty() && dropped_ == 0; }
  /// In the order of the files, the last one counting what was left out.
  [[nodiscard]] std::vector<Diagnostic> take();

 private:
  [[nodiscard]] std::size_t index_of(std::string_view source) const;

  std::vector<const SourceText*> sources_;
  std::vector<Diagnostic> found_;
  std::size_t dropped_ = 0;
};

/// What a check sees of an object when all of its keys were read.
class Context {
 public:
  virtual ~Context() = default;
  /// True if the key stands in the object, whatever its value.
  [[nodiscard]] virtual bool has(std::string_view key) const = 0;
  [[nodiscard]] virtual Draft& draft() = 0;
  /// Complains at the value of a key, or at the object if it lacks the key or `key` is "".
  virtual void complain(std::string_view key, std::string message, std::string remedy = {}) = 0;
  /// Sets `origin` to the place of the key's value, if the object has the key.
  virtual void note_origin(std::string_view key, Origin& origin) const = 0;
};

}  // namespace epaulet::config
