#pragma once

#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "config/settings.h"
#include "http/message.h"
#include "policy/principals.h"
#include "policy/roles.h"
#include "route/request_match.h"

namespace epaulet {

/// The permissions that rules ask for: what their RoleTable must know.
[[nodiscard]] std::set<std::string> permissions_of(const AccessSettings& settings);

/// One compiled rule of `access`.
struct AccessRule {
  std::string name;
  Origin origin;
  RequestMatch match;
  std::vector<std::uint16_t> ports;  ///< Ascending; empty: any.
  RoleSet allow;
  RoleSet deny;
  bool decides =
      true;  ///< Takes part when rules are asked for who may; false for a rule that only denies.
  RequiredProof require = RequiredProof::nothing;  ///< `permissions` require a token.
  RoleSet permissions;                             ///< All of them, besides one of `allow`.
  bool is_audited = false;                         ///< `mode: audit`

  [[nodiscard]] bool covers(std::uint16_t port) const;
  /// Whether it takes a request to judge: a condition, or a credential that only a request has.
  [[nodiscard]] bool is_l7() const {
    return require != RequiredProof::nothing || !match.is_unconditional();
  }
};

/// Why a refusal is Verdict::lenient, as the end of a sentence.
inline constexpr std::string_view kLenientReason =
    "apps may take the path or the method for its other case, the path for the one without the "
    "slash at its end, HEAD for GET, and X_Name for X-Name";

/// Why a refusal is Verdict::client_unknown, as the end of a sentence.
inline constexpr std::string_view kClientUnknownReason =
    "the ingress names no client in the header that `ingress.client_address` asks for";

/// May they, and why. Borrows the rule from the policy, that is from the snapshot.
struct Verdict {
  ErrorCode code = ErrorCode::none;  ///< none, token_invalid, token_required, key_invalid,
                                     ///< key_required, unauthenticated or forbidden.
  std::uint16_t status = 200;        ///< Of the refusal.
  /// The rule that decided. Nothing: no rule matched (default deny), or the token was refused
  /// before any.
  const AccessRule* rule = nullptr;
  /// Decided by the lenient reading: as the request is written, it would have passed
  /// (route/pattern.h).
  bool lenient = false;
  TokenFailure token_failure = TokenFailure::none;
  KeyFailure key_failure = KeyFailure::none;
  bool client_unknown = false;  ///< Refused before any rule: Principals::client_unknown.
  RoleSet roles;                ///< What the caller holds.
  /// What was not carried out because of audit mode, and whose refusal it was (nothing: no rule's).
  /// Only of a verdict that allows.
  ErrorCode audited = ErrorCode::none;
  const AccessRule* audited_rule = nullptr;

  [[nodiscard]] bool allowed() const { return code == ErrorCode::none; }
  /// Refused for want of a role that the rule allows, or for holding one that it denies.
  [[nodiscard]] bool is_about_roles() const {
    return rule != nullptr && (code == ErrorCode::unauthenticated || code == ErrorCode::forbidden);
  }
  /// `detail` is the TokenFailure for token_invalid, the KeyFailure for key_invalid, 0 otherwise.
  [[nodiscard]] Error error() const;
  /// For explain: `rule "internal" (api2.yaml:12:5)`, or why there is none. Allocates.
  [[nodiscard]] std::string reason() const;
};

/// The rules of one snapshot (design section 7). Immutable; asking allocates nothing.
///
/// 1. A refused token refuses the request, whatever the rules say: 401, or `invalid_token`. So does
///    a refused API key: 401. So does a trusted ingress that does not name its client: 403.
/// 2. Deny rules: the first that matches and names a role of the caller refuses.
/// 3. The first of the other rules that matches decides, and nothing falls through: 401 without a
///    token where it says `require: token` or `permissions`, without a key where it says `require:
///    key`, whatever the peer identity; allowed with one of its `allow` roles and all of its
///    `permissions`; else 401 for an anonymous caller, 403 for any other.
/// 4. No rule matches: refused, 401 or 403 in the same way.
///
/// Audit mode changes what is done, not what is decided. A rule in it that denies is passed over,
/// one that decides lets through what it would refuse; with `access_mode: audit` every refusal lets
/// through. The verdict then says what would have been.
///
/// All of it is asked twice, for the request as it is written and as lenient apps read it
/// (route/pattern.h), and the refusal wins: `/Admin/` does not slip past a rule on `/admin` to a
/// catch-all behind it.
///
/// Rules see the request line and the fields. An app that takes its path or method from elsewhere
/// (X-Original-URL, X-HTTP-Method-Override) evades rules on them, and no rule can help that.
class AccessPolicy {
 public:
  /// `settings` is valid: every role it names exists.
  AccessPolicy(const AccessSettings& settings, const RoleTable& roles);

  /// `head.path` is in normal form if has_path_rules(port): call settle_path() first. `port`: the
  /// workload's.
  [[nodiscard]] Verdict authorize(const http::RequestHead& head, std::uint16_t port,
                                  const Principals& principals) const;

  /// For a connection whose requests, if it has any, nobody sees. What cannot be seen is taken to
  /// match a rule that denies and never one that allows: a rule with a path, method, host or header
  /// never lets it in, and one that denies holds for all of its ports. A rule with `require: token`
  /// refuses it.
  [[nodiscard]] Verdict authorize_connection(std::uint16_t port,
                                             const Principals& principals) const;

  /// Whether a rule that takes a request to judge may apply: such a port is opaque only if declared
  /// so.
  [[nodiscard]] bool has_l7_rules(std::uint16_t port) const;
  /// Whether a rule with paths may apply, `/**` included.
  [[nodiscard]] bool has_path_rules(std::uint16_t port) const;

  [[nodiscard]] const std::vector<AccessRule>& rules() const { return rules_; }

 private:
  /// The first rule that matches in each reading. What matches exactly matches leniently too, so
  /// `lenient` never stands behind `exact`.
  struct Matches {
    const AccessRule* exact = nullptr;
    const AccessRule* lenient = nullptr;
  };
  [[nodiscard]] Verdict refuse_credentials(const Principals& principals) const;
  [[nodiscard]] Verdict judge(const http::RequestHead& head, std::uint16_t port,
                              const Principals& principals) const;
  [[nodiscard]] Verdict judge_connection(std::uint16_t port, const Principals& principals) const;
  [[nodiscard]] const AccessRule* audited_denial(const http::RequestHead* head, std::uint16_t port,
                                                 const Principals& principals) const;
  /// With what audit mode makes of it.
  [[nodiscard]] Verdict audited(Verdict verdict, const AccessRule* passed_over,
                                const Principals& principals) const;
  template <class Wanted>
  [[nodiscard]] Matches first_match(const http::RequestHead& head, std::uint16_t port,
                                    Wanted wanted) const;

  std::vector<AccessRule> rules_;
  std::uint16_t invalid_token_status_ = 401;
  bool is_audited_ = false;
  bool audits_denials_ = false;  ///< Some rule that denies is in audit mode.
};

}  // namespace epaulet
