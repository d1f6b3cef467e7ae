"""One set of certificates for every peer: a P-256 root and one leaf for each side of the pair.

Each side's directory holds what epaulet reads (cert.pem, key.pem, ca.pem) and combined.pem, the
form that HAProxy reads. The identity is a SPIFFE URI; the common name is there for the peers that
verify names only.
"""

import pathlib

from topology import run

_TRUST_DOMAIN = "cluster.local"


def make(directory: pathlib.Path) -> None:
    authority = directory / "authority"
    authority.mkdir(parents=True)
    root_key, root = authority / "ca.key", authority / "ca.pem"
    run(
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
        "-sha256",
        "-days",
        "2",
        "-subj",
        "/CN=epaulet benchmark root",
        "-keyout",
        str(root_key),
        "-out",
        str(root),
        "-addext",
        "basicConstraints=critical,CA:TRUE,pathlen:0",
        "-addext",
        "keyUsage=critical,keyCertSign,cRLSign",
        "-addext",
        f"subjectAltName=URI:spiffe://{_TRUST_DOMAIN}",
    )
    for side in ("client", "server"):
        _issue(directory / side, side, root, root_key)


def _issue(directory: pathlib.Path, side: str, root: pathlib.Path, root_key: pathlib.Path) -> None:
    directory.mkdir()
    key, request, extensions = (
        directory / "key.pem",
        directory / "request.pem",
        directory / "extensions",
    )
    extensions.write_text(
        "basicConstraints=critical,CA:FALSE\n"
        "keyUsage=critical,digitalSignature\n"
        "extendedKeyUsage=serverAuth,clientAuth\n"
        "subjectKeyIdentifier=hash\n"
        "authorityKeyIdentifier=keyid\n"
        f"subjectAltName=URI:spiffe://{_TRUST_DOMAIN}/ns/default/sa/{side}\n"
    )
    run(
        "openssl",
        "req",
        "-new",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
        "-sha256",
        "-subj",
        f"/CN={side}.default",
        "-keyout",
        str(key),
        "-out",
        str(request),
    )
    run(
        "openssl",
        "x509",
        "-req",
        "-in",
        str(request),
        "-CA",
        str(root),
        "-CAkey",
        str(root_key),
        "-CAcreateserial",
        "-days",
        "1",
        "-sha256",
        "-extfile",
        str(extensions),
        "-out",
        str(directory / "cert.pem"),
    )
    (directory / "ca.pem").write_text(root.read_text())
    (directory / "combined.pem").write_text((directory / "cert.pem").read_text() + key.read_text())
    for leftover in (request, extensions):
        leftover.unlink()
    for secret in ("key.pem", "combined.pem"):
        (directory / secret).chmod(0o600)
