#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/address.h"
#include "certs-tool/service/proof.h"
#include "certs-tool/service/signer.h"
#include "http/message.h"

namespace epaulet::certs {

/// How a request ended: for metrics and log.
enum class Ending : std::uint8_t {
  issued,       ///< A first certificate, for a token or the like.
  renewed,      ///< For whoever has one.
  page,         ///< The bundle, or another page without secrets.
  malformed,    ///< No request of ours, or one that is too large.
  unproven,     ///< Nobody, or a proof that does not hold.
  forbidden,    ///< Proven, but nothing is signed for that identity.
  unavailable,  ///< The CA cannot sign, or whoever judges the proof cannot be asked.
  count_
};
[[nodiscard]] std::string_view name_of(Ending ending);

struct Answer {
  std::uint16_t status = 200;
  std::string_view content_type;
  std::string body;
  Ending ending = Ending::page;
  std::string identity;  ///< Who was proven; "" if nobody.
  std::string why;       ///< For the log: holds no secret.
};

/// Who asks.
struct Caller {
  std::string identity;  ///< Proven by their certificate in the handshake; "": by none.
  SocketAddress address;
};

/// Judges requests, independent of the connection that they come by.
class Requests {
 public:
  static constexpr std::size_t kBodyBytesMax = 16 * 1024;

  /// `signer`: outlives this.
  Requests(Signer& signer, std::vector<std::unique_ptr<Proof>> proofs)
      : signer_(signer), proofs_(std::move(proofs)) {}
  /// Before the first request.
  void add(std::unique_ptr<Proof> proof) { proofs_.push_back(std::move(proof)); }

  /// Signs for exactly the identity that was proven, the key of the request, and nothing else that
  /// the request says.
  Task<Answer> answer(const http::RequestHead& head, std::string_view body, const Caller& caller,
                      Scope& scope);

 private:
  Task<Answer> sign(const http::RequestHead& head, std::string_view body, const Caller& caller,
                    Scope& scope);
  Task<Proven> prove(std::string_view credential, const PublicKey& key, const Caller& caller,
                     Scope& scope);

  Signer& signer_;
  std::vector<std::unique_ptr<Proof>> proofs_;
};

/// {"error":...,"remedy":...}.
[[nodiscard]] Answer refusal(std::uint16_t status, Ending ending, const Reason& reason);

}  // namespace epaulet::certs
