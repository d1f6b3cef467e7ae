#pragma once

#include <boost/json.hpp>
#include <string>

namespace epaulet::injector {

/// RFC 6902 as far as we use it, written to be obvious: what an API server does with our patch.
inline void apply(boost::json::value& document, const boost::json::array& patch) {
  namespace json = boost::json;
  for (const auto& operation : patch) {
    const std::string path(operation.at("path").as_string());
    json::value* parent = &document;
    std::size_t at = 1;
    for (;;) {
      auto end = path.find('/', at);
      std::string key = path.substr(at, end == path.npos ? end : end - at);
      for (const auto& [from, to] : {std::pair{"~1", "/"}, std::pair{"~0", "~"}}) {
        for (std::size_t i = 0; (i = key.find(from, i)) != key.npos; ++i) key.replace(i, 2, to);
      }
      if (end == path.npos) {
        const std::string op(operation.at("op").as_string());
        if (parent->is_array()) {
          parent->as_array().at(std::stoul(key)) = operation.at("value");  // Only replace.
        } else if (op == "remove") {
          if (parent->as_object().erase(key) != 1) throw std::runtime_error("no " + path);
        } else {
          if ((op == "replace") != parent->as_object().contains(key))
            throw std::runtime_error(op + " " + path);
          parent->as_object()[key] = operation.at("value");
        }
        break;
      }
      parent = parent->is_array() ? &parent->as_array().at(std::stoul(key))
                                  : &parent->as_object().at(key);
      at = end + 1;
    }
  }
}

}  // namespace epaulet::injector
