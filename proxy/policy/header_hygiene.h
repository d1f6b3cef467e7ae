#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "http/message.h"
#include "policy/authenticate.h"
#include "policy/ingress.h"
#include "policy/principals.h"
#include "policy/roles.h"

/// Fields that say who somebody is or why something failed: only sidecars write them (design
/// section 7).
///
/// Removed from every request, inbound and outbound, in any case and with any character that is
/// neither letter nor digit for a hyphen (servers that hand fields to apps as CGI variables make
/// `X_Epaulet_Peer` and `X.Epaulet.Peer` of them all):
///   x-epaulet-*                        ours; of a mesh peer x-epaulet-mirrored passes, which says
///                                      that the request is a copy (path/mirror.h)
///   x-forwarded-client-cert            Envoy's and Istio's peer identity
///   l5d-client-id                      Linkerd's
///   x-spiffe-id, x-client-identity     other meshes' and gateways'
///   x-hasura-role, x-hasura-user-id, x-hasura-allowed-roles, x-hasura-default-role
///                                      what gateways tell apps of scenario 1's family
///   proxy-status                       a response field (RFC 9209); on a request a forged reason
/// From requests that enter the pod also what says where they came from:
///   forwarded, x-forwarded-*, x-real-ip
/// unless a trusted ingress says so (policy/ingress.h), whose identity fields pass too where the
/// configuration names them; both in their own spelling alone. Nothing is put in their place. Names
/// that an app or its own gateway may define (x-user, x-role, x-remote-user) are not ours to
/// remove.
namespace epaulet {

[[nodiscard]] bool is_identity_field(std::string_view name);
[[nodiscard]] bool is_origin_field(std::string_view name);

/// Of a request that enters the pod, all that nobody but a sidecar or a trusted ingress may say.
/// Before any rule looks at it, since a rule may ask for a field of these; after the fields that
/// `Connection` nominates were removed. What sidecars tell each other of the request
/// (x-epaulet-deadline, x-epaulet-criticality) stays for the data path to read. `from_ingress`: the
/// peer is one that `ingress` trusts. Returns whether fields about the request's origin were
/// removed.
bool remove_claims(http::RequestHead& head, bool is_mesh_peer, const Ingress& ingress = {},
                   bool from_ingress = false);

/// Behind remove_claims(), before the request goes on to the app: takes out what is left of other
/// sidecars, and adds what was proven:
///   x-epaulet-peer: spiffe://...              the mesh peer
///   x-epaulet-roles: admin,user               without the built-in ones; absent if there is none
///   x-epaulet-key-owner: user-service         whose API key the request showed
///   x-forwarded-client-cert: URI=spiffe://... the mesh peer, as Envoy writes it, behind what a
///                                             trusted ingress says there
void add_proofs(http::RequestHead& head, const Principals& principals, const RoleTable& roles);

/// A request of our own app. The data path adds its own x-epaulet-* afterwards. What `ingress` lets
/// pass stays: the app may be one, and whoever is called decides whether it is.
void clean_outbound_request(http::RequestHead& head, const Ingress& ingress = {});

/// The trailer fields of a request that pass: what nobody may say in its head, nobody may say
/// behind its body. Without identity fields, without what says where the request came from (no
/// trailer does, RFC 9110 section 6.5.1), without what the head's `Connection` nominates. `lines`:
/// raw lines with CRLF, as the codec lets them through.
/// `authenticator`: of a request that enters the pod, whose credentials are in no trailer either.
[[nodiscard]] std::string clean_request_trailers(const http::RequestHead& head,
                                                 std::string_view lines,
                                                 const Authenticator* authenticator = nullptr);

/// Who reads a response next.
enum class Reader : std::uint8_t {
  mesh_sidecar,  ///< Keeps the reason between sidecars.
  own_app,       ///< Of the outbound side.
  outsider,      ///< Without mesh identity.
};

/// Of a response of our own app: what would speak for this sidecar, Proxy-Status in our name and
/// x-epaulet-*, but for x-epaulet-retries-exhausted, which it may copy. Call it before fields are
/// added.
void strip_own_words(http::ResponseHead& head);

/// Removes Proxy-Status and x-epaulet-* unless a mesh sidecar reads them or the port says `expose:
/// true`. Our own app keeps x-epaulet-retries-exhausted, which it may copy (design section 8). Call
/// it before fields are added.
void strip_response(http::ResponseHead& head, Reader reader, bool expose);

}  // namespace epaulet
