"""Rows 1, 2 and 6: from `api` to `api2` by name, through both sidecars."""

import ipaddress
import time

from evidence import Row, Watch, ask, find_record, is_encrypted, note_dns, outcome_of
from lab import Answer
from world import API2_NAME, APP_PORT, World

HELLO = "Hello World!"
NOT_DEPLOYED = "Internal error contacting api2"
NEGATIVE_TTL_MAX_SECONDS = 5
APPEARS_WITHIN_SECONDS = 6.0
POLL_SECONDS = 0.1
VIRTUAL_IPV4 = ipaddress.ip_network("240.0.0.0/4")
UNKNOWN_NAMES = ("nosuch.default", "nosuch.default.svc.cluster.local")


def before_api2_exists(row: Row, world: World) -> None:
    watch = Watch(world, world.capture_api, (world.api, world.api2))
    response = world.get_hello()
    row.tries.append(
        (f"outside$ curl http://{world.api.ipv4}:{APP_PORT}/hello", outcome_of(response))
    )
    row.evidence["http_status"], row.evidence["body"] = response.status, response.body
    row.check("500", response.status == 500)
    row.check(f"body {NOT_DEPLOYED!r}", response.body == NOT_DEPLOYED)

    answer = ask(world.api, API2_NAME)
    note_dns(row, answer)
    row.check("DNS says NXDOMAIN", answer.rcode == "NXDOMAIN")
    is_brief = answer.ttl is not None and answer.ttl <= NEGATIVE_TTL_MAX_SECONDS
    row.check(f"NXDOMAIN may be kept for at most {NEGATIVE_TTL_MAX_SECONDS} s", is_brief)

    def is_about_api2(record: dict) -> bool:
        return (record["kind"], record.get("service")) == ("dns", "api2.default")

    record = row.evidence["explain"] = find_record(world.api_sidecar, is_about_api2)
    row.give_reason(record)
    row.check("epaulet explain has the DNS refusal", record is not None)
    reason = record and record["outcome"]
    row.check("its reason is that the name never had an endpoint", reason == "never_had_endpoint")
    said = [
        line
        for line in world.api_sidecar.process.lines()
        if "api2.default" in line and "never_had_endpoint" in line
    ]
    row.evidence["log"] = said[-1] if said else None
    row.check("epaulet's log says so too", bool(said))
    watch.finish(row)


def with_api2_up(row: Row, world: World) -> None:
    world.deploy_api2()
    watch = Watch(world, world.capture_api, (world.api, world.api2))
    appeared = time.monotonic()
    world.publish_api2()
    while True:
        response = world.get_hello()
        elapsed = time.monotonic() - appeared
        if response.status == 200 or elapsed > APPEARS_WITHIN_SECONDS:
            break
        time.sleep(POLL_SECONDS)

    outcome = f"{outcome_of(response)} ({elapsed:.1f} s after its DNS record)"
    row.tries.append((f"outside$ curl http://{world.api.ipv4}:{APP_PORT}/hello", outcome))
    row.evidence["http_status"], row.evidence["body"] = response.status, response.body
    row.evidence["seconds_after_record"] = round(elapsed, 2)
    in_time = elapsed <= APPEARS_WITHIN_SECONDS
    row.check(f"200 within {APPEARS_WITHIN_SECONDS:g} s", response.status == 200 and in_time)
    row.check(f"body {HELLO!r}", response.body == HELLO)
    _finish(row, world, watch, expected_requests=1)


def names(row: Row, world: World) -> None:
    watch = Watch(world, world.capture_api, (world.api, world.api2))
    results = []
    for host in ("api2.default", API2_NAME):
        url = f"http://{host}/respond"
        result = world.api.fetch(url)
        results.append(result)
        outcome = f"{result.get('status', '')} {result.get('body') or result.get('error', '')}"
        row.tries.append((f"api$ curl {url}", outcome.strip()))
        row.check(f"{url}: {HELLO!r}", (result.get("status"), result.get("body")) == (200, HELLO))
    row.evidence["http_status"] = [result.get("status") for result in results]
    row.evidence["body"] = [result.get("body") for result in results]

    answers = [
        ask(world.api, name, kind, tcp)
        for name in UNKNOWN_NAMES
        for kind in ("A", "AAAA")
        for tcp in (False, True)
    ]
    rcodes = sorted({answer.rcode for answer in answers})
    row.evidence["dns_answers_unknown_name"] = rcodes
    row.check("unknown name: NXDOMAIN for A and AAAA, UDP and TCP", rcodes == ["NXDOMAIN"])
    resolver = world.api.run(["getent", "ahosts", UNKNOWN_NAMES[0]], check=False)
    row.tries.append((f"api$ getent ahosts {UNKNOWN_NAMES[0]}", ", ".join(rcodes)))
    row.check("unknown name: the resolver finds nothing", resolver.returncode == 2)
    _finish(row, world, watch, expected_requests=len(results))


def _finish(row: Row, world: World, watch: Watch, expected_requests: int) -> None:
    """What every exchange between the two must show, whatever it was."""
    answer = ask(world.api, API2_NAME)
    note_dns(row, answer)
    row.check("DNS gives a virtual address", _is_virtual(answer))
    row.check("only TLS between api and api2", is_encrypted(watch.finish(row)))
    row.check(f"api2's app saw {expected_requests}", len(watch.new_requests()) == expected_requests)
    row.evidence["rule"] = watch.admitted_by()
    if not row.ok:
        row.evidence["explain"] = watch.newest_failure()
        row.give_reason(row.evidence["explain"])


def _is_virtual(answer: Answer) -> bool:
    found = [ipaddress.ip_address(address) for address in answer.addresses]
    return bool(found) and all(address in VIRTUAL_IPV4 for address in found)
