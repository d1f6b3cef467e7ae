#pragma once

#include <string>

#include "base/error.h"
#include "config/policy_cases.h"
#include "config/settings.h"
#include "policy/authorize.h"
#include "policy/ingress.h"
#include "policy/roles.h"

namespace epaulet::server {

/// What a configuration would say to somebody who is not there: the same rules, roles and path
/// hygiene as the data path, on assumed proofs. No key, certificate or clock takes part.
class WhatIf {
 public:
  explicit WhatIf(const Settings& settings);

  struct Answer {
    bool allowed = false;
    ErrorCode code = ErrorCode::none;
    std::uint16_t status = 0;  ///< Of the refusal; 0: the connection is reset.
    std::string rule;          ///< "": none decided.
    std::string why;           ///< One sentence, with the rule's place.
    std::string audit;         ///< What audit mode does not carry out; "": nothing.
    std::string problem;       ///< Why the question makes no sense; "" if it does.
  };
  [[nodiscard]] Answer ask(const AssumedCaller& who, const AssumedRequest& what) const;

 private:
  [[nodiscard]] std::string find_principals(const AssumedCaller& who, bool is_http,
                                            Principals& out) const;
  [[nodiscard]] std::string add_token(const AssumedToken& token, Principals& out) const;
  [[nodiscard]] Answer ask_request(const WorkloadPortSettings& port, Principals& principals,
                                   const AssumedRequest& what, bool names_client) const;
  [[nodiscard]] Answer answer_of(const Verdict& verdict) const;

  const Settings& settings_;
  RoleTable roles_;
  AccessPolicy policy_;
  Ingress ingress_;
};

}  // namespace epaulet::server
