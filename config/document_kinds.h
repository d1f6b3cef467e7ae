#pragma once

#include <yaml-cpp/eventhandler.h>

#include <optional>
#include <string>
#include <vector>

namespace epaulet::config {

/// What a document says of itself at its top level: objects of Kubernetes have both.
struct DocumentKind {
  std::string api_version;
  std::string kind;
  std::size_t offset = 0;  ///< Of the kind, or of its beginning.
  bool is_empty = true;    ///< Nothing but comments.

  [[nodiscard]] bool is_of_kubernetes() const { return !api_version.empty() || !kind.empty(); }
};

/// Collects the kinds of all documents of a text, and looks at nothing else. Is also what skips a
/// document.
class DocumentKinds final : public YAML::EventHandler {
 public:
  [[nodiscard]] const std::vector<DocumentKind>& found() const { return found_; }
  /// Where a document began a second time: at a `,`, `]` or `}` outside of brackets yaml-cpp finds
  /// an empty document, and stays there, for ever.
  [[nodiscard]] std::optional<std::size_t> stands_still_at() const { return stands_still_at_; }

  void OnDocumentStart(const YAML::Mark& mark) override;
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark&, YAML::anchor_t) override { take("", false); }
  void OnAlias(const YAML::Mark&, YAML::anchor_t) override { take("", true); }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override;
  void OnSequenceStart(const YAML::Mark&, const std::string&, YAML::anchor_t,
                       YAML::EmitterStyle::value) override {
    open(false);
  }
  void OnSequenceEnd() override { --depth_; }
  void OnMapStart(const YAML::Mark&, const std::string&, YAML::anchor_t,
                  YAML::EmitterStyle::value) override {
    open(true);
  }
  void OnMapEnd() override { --depth_; }

 private:
  void take(const std::string& text, bool is_content);
  void open(bool is_map);

  std::vector<DocumentKind> found_;
  std::size_t begin_ = 0;  ///< Of the last one.
  std::optional<std::size_t> stands_still_at_;
  std::size_t depth_ = 0;
  bool is_map_ = false;  ///< The document's outermost container.
  bool expects_key_ = true;
  std::string key_;
};

}  // namespace epaulet::config
