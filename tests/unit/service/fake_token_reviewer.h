#pragma once

#include <map>
#include <string>

#include "certs-tool/service/service_account_proof.h"
#include "runtime/scope.h"

namespace epaulet::certs {

/// A platform that knows the tokens of a table, and can be away.
class FakeTokenReviewer final : public TokenReviewer {
 public:
  Task<Checked<TokenReview>> review(std::string_view token, std::string_view audience,
                                    Scope& scope) override {
    ++asked;
    last_audience = audience;
    if (takes.count() > 0) {
      const auto waited = co_await sleep_until(scope, scope.loop().now() + takes);
      if (!waited) co_return Reason("the platform did not answer in time", "look at it");
    }
    if (is_away) co_return Reason("the platform cannot be reached", "is it up?");
    const auto known = tokens.find(std::string(token));
    if (known != tokens.end()) co_return known->second;
    TokenReview unknown;
    unknown.error = "token is unknown";
    co_return unknown;
  }

  std::map<std::string, TokenReview> tokens;
  std::chrono::seconds takes{0};
  bool is_away = false;
  int asked = 0;
  std::string last_audience;
};

}  // namespace epaulet::certs
