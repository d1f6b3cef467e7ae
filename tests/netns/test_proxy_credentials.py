"""Who is calling: API keys that change while we run, tokens of every algorithm as a library of the
apps signs them, credentials that the caller's sidecar adds, and rules that only tell.
"""

import contextlib
import json
import subprocess
from pathlib import Path

from answering import KeepingApp
from lab import Issuer, Pod, npm, wait_until
from mesh import APP_PORT, CALLER, App, Member, Mesh, Wire, dial, field

APPS = Path(__file__).resolve().parent / "apps"
NODE_CACHE = APPS.parents[2] / "build" / "npm" / "netns-apps"
ALGORITHMS = ("HS256", "HS384", "HS512", "RS256", "PS256", "ES256", "ES384", "ES512", "EdDSA")
TRUST = "spiffe://cluster.local/ns/default/sa/"
OLD, NEW = "epk_old-0123456789abcdefghij", "epk_new-0123456789abcdefghij"


def tokens(*arguments: str):
    modules = npm.install(APPS, NODE_CACHE)
    done = subprocess.run(
        ["node", str(APPS / "tokens.js"), *arguments],
        env={"NODE_PATH": str(modules / "node_modules"), "PATH": "/usr/local/bin:/usr/bin:/bin"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def ask(outside: Pod, member: Member, path: str, *fields: str) -> tuple[int, bytes]:
    """By a stranger in a neighbour pod, in plaintext."""
    with Wire(dial(outside, member.pod.ipv4, APP_PORT)) as wire:
        lines = [f"GET {path} HTTP/1.1", "Host: h", "X-Call: 1", *fields]
        wire.send("\r\n".join(lines) + "\r\n\r\n")
        status, head, _ = wire.response()
    return status, head


KEYED = """
workload: { service: api2.default, ports: { 8080: { tls: permissive } } }
identity: { dir: /var/run/epaulet/identity }
api_keys:
  owner_header: X-Service-Name
  owners:
    user-service: { file: user.keys }
    order-service: { env: ORDER_KEYS }
roles: { known: [ { key: { owner: user-service } }, { key: { owner: order-service } } ] }
access: [ { name: keyed, allow: [known], require: key } ]
"""


def test_api_keys_change_without_a_restart_and_are_shown_nowhere(lab, binaries):
    outside = lab.pod("outside")
    api2 = Mesh(lab, binaries).member("api2", KEYED, start=False)
    api2.sidecar.add_config_file("user.keys", OLD + "\n")
    env_key = "epk_env-0123456789abcdefghij"
    api2.sidecar.start(before=("/usr/bin/env", f"ORDER_KEYS={env_key}"))
    api2.sidecar.wait_ready()
    heads = KeepingApp(api2.pod).heads

    def status(key: str, owner: str = "user-service") -> int:
        return ask(outside, api2, "/", f"X-API-Key: {key}", f"X-Service-Name: {owner}")[0]

    assert (status(OLD), status(NEW), status(env_key, "order-service")) == (200, 401, 200)
    assert status(env_key) == 401 and status(OLD, "order-service") == 401
    assert ask(outside, api2, "/")[0] == 401

    done = subprocess.run(
        [str(binaries.epaulet), "key", "hash"], input=NEW + "\n", capture_output=True, text=True
    )
    hashed = done.stdout.strip()
    assert done.returncode == 0 and hashed.startswith("sha256:") and NEW not in hashed
    api2.replace("config/user.keys", f"# both, until all callers have the new one\n{OLD}\n{hashed}\n")
    wait_until(lambda: status(NEW) == 200, "the new key to be good", 10)
    assert status(OLD) == 200
    api2.replace("config/user.keys", hashed + "\n")
    wait_until(lambda: status(OLD) == 401, "the old key to be refused", 10)
    assert status(NEW) == 200
    # A file that is no keys changes nothing, and is told without a word of what it says.
    api2.replace("config/user.keys", "hunter2\n")
    said = api2.wait_logged(event="config_rejected")
    assert "line 1" in said["errors"] and "hunter2" not in said["errors"], said
    assert status(NEW) == 200
    # To take all keys back takes a comment.
    api2.replace("config/user.keys", "# none\n")
    wait_until(lambda: status(NEW) == 401, "all keys to be refused", 10)

    assert heads and not any(b"epk_" in head for head in heads), "the app sees no key"
    assert all(b"x-epaulet-key-owner: " in head for head in heads)
    shown = json.dumps([api2.sidecar.admin("/config"), api2.sidecar.explain()])
    shown += json.dumps(api2.sidecar.log_records())
    shown += Path(f"/proc/{api2.process.pid}/cmdline").read_text()
    for secret in (OLD, NEW, env_key, "hunter2"):
        assert secret not in shown


def test_a_drawn_key_is_accepted_by_its_hash(lab, binaries):
    outside = lab.pod("outside")
    program = str(binaries.epaulet)
    drawn = subprocess.run([program, "key", "new"], capture_output=True, text=True).stdout
    again = subprocess.run([program, "key", "new"], capture_output=True, text=True).stdout
    assert drawn.startswith("epk_") and drawn != again
    hashed = subprocess.run([program, "key", "hash"], input=drawn, capture_output=True, text=True)
    api2 = Mesh(lab, binaries).member("api2", KEYED, start=False)
    api2.sidecar.add_config_file("user.keys", hashed.stdout)
    api2.sidecar.start(before=("/usr/bin/env", "ORDER_KEYS=# none"))
    api2.sidecar.wait_ready()
    KeepingApp(api2.pod)
    fields = (f"X-API-Key: {drawn.strip()}", "X-Service-Name: user-service")
    assert ask(outside, api2, "/", *fields)[0] == 200
    refused = subprocess.run([program, "key", "hash"], input="short\n", capture_output=True, text=True)
    assert refused.returncode == 1 and "short\n" not in refused.stderr, refused


def test_tokens_of_every_algorithm_that_a_library_signs(lab, binaries):
    outside = lab.pod("outside")
    def claims(alg: str, issuer: str) -> dict:
        return {"iss": f"https://{issuer}.example", "aud": ["api2", "x"], "sub": "s", "service": True}

    good = [{"alg": alg, "claims": claims(alg, alg)} for alg in ALGORITHMS]
    # The right keys, but the next issuer's name: that one has pinned another algorithm.
    turned = zip(ALGORITHMS, ALGORITHMS[1:] + ALGORITHMS[:1], strict=True)
    foreign = [{"alg": alg, "claims": claims(alg, other)} for alg, other in turned]
    no_service = {**claims("ES256", "ES256"), "service": False}
    made = tokens("sign", json.dumps([*good, *foreign, {"alg": "ES256", "claims": no_service}]))
    issuers = []
    for alg in ALGORITHMS:
        where = f"secret_file: {alg}.secret" if alg in made["secrets"] else f"file: {alg}.json"
        issuers.append(
            f"  {alg}: {{ issuer: 'https://{alg}.example', audiences: [api2], algorithms: [{alg}],"
            f" keys: {{ {where} }}, require: [ {{ claim: service, value: true }} ] }}"
        )
    config = (
        "workload: { service: api2.default, ports: { 8080: { tls: permissive } } }\n"
        "identity: { dir: /var/run/epaulet/identity }\nissuers:\n"
        + "\n".join(issuers)
        + "\naccess: [ { name: all, allow: [authenticated], require: token } ]\ninvalid_token: 403\n"
    )
    api2 = Mesh(lab, binaries).member("api2", config, start=False)
    for alg, secret in made["secrets"].items():
        api2.sidecar.add_config_file(f"{alg}.secret", secret)
    for alg, keys in made["keys"].items():
        api2.sidecar.add_config_file(f"{alg}.json", json.dumps(keys))
    api2.start()
    KeepingApp(api2.pod)

    def status(token: str) -> int:
        return ask(outside, api2, "/", f"Authorization: Bearer {token}")[0]

    count = len(ALGORITHMS)
    assert [status(token) for token in made["tokens"][:count]] == [200] * count
    assert [status(token) for token in made["tokens"][count:]] == [403] * (count + 1)
    assert ask(outside, api2, "/")[0] == 401
    wait_until(
        lambda: [r for r in api2.logged(outcome="token_invalid") if "claim_missing" in r["summary"]],
        "the log to say that a claim is missing",
        5,
    )


def test_credentials_are_added_for_an_app_that_has_none(lab, binaries):
    mesh = Mesh(lab, binaries)
    caller = CALLER.replace(
        "  six.default:",
        f"""    credentials:
      token:
        {{ key_file: signing.pem, key_id: k1, issuer: "https://api.example", subject: api,
          audiences: [api2], permissions: ["read:orders"] }}
      key: {{ file: own.key, owner_header: X-Service-Name, owner: api }}
  plain.default:
    ports: {{ 80: http }}
    endpoints: {{ addresses: ["10.88.0.12:8080"] }}
    tls: {{ identities: [{TRUST}api2] }}
  six.default:""",
    )
    callee = f"""
workload: {{ service: api2.default, ports: {{ 8080: {{ tls: permissive }} }} }}
identity: {{ dir: /var/run/epaulet/identity }}
issuers:
  api: {{ issuer: "https://api.example", audiences: [api2], algorithms: [ES256],
         keys: {{ file: api.json }}, require: [ {{ claim: service, value: true }} ] }}
api_keys: {{ owner_header: X-Service-Name, forward: true, owners: {{ api: {{ file: api.keys }} }} }}
access:
  - {{ name: orders, paths: [/orders], allow: [authenticated], permissions: ["read:orders"] }}
  - {{ name: keyed, paths: [/keyed], allow: [authenticated], require: key }}
  - {{ name: rest, allow: [anyone] }}
"""
    directory = lab.directory
    pem, public = directory / "signing.pem", directory / "public.pem"
    curve = ("-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256")
    subprocess.run(["openssl", "genpkey", *curve, "-out", pem], check=True, capture_output=True)
    subprocess.run(
        ["openssl", "pkey", "-in", pem, "-pubout", "-out", public], check=True, capture_output=True
    )
    jwk = subprocess.run(
        ["node", "-e", "console.log(JSON.stringify({keys:[{...require('crypto').createPublicKey("
         "require('fs').readFileSync(process.argv[1])).export({format:'jwk'}),kid:'k1'}]}))", public],
        check=True, capture_output=True, text=True,
    ).stdout
    api = mesh.member("api", caller, start=False)
    api2 = mesh.member("api2", callee, start=False)
    api.sidecar.add_config_file("signing.pem", pem.read_text())
    api.sidecar.add_config_file("own.key", NEW + "\n")
    api2.sidecar.add_config_file("api.json", jwk)
    api2.sidecar.add_config_file("api.keys", NEW + "\n")
    for one in (api, api2):
        one.sidecar.start()
    for one in (api, api2):
        one.sidecar.wait_ready()
    heads = KeepingApp(api2.pod).heads

    def call(path: str, *fields: str, name: str = "api2.default") -> int:
        with api.call(name) as client:
            client.send("\r\n".join([f"GET {path} HTTP/1.1", "Host: h", *fields]) + "\r\n\r\n")
            return client.response()[0]

    assert call("/orders") == 200 and call("/keyed") == 200
    first, second = (field(head, "authorization") for head in heads)
    assert first == second and first.startswith("Bearer "), "one token for both"
    assert api.counter("epaulet_tokens_minted_total") == 1
    verified = tokens(
        "verify",
        first.removeprefix("Bearer "),
        json.dumps({"alg": "ES256", "pem": public.read_text(),
                    "issuer": "https://api.example", "audience": "api2"}),
    )
    payload = verified["payload"]
    assert verified["header"] == {"alg": "ES256", "typ": "JWT", "kid": "k1"}
    assert payload["exp"] - payload["iat"] == 300
    assert (payload["sub"], payload["service"]) == ("api", True)
    assert payload["permissions"] == ["read:orders"]
    assert field(heads[0], "x-api-key") == NEW and field(heads[0], "x-service-name") == "api"
    # What the app says itself stays as it is.
    assert call("/", "Authorization: Basic YTpi", f"X-Api-Key: {NEW}", "X-Service-Name: api") == 200
    assert field(heads[-1], "authorization") == "Basic YTpi"
    assert heads[-1].lower().count(b"x-api-key") == 1
    # Another service, and what is no service, get nothing.
    assert call("/", name="plain.default") == 200
    assert b"uthorization" not in heads[-1] and b"api-key" not in heads[-1].lower()
    stranger = lab.pod("elsewhere")
    app = App(stranger)
    with api.dial(stranger.ipv4, APP_PORT) as wire:
        wire.send("GET / HTTP/1.1\r\nHost: api2.default\r\n\r\n")
        assert app.take_head()[1] == b"GET / HTTP/1.1\r\nHost: api2.default\r\n\r\n"
    shown = json.dumps([api.sidecar.admin("/config"), api.sidecar.log_records()])
    assert NEW not in shown and first not in shown and "PRIVATE" not in shown
    # A key that is replaced is taken without a restart.
    api.replace("config/own.key", OLD + "\n")
    api2.replace("config/api.keys", OLD + "\n")
    wait_until(lambda: call("/keyed") == 200 and field(heads[-1], "x-api-key") == OLD, "it", 10)


AUDITED = """
workload: { service: api2.default, ports: { 8080: { tls: permissive } } }
identity: { dir: /var/run/epaulet/identity }
roles: { admin: [ { identity: "spiffe://cluster.local/ns/default/sa/admin" } ] }
access:
  - { name: new, paths: [/admin], allow: [admin], mode: audit }
  - { name: rest, paths: [/open], allow: [anyone] }
log: { access: { sample: 0% } }
"""


def test_audit_lets_through_and_tells(lab, binaries):
    outside = lab.pod("outside")
    api2 = Mesh(lab, binaries).member("api2", AUDITED)
    heads = KeepingApp(api2.pod).heads
    assert ask(outside, api2, "/admin")[0] == 200
    said = api2.wait_logged(kind="exchange")
    assert said["level"] == "info" and said["outcome"] == "ok", said
    assert said["audit"]["would_be"] == "unauthenticated"
    assert said["audit"]["rule"] == "new" and "api2.yaml:6:" in said["audit"]["source"], said
    (explained,) = api2.sidecar.explain(said["id"])
    assert "audit mode" in explained["summary"], explained
    assert api2.counter("epaulet_access_audit_total") == 1
    assert ask(outside, api2, "/open")[0] == 200
    assert ask(outside, api2, "/other")[0] == 401
    assert api2.counter("epaulet_access_audit_total") == 1
    api2.replace("config/api2.yaml", AUDITED + "access_mode: audit\n")
    wait_until(lambda: ask(outside, api2, "/other")[0] == 200, "audit of everything", 10)
    wait_until(lambda: api2.counter("epaulet_access_audit_total") >= 2, "it to be counted", 5)
    assert len(heads) == 3


BY_QUERY = """
workload: { service: api2.default, ports: { 8080: { tls: permissive } } }
identity: { dir: /var/run/epaulet/identity }
issuers:
  portal:
    { issuer: "https://portal.example", audiences: [api2], keys: { file: portal.json },
      token: { query: access_token } }
access: [ { name: tokens, allow: [anyone], require: token } ]
"""


def test_a_token_in_the_query_is_taken_and_does_not_reach_the_app(lab, binaries):
    outside, issuer = lab.pod("outside"), Issuer(lab.directory, "https://portal.example")
    api2 = Mesh(lab, binaries).member("api2", BY_QUERY, start=False)
    api2.sidecar.add_config_file("portal.json", issuer.jwks())
    api2.start()
    heads = KeepingApp(api2.pod).heads
    token = issuer.token("api2", "s")

    def status(query: str, *fields: str) -> int:
        return ask(outside, api2, "/a" + query, *fields)[0]

    assert status(f"?access_token={token}") == 200
    assert status(f"?x=1&access_token={token}&y=%20") == 200
    targets = [head.split()[1] for head in heads]
    assert targets == [b"/a", b"/a?x=1&y=%20"], targets
    assert not any(token.encode() in head for head in heads)
    # Where its issuer does not look, under another name, twice, or not good: nobody's.
    assert status("", f"Authorization: Bearer {token}") == 401
    assert status(f"?Access_Token={token}") == 401
    refused = [status(f"?access_token={token}&access_token={token}"), status(f"?access_token={token}x")]
    assert refused == [401, 401], refused
    assert len(heads) == 2
    api2.process.wait_for(lambda: api2.logged(outcome="token_invalid"), "the log to tell of it")
    shown = json.dumps([api2.sidecar.log_records(), api2.sidecar.explain()])
    assert token not in shown and token.rpartition(".")[2] not in shown


BY_FILE = BY_QUERY.replace(",\n      token: { query: access_token } }", " }")


def test_a_key_set_in_a_file_is_replaced_while_we_run(lab, binaries):
    outside = lab.pod("outside")
    old, new = (Issuer(lab.directory, "https://portal.example", key_id) for key_id in ("old", "new"))
    api2 = Mesh(lab, binaries).member("api2", BY_FILE, start=False)
    api2.sidecar.add_config_file("portal.json", old.jwks())
    api2.start()
    KeepingApp(api2.pod)
    pid = api2.process.pid

    def status(issuer: Issuer) -> int:
        bearer = f"Authorization: Bearer {issuer.token('api2', 's')}"
        return ask(outside, api2, "/", bearer)[0]

    def statuses() -> tuple[int, int]:
        return status(old), status(new)

    kept = old.token("api2", "s")  # is remembered as verified from now on
    assert ask(outside, api2, "/", f"Authorization: Bearer {kept}")[0] == 200
    assert statuses() == (200, 401)
    both = {"keys": [json.loads(one.jwks())["keys"][0] for one in (old, new)]}
    api2.replace("config/portal.json", json.dumps(both))
    wait_until(lambda: status(new) == 200, "the new key to be good", 10)
    assert statuses() == (200, 200), "while both are in the file"
    api2.replace("config/portal.json", new.jwks())
    wait_until(lambda: status(old) == 401, "the old key to be refused", 10)
    assert statuses() == (401, 200)
    assert ask(outside, api2, "/", f"Authorization: Bearer {kept}")[0] == 401, "verified before, too"
    # What is no key set leaves those in force, and is told.
    api2.replace("config/portal.json", '{"keys": [')
    said = api2.wait_logged(event="config_rejected")
    assert "portal.json" in said["errors"], said
    assert statuses() == (401, 200) and api2.process.pid == pid and api2.process.is_running()


AUDITED_TCP = """
workload: { service: api2.default, ports: { 8080: { tls: strict, protocol: tcp } } }
identity: { dir: /var/run/epaulet/identity }
roles: { other: [ { identity: "spiffe://cluster.local/ns/default/sa/other" } ] }
access: [ { name: databases, allow: [other], mode: audit } ]
log: { access: { sample: 0% } }
"""


def test_audit_lets_a_connection_through_and_tells(lab, binaries):
    api, api2 = Mesh(lab, binaries).pair(CALLER, AUDITED_TCP)
    app = api2.app()
    with api.call("api2.default", 82) as client:
        client.send(b"\0\1hello")
        with app.take() as wire:
            assert wire.send(b"\2\3").take(7) == b"\0\1hello" and client.take(2) == b"\2\3"
    said = api2.wait_logged(kind="connection")
    assert said["level"] == "info" and said["outcome"] == "ok", said
    assert said["peer"] == TRUST + "api" and said["audit"]["would_be"] == "forbidden", said
    assert said["audit"]["rule"] == "databases" and "api2.yaml:5:" in said["audit"]["source"], said
    (explained,) = api2.sidecar.explain(said["id"])
    assert "audit mode" in explained["summary"] and explained["remedy"], explained
    assert api2.counter("epaulet_access_audit_total") == 1
    # Enforced, it is what was said: refused, and no audit.
    api2.replace("config/api2.yaml", AUDITED_TCP.replace(", mode: audit", ""))
    api2.process.wait_for(lambda: api2.counter("epaulet_config_version") == 2, "the configuration")
    with api.call("api2.default", 82) as client:
        with contextlib.suppress(ConnectionError):  # it may be refused as early as that
            client.send(b"\0\1hello")
        assert client.ends() in ("fin", "reset")
    refused = api2.wait_logged(kind="connection", outcome="forbidden")
    assert "audit" not in refused and refused["rule"]["name"] == "databases", refused
    assert api2.counter("epaulet_access_audit_total") == 1
    app.nobody()


def test_policies_are_asked_without_a_sidecar(lab, binaries):
    examples = Path(__file__).resolve().parents[2] / "config" / "examples"
    directory = lab.directory

    def policy(*arguments: str) -> subprocess.CompletedProcess:
        return subprocess.run(
            [str(binaries.epaulet), "policy", *arguments], capture_output=True, text=True
        )

    full = str(examples / "full.yaml")
    cases = examples / "policy_cases.yaml"
    done = policy("test", str(cases), "--config", full)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 not as expected" in done.stdout and "full.yaml:" in done.stdout, done.stdout
    wrong = directory / "wrong.yaml"
    wrong.write_text(cases.read_text().replace("verdict: allow, rule: calls-by-key", "verdict: deny"))
    done = policy("test", str(wrong), "--config", full)
    assert done.returncode == 1 and "expected deny (" in done.stdout, done.stdout
    wrong.write_text("cases: [ { name: a, who: { identty: x }, expect: { verdict: deny } } ]\n")
    done = policy("test", str(wrong), "--config", full)
    assert done.returncode == 2 and 'did you mean "identity"' in done.stderr, done.stderr
    asked = ("--config", full, "--port", "8080", "--path", "/orders.Orders/Get")
    peer = ("--identity", "spiffe://cluster.local/ns/shop/sa/web")
    done = policy("explain", *asked, *peer)
    assert done.returncode == 1 and '"calls-by-key"' in done.stdout, done.stdout
    done = policy("explain", *asked, *peer, "--key-owner", "user-service")
    assert done.returncode == 0 and done.stdout.startswith("allow"), done.stdout
    assert policy("explain", *asked, "--key-owner", "nobody").returncode == 2
