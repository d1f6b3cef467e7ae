#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

/// Every bound of every buffer, queue, table, loop and retry, in one place (design section 4).
namespace epaulet::limits {

inline constexpr std::size_t kKiB = 1024;
inline constexpr std::size_t kMiB = 1024 * kKiB;

// Buffers.
inline constexpr std::size_t kSmallBlockBytes = 4 * kKiB;  ///< Most heads fit.
inline constexpr std::size_t kBlockBytes = 16 * kKiB;  ///< One read; one TLS record's plaintext.
inline constexpr std::size_t kLargeBlockBytes = 64 * kKiB;  ///< The largest head.
/// Pieces of a body or tunnel moved without waiting, before others get their turn: two fast ends
/// could keep a worker to themselves.
inline constexpr unsigned kChunksPerTurn = 64;
inline constexpr std::size_t kPooledBlocksMax = 256;  ///< Free blocks a worker keeps, per class.
inline constexpr std::size_t kFrameBytesMax =
    4 * kKiB;                                          ///< Larger coroutine frames are not pooled.
inline constexpr std::size_t kPooledFramesMax = 1024;  ///< Free frames a worker keeps, per class.

// Under a memory limit (a control group's) so much is set aside for the process itself and for each
// connection served: an mTLS handshake or session, the pooled connection behind it, what both are
// reading and writing, and the kernel's part.
inline constexpr std::size_t kProcessMemoryBytes = 10 * kMiB;
inline constexpr std::size_t kConnectionMemoryBytes = 64 * kKiB;

// HTTP.
inline constexpr std::size_t kHeadBytesMax = 64 * kKiB;
inline constexpr std::size_t kHeaderFieldsMax = 200;
inline constexpr std::size_t kTrailerBytesMax = 16 * kKiB;
inline constexpr std::size_t kChunkExtensionBytesMax = 256;
inline constexpr std::size_t kChunkOverheadBytesMax =
    16 * kKiB;  ///< Chunk extensions above the data of a body.
inline constexpr std::size_t kInformationalResponsesMax = 16;  ///< 1xx heads per response.
inline constexpr std::size_t kReplayBytesMax =
    64 * kKiB;  ///< A request body kept for another attempt.
inline constexpr std::size_t kDrainedBodyBytesMax =
    64 * kKiB;  ///< Unread request body skipped to keep a connection.
inline constexpr std::size_t kEmptyLinesBeforeRequestMax = 4;  ///< RFC 9112 section 2.2.

// HTTP/2: what has arrived and nobody has read.
inline constexpr std::uint32_t kHttp2StreamWindowBytes = 64 * kKiB;
inline constexpr std::uint32_t kHttp2ConnectionWindowBytes = 1 * kMiB;  ///< On its way at once.
/// Of one connection. Beyond it a stream gets the narrow window, which so many that are read as
/// they come have widened again.
inline constexpr std::size_t kHttp2UnreadBytes = 512 * kKiB;
inline constexpr std::uint32_t kHttp2NarrowWindowBytes = 4 * kKiB;
inline constexpr std::size_t kHttp2WideStreamsMax = 8;
/// What those windows allow in all (half a MiB here, one on its way as they narrow, half a MiB in
/// 128 narrow ones and half in the wide): who sends more keeps to none, and is let send no more.
inline constexpr std::size_t kHttp2UnreadBytesMax = 2560 * kKiB;
/// Of a worker's connections together, where no memory limit says less.
inline constexpr std::size_t kHttp2UnreadOfWorkerBytes = 64 * kMiB;
inline constexpr std::size_t kHttp2UnreadShare = 4;  ///< Of that limit: one byte in four.

// TLS and detection.
inline constexpr std::size_t kClientHelloBytesMax = 16 * kKiB;
inline constexpr std::size_t kDetectBytesMax = 32;  ///< Enough to rule out every known protocol.
inline constexpr std::chrono::milliseconds kSpeculativeDialAfter{10};
/// Where a sidecar has waited for that already: what it has of the caller comes with its handshake.
inline constexpr std::chrono::milliseconds kSpeculativeDialAfterPeer{1};
inline constexpr std::size_t kPemBytesMax = 1 * kMiB;       ///< One PEM file.
inline constexpr std::size_t kChainCertificatesMax = 10;    ///< Leaf and intermediates.
inline constexpr std::size_t kBundleCertificatesMax = 256;  ///< Roots trusted at once.
inline constexpr std::size_t kPeerCertificateBytesMax =
    32 * kKiB;  ///< A peer's certificate message.
inline constexpr std::size_t kTlsSessionsMax =
    1024;  ///< Client sessions kept for resumption, per worker.
inline constexpr std::chrono::hours kTlsTicketLifetimeMax{2};
inline constexpr std::uint32_t kTlsLateMessagesMax =
    32;  ///< Tickets and key updates with no data between.

// Tokens.
inline constexpr std::size_t kTokenBytesMax = 8 * kKiB;
inline constexpr std::size_t kTokensCachedMax = 4096;
inline constexpr std::size_t kJwksBytesMax = 1 * kMiB;
inline constexpr std::size_t kJwksKeysMax = 256;  ///< Usable keys of one issuer.
/// A key set by URL: its whole fetch, and how often a token with an unknown key may ask for one.
inline constexpr std::chrono::seconds kJwksFetchTime{10};
inline constexpr std::chrono::seconds kJwksDemandEvery{10};
inline constexpr std::chrono::seconds kJwksBackoffMax{60};
inline constexpr std::size_t kApiKeysMax = 1024;  ///< Of all owners: each is compared.
inline constexpr std::size_t kApiKeyBytesMin = 16;
inline constexpr std::size_t kApiKeyBytesMax = 512;
inline constexpr std::size_t kSecretBytesMax = 64 * kKiB;  ///< A file or variable with secrets.
inline constexpr std::size_t kTokenDepthMax = 16;          ///< Nesting of a token's JSON.
inline constexpr std::size_t kRolesMax = 256;              ///< The two built-in ones among them.

// Telemetry.
inline constexpr std::size_t kExplainRecordsMax = 256;    ///< Per worker.
inline constexpr std::size_t kTraceEventsMax = 24;        ///< Per exchange: 512 bytes in all.
inline constexpr std::size_t kLogRingBytes = 256 * kKiB;  ///< Per worker; of spans, too.
inline constexpr std::size_t kSpanLinksMax = 8;           ///< What may have led to a span.
inline constexpr std::size_t kSpanEventsMax = 8;
inline constexpr std::size_t kSpanTextBytesMax = 512;  ///< A path, query or host is cut there.
inline constexpr std::size_t kInFlightMax = 64;        ///< Requests that calls are joined to.
inline constexpr std::size_t kSpanBatchMax = 256;      ///< Of one request to a collector.
/// A batch is tried for so long, and so far apart; at the end the last ones have so long.
inline constexpr std::chrono::minutes kSpanGiveUpAfter{5};
inline constexpr std::chrono::seconds kSpanBackoffMax{30};
inline constexpr std::chrono::seconds kSpanFlushTime{5};
inline constexpr std::chrono::milliseconds kSpanLookEvery{100};  ///< At the workers' rings.
inline constexpr std::size_t kMetricCellsMax =
    4096;  ///< Per worker; further ones share the cell "overflow".
inline constexpr std::size_t kMetricPortCellsMax =
    1024;  ///< Per worker: ports, each in three ways.
inline constexpr std::size_t kInternedStringsMax = 65536;   ///< Process-wide, never forgotten.
inline constexpr std::size_t kInternedBytesMax = 8 * kMiB;  ///< All of them together.
inline constexpr std::size_t kInternedStringBytesMax = 1 * kKiB;  ///< Longer ones are cut.
inline constexpr std::size_t kForeignStringsShare = 4;  ///< Text that peers chose: one in four.
inline constexpr std::size_t kLogLineBytesMax = 4 * kKiB;
inline constexpr std::chrono::milliseconds kLogBatchTime{10};  ///< Lines of so long: one write.

// DNS.
inline constexpr std::size_t kDnsMessageBytesMax = 4 * kKiB;
inline constexpr std::size_t kDnsPendingMax = 512;
inline constexpr std::size_t kDnsTcpConnectionsMax = 64;
inline constexpr std::size_t kDnsAnswerBytesMax =
    65535;  ///< RFC 1035 section 4.2.2: the length is 16 bits.
inline constexpr std::size_t kDnsCnameChainMax = 16;
inline constexpr std::chrono::milliseconds kDnsLookWait{
    1000};  ///< A query waits so long for a first endpoint.
inline constexpr std::chrono::milliseconds kDnsForwardTime{
    4500};  ///< Resolvers ask again after 5 s.
inline constexpr std::chrono::seconds kDnsTcpIdle{10};
inline constexpr std::size_t kVirtualAddressesMax = 64 * 1024;  ///< Those kept for 24 h included.

// Discovery.
inline constexpr std::size_t kEndpointsPerBackendMax = 1024;
inline constexpr std::size_t kLooksMax = 64;  ///< Background looks upstream at once.
inline constexpr std::size_t kStateFileBytesMax = 32 * kMiB;

inline constexpr std::size_t kBackgroundBodyBytesMax = 1 * kMiB;  ///< Of one kept for later.

inline constexpr std::size_t kLastGoodBodyBytesMax = 256 * kKiB;  ///< Of one that is kept.

// Shaping.
inline constexpr std::size_t kQueryMatchesMax = 16;  ///< Of a route.
inline constexpr std::size_t kQueryPatternBytesMax = 256;
inline constexpr std::size_t kQueryPatternValueBytesMax = 4 * kKiB;  ///< Longer: matches none.
inline constexpr std::size_t kHeaderEditsMax = 64;                   ///< Of a list of them.
inline constexpr std::size_t kHeaderEditBytesMax = 4 * kKiB;         ///< Of a value.

// Balancing.
inline constexpr std::size_t kRingPointsPerEndpoint = 128;  ///< Of the heaviest: even to a tenth.
inline constexpr std::size_t kRingPointsMax = 32 * 1024;    ///< Half a MiB per worker and backend.
inline constexpr std::size_t kMaglevSmallEndpoints = 128;   ///< Up to so many, 32 KiB do.

// Health checks.
inline constexpr std::size_t kHealthChecksAtOnceMax = 64;  ///< Of one process.

// Pools, retries, configuration.
inline constexpr std::size_t kIdleConnectionsPerEndpointMax = 256;
inline constexpr std::size_t kIdleConnectionsMax = 4096;  ///< Per worker.
inline constexpr std::size_t kDialsAtOnceMax = 128;       ///< To one endpoint, per worker.
inline constexpr std::uint32_t kRetriesMax = 10;
/// A stream that its peer has provably not looked at is asked again so often at once, outside the
/// budget.
inline constexpr unsigned kUnprocessedRetriesMax = 3;
/// RST_STREAMs of a sidecar whose streams carry connections: at once, and in the long run.
inline constexpr std::uint32_t kCarriedResetsBurst = 2000;
inline constexpr std::uint32_t kCarriedResetsPerSecond = 1000;
/// For so long a new HTTP/2 connection's SETTINGS are awaited, rather than dial another.
inline constexpr std::chrono::milliseconds kSettlingMax{200};
inline constexpr std::size_t kConfigBytesMax = 64 * kMiB;
inline constexpr std::size_t kConfigErrorsMax = 100;
inline constexpr std::size_t kAdminConnectionsMax = 64;  ///< Per surface: admin, metrics, health.
inline constexpr std::size_t kAdminHeadBytesMax = 8 * kKiB;
inline constexpr std::chrono::seconds kAdminIdle{75};      ///< Scrapers come back every 15 to 60 s.
inline constexpr std::chrono::seconds kAdminHeadTime{5};   ///< For a request's head to arrive.
inline constexpr std::chrono::seconds kAdminSendTime{10};  ///< For a page to be taken.
inline constexpr std::chrono::seconds kAdminProbeTime{10};      ///< For the app to answer a probe.
inline constexpr std::size_t kAdminAnswerBytesMax = 64 * kMiB;  ///< What the CLI takes.
inline constexpr std::chrono::seconds kAdminClientTime{10};     ///< Each wait of the CLI.
inline constexpr std::size_t kWorkersMax = 64;

}  // namespace epaulet::limits
