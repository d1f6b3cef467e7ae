#pragma once

#include <deque>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "http/message.h"

namespace epaulet {

/// A request head for tests of stages, without a parser: views point into texts that live as long
/// as this.
class TestRequest {
 public:
  using Fields = std::vector<std::pair<std::string, std::string>>;

  explicit TestRequest(std::string_view target = "/", std::string_view method = "GET",
                       std::string_view authority = "api.default", const Fields& fields = {}) {
    head.method_text = keep(method);
    head.method = http::method_of(head.method_text);
    head.authority = keep(authority);
    set_target(target);
    for (const auto& [name, value] : fields) add(name, value);
  }
  TestRequest(const TestRequest&) = delete;
  TestRequest& operator=(const TestRequest&) = delete;

  void add(std::string_view name, std::string_view value) {
    http::Field field;
    field.name = keep(name);
    field.value = keep(value);
    field.line = keep(std::string(name) + ": " + std::string(value) + "\r\n");
    field.id = http::field_id(field.name);
    head.fields.push_back(field);
  }

  /// Names of the fields that are passed on, in order.
  [[nodiscard]] std::vector<std::string> passed() const {
    std::vector<std::string> names;
    for (const auto& field : head.fields) {
      if (!field.removed) names.emplace_back(field.name);
    }
    return names;
  }

  http::RequestHead head;

 private:
  std::string_view keep(std::string_view text) { return texts_.emplace_back(text); }

  void set_target(std::string_view text) {
    head.target = keep(text);
    auto rest = head.target;
    if (head.method == http::Method::connect) {
      head.form = http::TargetForm::authority;
      return;
    }
    if (rest == "*") {
      head.form = http::TargetForm::asterisk;
      head.path = rest;
      return;
    }
    if (const auto scheme = rest.find("://");
        !rest.starts_with('/') && scheme != std::string_view::npos) {
      head.form = http::TargetForm::absolute;
      const auto slash = rest.find_first_of("/?", scheme + 3);
      if (slash == std::string_view::npos || rest[slash] == '?') {
        head.path = "/";
        return;
      }
      rest.remove_prefix(slash);
    }
    const auto question = rest.find('?');
    head.path = rest.substr(0, question);
    if (question != std::string_view::npos) head.query = rest.substr(question + 1);
  }

  std::deque<std::string> texts_;
};

}  // namespace epaulet
