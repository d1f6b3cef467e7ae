"""testssl.sh at the identity service: what somebody who knows all weaknesses finds."""

import json

from identity import NUMBER, IdentityService
from world import World

RUN_SECONDS = 600.0
HARMLESS = {"OK", "INFO"}
# What it says of every private server without names: nobody on the Internet is to trust this one.
EXPECTED = {
    "cert_chain_of_trust": "the authority is the mesh's own",
    "cert_trust": "the name in the certificate is a SPIFFE ID, not a host's",
    "cert_subjectAltName": "the name in the certificate is a SPIFFE ID, not a host's",
    "cert_crlDistributionPoints": "leaves live for a day, there is no revocation",
    "cert_ocspURL": "leaves live for a day, there is no revocation",
    "cert_revocation": "leaves live for a day, there is no revocation",
    "OCSP_stapling": "leaves live for a day, there is no revocation",
    "DNS_CAArecord": "there is no DNS where this runs",
    "cert_expirationStatus": "leaves live for a day",
    "cert_validityPeriod": "leaves live for a day",
    "cert_notAfter": "leaves live for a day",
    "engine_problem": "about the openssl that testssl.sh calls, which has no GOST",
    "HSTS": "no browser comes here",
    "HTTP_status_code": "there is no page at /",
}
ROWS = []


def row(claim):
    ROWS.append(claim)
    return claim


@row
def tls_testssl_finds_nothing_to_complain_about(world: World) -> str:
    """testssl.sh finds no weakness in our TLS, and TLS 1.3 alone"""
    # It dials hundreds of times from one address.
    IdentityService(world.mesh, rate=10_000)
    argv = ["testssl", "--warnings", "off", "--nodns", "none", "--color", "0"]
    argv += ["--ip", f"10.88.0.{NUMBER}", "--jsonfile", "/run/testssl.json", "https://identity:15014"]
    done = world.out.run(argv, timeout=RUN_SECONDS, check=False)
    report = world.out.run_dir / "testssl.json"
    assert report.exists(), done.stdout[-3000:] + done.stderr[-1000:]
    findings = json.loads(report.read_text())
    by_id = {one["id"]: one["finding"] for one in findings}
    assert "offered with final" in by_id["TLS1_3"], by_id["TLS1_3"]
    for old in ("SSLv2", "SSLv3", "TLS1", "TLS1_1", "TLS1_2"):
        assert by_id[old].startswith("not offered"), (old, by_id[old])
    bad = [
        one
        for one in findings
        if one["severity"] not in HARMLESS and one["id"].split(" ")[0] not in EXPECTED
    ]
    assert len(findings) > 50 and not bad, "\n".join(map(str, bad))
    return f"{len(findings)} findings"
