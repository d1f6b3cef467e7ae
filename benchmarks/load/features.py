"""What each feature is measured with: a base with as little as may be, and one change of it each.

Inbound features stand on the plain hop, outbound ones in the client's sidecar of the mTLS pair, where
both sidecars are summed. Configurations are dictionaries; their JSON is YAML.
"""

import copy
import dataclasses

from proxies import PAIR, PLAIN

SERVICE = "server.default"
OFF = "nothing"  # the base of its mode
AGAIN = "nothing, again"  # the same, to show what noise is
COLLECTOR_PORT = 4318
IDENTITY = "spiffe://cluster.local/ns/default/sa/{}"
# What no sidecar here does unless it is the feature.
QUIET = {"log": {"access": {"enabled": False}}, "tracing": {"begin": False}, "workers": 1}

PLAIN_BASE = {
    "workload": {"service": SERVICE, "ports": {"8080": {"tls": "permissive"}}},
    "access": [{"name": "open", "allow": ["anyone"]}],
    **QUIET,
}
SERVER_BASE = {
    "workload": {"service": SERVICE, "ports": {"8080": {"tls": "strict"}}},
    "roles": {"caller": [{"identity": IDENTITY.format("client")}]},
    "access": [{"name": "calls", "allow": ["caller"]}],
    **QUIET,
}
CLIENT_BASE = {
    "workload": {"service": "client.default"},
    "services": {
        SERVICE: {
            "ports": {"80": "http"},
            "tls": {"identities": [IDENTITY.format("server")]},
            "retries": {"max": 0},
            "outliers": {"enabled": False},
            "balance": {"policy": "round_robin"},
        }
    },
    **QUIET,
}


@dataclasses.dataclass(frozen=True)
class Feature:
    name: str
    mode: str
    top: dict = dataclasses.field(default_factory=dict)  # merged into the sidecar's configuration
    service: dict = dataclasses.field(default_factory=dict)  # ... into that of its service (PAIR)
    headers: tuple[str, ...] = ()  # that the load sends; {token} and {key} are filled in


def _route(**keys) -> dict:
    return {"routes": [{"name": "measured", "paths": ["/**"], **keys}]}


MANY = 50  # rules or routes that are looked at and do not match
OTHER_RULES = [
    {"name": f"r{number}", "paths": [f"/area-{number}/**"], "allow": ["authenticated"]}
    for number in range(MANY)
]
OTHER_ROUTES = [
    {"name": f"r{number}", "paths": [f"/area-{number}/**"]} for number in range(MANY)
]
ISSUER = {
    "issuers": {
        "bench": {
            "issuer": "https://bench.example",
            "audiences": ["server"],
            "algorithms": ["RS256"],
            "keys": {"file": "bench.jwks.json"},
        }
    },
    "roles": {"user": [{"token": {"issuer": "bench", "claim": "role", "value": "user"}}]},
    "access": [{"name": "tokens", "require": "token", "allow": ["user"]}],
}
API_KEY = {
    "api_keys": {"header": "X-API-Key", "owners": {"bench": {"file": "bench.keys"}}},
    "roles": {"keyed": [{"key": {"owner": "bench"}}]},
    "access": [{"name": "keys", "require": "key", "allow": ["keyed"]}],
}
LIMIT = {"requests": 1_000_000, "burst": 1_000_000}


def _spans(share: str) -> dict:
    otlp = {"url": f"http://127.0.0.1:{COLLECTOR_PORT}", "interval": "1s"}
    return {"tracing": {"begin": True, "sample": share, "otlp": otlp}}


FEATURES = (
    Feature(OFF, PLAIN),
    Feature(AGAIN, PLAIN),
    Feature("access log, 1 %", PLAIN, {"log": {"access": {"enabled": True, "sample": "1%"}}}),
    Feature("access log, all", PLAIN, {"log": {"access": {"enabled": True}}}),
    Feature("traces begun, no spans", PLAIN, {"tracing": {"begin": True}}),
    Feature("spans of 1 %, to a collector", PLAIN, _spans("1%")),
    Feature("spans of all, to a collector", PLAIN, _spans("100%")),
    Feature(f"{MANY} access rules before", PLAIN, {"access": [*OTHER_RULES, *PLAIN_BASE["access"]]}),
    Feature("token (RS256), seen before", PLAIN, ISSUER, headers=("Authorization: Bearer {token}",)),
    Feature("API key", PLAIN, API_KEY, headers=("X-API-Key: {key}",)),
    Feature("rate limit, of all", PLAIN, {"rate_limits": [{"name": "l", **LIMIT}]}),
    Feature(
        "rate limit, by header",
        PLAIN,
        {"rate_limits": [{"name": "l", **LIMIT, "by": {"header": "x-tenant"}}]},
        headers=("X-Tenant: blue",),
    ),
    # Its lowest limit is above what the load has open: nothing is ever refused.
    Feature("adaptive concurrency", PLAIN, {"concurrency": {"min": 500}}),
    Feature(OFF, PAIR),
    Feature(AGAIN, PAIR),
    Feature("retries armed, their budget", PAIR, service={"retries": {"max": 2, "statuses": [503]}}),
    Feature("attempt and request deadlines", PAIR, service={"timeouts": {"request": "9s", "attempt": "3s"}}),
    Feature("outliers", PAIR, service={"outliers": {"enabled": True, "error_ratio": "50%"}}),
    Feature("breaker", PAIR, service={"breaker": {"error_ratio": "50%"}}),
    Feature("breaker, slow calls too", PAIR, service={"breaker": {"slow": {"over": "2s"}}}),
    Feature("hedging armed", PAIR, service={"retries": {"max": 1, "hedge": {"min": "500ms"}}}),
    Feature("health check, each second", PAIR, service={"health_check": {"tcp": {}, "interval": "1s"}}),
    *[
        Feature(name, PAIR, service={"balance": {"policy": policy, **more}})
        for name, policy, more in (
            ("P2C by latency", "p2c_ewma", {}),
            ("P2C, slow start", "p2c_ewma", {"slow_start": "30s"}),
            ("least request", "least_request", {}),
            ("random", "random", {}),
            ("ring hash, by header", "ring_hash", {"by": {"header": "x-tenant"}}),
            ("Maglev, by header", "maglev", {"by": {"header": "x-tenant"}}),
        )
    ],
    Feature(
        "sticky by cookie",
        PAIR,
        service={"balance": {"policy": "sticky", "by": {"cookie": "at"}}},
        headers=("Cookie: at=0123456789abcdef",),
    ),
    Feature("rate limit, of all", PAIR, service={"rate_limit": LIMIT}),
    Feature(f"{MANY} routes before", PAIR, service={"routes": OTHER_ROUTES}),
    Feature("query match, that fails", PAIR, service=_route(query=[{"name": "v", "exact": "2"}])),
    Feature("header match", PAIR, service=_route(headers=[{"name": "host"}])),
    Feature("path match, by expression", PAIR, service=_route(regex={"path": "/.*"})),
    Feature("CORS, of a page elsewhere", PAIR, service=_route(cors={"allow_origins": ["https://shop.example"]}), headers=("Origin: https://shop.example",)),
    Feature(
        "header edits, both ways",
        PAIR,
        service=_route(
            request_header_modifier={"set": {"x-tenant": "blue"}, "remove": ["x-debug"]},
            response_header_modifier={"set": {"cache-control": "no-store"}, "remove": ["server"]},
        ),
    ),
    Feature("rewrite of the host", PAIR, service=_route(url_rewrite={"hostname": "other.default"})),
    Feature("weights, two backends", PAIR, service=_route(to=[{"backend": SERVICE, "weight": 90}, {"backend": "twin", "weight": 10}])),
    Feature("fault at 0 %", PAIR, service=_route(fault={"abort": {"status": 503, "share": "0%"}})),
    Feature("mirror at 0 %", PAIR, service=_route(request_mirror={"backend": "twin", "share": "0%"})),
    Feature("fallback: a fixed answer", PAIR, service=_route(fallback={"answer": {"body": "none"}})),
    Feature("fallback: the last good one", PAIR, service=_route(fallback={"last_good": {"keep": "10m"}})),
    Feature(
        "credentials: a token of ours",
        PAIR,
        service={
            "credentials": {
                "token": {"key_file": "bench.pem", "issuer": "bench", "subject": "client", "audiences": ["server"]}
            }
        },
    ),
    Feature("connections shared (multiplex)", PAIR, service={"tls": {"multiplex": True}}),
)


def merged(base: dict, change: dict) -> dict:
    """Dictionaries key by key; everything else is replaced."""
    found = copy.deepcopy(base)
    for key, value in change.items():
        both = isinstance(value, dict) and isinstance(found.get(key), dict)
        found[key] = merged(found[key], value) if both else copy.deepcopy(value)
    return found


def configuration(feature: Feature, side: str, app: str) -> dict:
    """Of one sidecar: `side` as proxies.Side calls it, `app` is the address that is called."""
    if side == "plain":
        return merged(PLAIN_BASE, feature.top)
    if side == "pair-server":
        return copy.deepcopy(SERVER_BASE)
    made = merged(CLIENT_BASE, feature.top)
    service = merged(made["services"][SERVICE], feature.service)
    service["endpoints"] = {"addresses": [app]}
    made["services"][SERVICE] = service
    if '"twin"' in str(service).replace("'", '"'):
        made["backends"] = {"twin": {key: service[key] for key in ("endpoints", "tls")}}
    return made
