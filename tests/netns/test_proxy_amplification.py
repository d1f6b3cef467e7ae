"""What a failing service is asked, one, two and three hops behind the caller, whose apps know nothing of retries."""

from mesh import APP_UID, Member, Mesh

RATE, SECONDS = 120, 3
A_HOP_MAX = 1.2
FLOOR = 3  # retries that a budget allows however few first attempts there were
NAMES = ("edge", "front", "middle", "back")
LENGTHS = {1: "back", 2: "middle", 3: "front"}  # hops: whom the edge asks then

# Asks who is next and gives on what it says; without a next one it is out of order, or with `hangs` never answers.
# On stdout: who asked. `breaks`: of the requests on a connection that it has kept, each so-many-th meets a reset instead, once it has
# asked whom it asks; and then nobody else fails.
APP = """
const http = require('http'), [breaks, hangs, next] = process.argv.slice(1), agent = new http.Agent({ keepAlive: true });
http.createServer((request, response) => {
  console.log(JSON.stringify({ asked: request.url }));
  const socket = request.socket, heard = socket.heard = (socket.heard || 0) + 1;
  const give = (status) => {
    if (breaks > 0 && heard > 1 && heard % breaks === 0) return socket.resetAndDestroy();
    response.statusCode = status;
    response.end();
  };
  if (!next && hangs === 'True') return;
  if (!next) return give(breaks > 0 ? 200 : 503);
  http.get(next + request.url, { agent }, (told) => told.resume().on('end', () => give(told.statusCode)))
    .on('error', () => give(502));
}).listen(8080, '::', () => console.log('listening'));
"""

# The same over HTTP/2, of which only the last one fails; it hangs.
APP_HTTP2 = """
const http2 = require('http2'), [breaks, hangs, next] = process.argv.slice(1);
const session = next && http2.connect(next);
http2.createServer().on('stream', (stream, head) => {
  console.log(JSON.stringify({ asked: head[':path'] }));
  stream.on('error', () => {});
  if (!next) return;
  const give = (status) => {
    if (stream.destroyed || stream.headersSent) return;
    stream.respond({ ':status': status }, { endStream: true });
  };
  session.request({ ':path': head[':path'] }).on('response', (told) => give(told[':status']))
    .on('error', () => give(502)).resume();
}).listen(8080, '::', () => console.log('listening'));
"""

# So many requests a second, whatever becomes of them; the statuses at the end.
CALLER = """
const http = require('http'), [url, rate, seconds] = process.argv.slice(1), total = rate * seconds;
const agent = new http.Agent({ keepAlive: true }), statuses = {}, begin = Date.now();
let sent = 0, left = total;
const end = (status) => {
  statuses[status] = (statuses[status] || 0) + 1;
  if (--left === 0) { console.log(JSON.stringify({ statuses })); process.exit(0); }
};
setInterval(() => {
  for (; sent < total && Date.now() >= begin + sent * 1000 / rate; ++sent) {
    http.get(url, { agent }, (told) => told.resume().on('end', () => end(told.statusCode))).on('error', () => end(0));
  }
}, 2);
"""

CALLER_HTTP2 = """
const http2 = require('http2'), [url, rate, seconds] = process.argv.slice(1), total = rate * seconds;
const { origin, pathname } = new URL(url), session = http2.connect(origin), statuses = {}, begin = Date.now();
let sent = 0, left = total;
const end = (status) => {
  statuses[status] = (statuses[status] || 0) + 1;
  if (--left === 0) { console.log(JSON.stringify({ statuses })); process.exit(0); }
};
setInterval(() => {
  for (; sent < total && Date.now() >= begin + sent * 1000 / rate; ++sent) {
    let status = 0;
    session.request({ ':path': pathname }).on('response', (told) => { status = told[':status']; })
      .on('error', () => {}).on('close', () => end(status)).resume();
  }
}, 2);
"""

CONFIG = """
identity: {{ dir: /var/run/epaulet/identity }}
workload: {{ service: {name}.default, ports: {{ 8080: {{ tls: strict }} }} }}
roles: {{ mesh: [ {{ identity: "spiffe://cluster.local/ns/default/sa/*" }} ] }}
access: [ {{ name: all, allow: [mesh] }} ]
services:
"""
SERVICE = """
  {name}.default:
    ports: {{ 80: http }}
    endpoints: {{ addresses: ["{address}:8080"] }}
    tls: {{ identities: [spiffe://cluster.local/ns/default/sa/{name}] }}
    retries: {{ statuses: [503]{keys} }}
    timeouts: {{ {timeouts} }}
"""


class Chain:
    """`edge` calls any of the three behind it; each of them asks the next, and the last one fails. Or, with `breaks`,
    all of them break connections; with `hangs` the last one never answers, which costs whom it is asked by `timeouts`."""

    def __init__(
        self,
        lab,
        binaries,
        keys: str = "",
        breaks: int = 0,
        hangs: bool = False,
        timeouts: str = "request: 15s",
        http2: bool = False,
    ):
        mesh = Mesh(lab, binaries)
        self.caller = CALLER_HTTP2 if http2 else CALLER
        pods = {name: lab.pod(name) for name in NAMES}
        self.members: dict[str, Member] = {}
        self.apps = {}
        for at, name in enumerate(NAMES):
            services = "".join(
                SERVICE.format(name=other, address=pods[other].ipv4, keys=keys, timeouts=timeouts)
                for other in NAMES[at + 1 :]
            )
            config = CONFIG.format(name=name) + (services or "  {}\n")
            self.members[name] = mesh.member(name, config, pod=pods[name])
        for at, name in enumerate(NAMES[1:], start=1):
            following = [f"http://{NAMES[at + 1]}.default"] if name != NAMES[-1] else []
            argv = ["node", "-e", APP_HTTP2 if http2 else APP, str(breaks), str(hangs), *following]
            app = pods[name].start(argv, uid=APP_UID, name="app")
            self.apps[name] = app
        for app in self.apps.values():
            app.wait_for_line("listening", 20)

    def call(
        self, hops: int, rate: int, seconds: int, statuses: dict[str, int] | None = None, failure: str = "503"
    ) -> dict[str, int]:
        """How often each app was asked, and the edge's own requests. `statuses` is filled; without it all fail."""
        url = f"http://{LENGTHS[hops]}.default/{hops}"
        argv = ["node", "-e", self.caller, url, str(rate), str(seconds)]
        caller = self.members["edge"].pod.start(argv, uid=APP_UID, name=f"caller-{hops}")
        caller.wait_for(lambda: not caller.is_running(), "its end", seconds + 15)
        told = next(one["statuses"] for one in caller.json_lines() if "statuses" in one)
        if statuses is None:  # 502: the app's own word, of a call that was reset when its time was up.
            failed = told.get(failure, 0) + (told.get("502", 0) if failure == "504" else 0)
            assert failed == sum(told.values()) == rate * seconds, told
        else:
            statuses.update(told)
        asked = {"edge": rate * seconds}
        for name in NAMES[NAMES.index(LENGTHS[hops]) :]:
            asked[name] = sum(one.get("asked") == f"/{hops}" for one in self.apps[name].json_lines())
        return asked


def bounded(asked: list[int]) -> None:
    for before, after in zip(asked, asked[1:]):
        assert after <= A_HOP_MAX * before + FLOOR, asked
    hops = len(asked) - 1
    assert asked[-1] <= A_HOP_MAX**hops * asked[0] + FLOOR * hops * A_HOP_MAX**hops, asked


def failing(chain: Chain, failure: str) -> None:
    # Each attempt that hangs costs a connection of HTTP/1.1, and a handshake at each hop: two cores cannot do that in
    # time for three hops, so that some attempts are over before they have reached their app.
    may_come_late = failure == "504"
    for hops in LENGTHS:
        asked = list(chain.call(hops, RATE, SECONDS, failure=failure).values())
        print(f"# {hops} hops, requests at each: {asked}, {asked[-1] / asked[0]:.2f} times", flush=True)
        assert len(asked) == hops + 1
        bounded(asked)
        for before, after in zip(asked, asked[1:]):
            assert after > before or may_come_late, f"nothing was tried again: {asked}"
        assert asked[1] > asked[0], f"nothing was tried again: {asked}"
    for name in NAMES[:-1]:
        assert chain.members[name].counter("epaulet_retries_over_budget_total") > 0, name


def test_a_failing_service_is_asked_at_most_1_2_times_as_often_a_hop(lab, binaries):
    failing(Chain(lab, binaries), "503")


# Each hop gives up an attempt before the next has ended all of its own, and its app goes on asking: nobody tells it.
IMPATIENT = "request: 2s, attempt: 300ms"


def test_a_service_that_hangs_is_asked_at_most_1_2_times_as_often_a_hop(lab, binaries):
    failing(Chain(lab, binaries, hangs=True, timeouts=IMPATIENT), "504")


def test_a_service_that_hangs_is_asked_as_seldom_over_http2(lab, binaries):
    failing(Chain(lab, binaries, hangs=True, timeouts=IMPATIENT, http2=True), "504")


def test_a_first_byte_that_does_not_come_is_waited_for_at_most_1_2_times_as_often_a_hop(lab, binaries):
    failing(Chain(lab, binaries, hangs=True, timeouts="request: 2s, first_byte: 300ms"), "504")


def test_without_a_budget_a_service_that_hangs_would_be_asked_many_times_as_often(lab, binaries):
    chain = Chain(lab, binaries, ", budget: 100%", hangs=True, timeouts=IMPATIENT)
    asked = list(chain.call(3, 40, 2, failure="504").values())
    assert asked[-1] >= 3 * asked[0], asked


def test_without_a_budget_it_would_be_asked_many_times_as_often(lab, binaries):
    # What the test above would see if the budget did nothing.
    asked = list(Chain(lab, binaries, ", budget: 100%").call(3, 40, 2).values())
    assert asked[-1] >= 3 * asked[0], asked


def breaking(lab, binaries, breaks: int) -> None:
    chain = Chain(lab, binaries, breaks=breaks)
    for hops in LENGTHS:
        statuses: dict[str, int] = {}
        asked = list(chain.call(hops, RATE, SECONDS, statuses).values())
        print(f"# {hops} hops, requests at each: {asked}, {asked[-1] / asked[0]:.2f} times, {statuses}", flush=True)
        bounded(asked)
        # A GET is sent again, and soon no connection is kept that could be broken.
        assert statuses["200"] >= 0.95 * RATE * SECONDS, statuses


def test_apps_that_reset_the_second_request_of_a_connection_are_asked_at_most_1_2_times_as_often(lab, binaries):
    breaking(lab, binaries, 2)


def test_apps_that_reset_a_third_of_what_they_are_asked_are_asked_at_most_1_2_times_as_often(lab, binaries):
    breaking(lab, binaries, 3)
