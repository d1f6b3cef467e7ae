"""An issuer's key set behind HTTPS, in a pod: it says what a test wants, as slowly as it wants."""

import ssl
import subprocess
import threading
import time
from pathlib import Path

from lab import Pod
from mesh import App, Wire

HOUR = 3600


def openssl(*arguments: str) -> None:
    done = subprocess.run(["openssl", *arguments], capture_output=True, text=True)
    assert done.returncode == 0, (arguments, done.stderr)


class Authority:
    """A public authority, as far as the tests' machines know one."""

    def __init__(self, directory: Path, name: str = "web-ca"):
        self.directory = directory / name
        self.directory.mkdir()
        self.roots = self.directory / "ca.pem"
        openssl(
            *("req", "-x509", "-nodes", "-newkey", "rsa:2048", "-subj", f"/CN={name}"),
            *("-days", "2", "-keyout", f"{self.directory}/ca.key", "-out", str(self.roots)),
            *("-addext", "keyUsage=critical,keyCertSign,cRLSign"),
        )

    def issue(self, *sans: str, expired: bool = False) -> ssl.SSLContext:
        name = "-".join(sans).replace(":", "_")
        base = f"{self.directory}/{name}{'-expired' if expired else ''}"
        Path(f"{base}.ext").write_text(
            "basicConstraints=CA:FALSE\nextendedKeyUsage=serverAuth\n"
            f"subjectAltName={','.join(sans)}\n"
        )
        openssl(
            *("req", "-new", "-nodes", "-newkey", "rsa:2048", "-subj", "/CN=10.88.0.20"),
            *("-keyout", f"{base}.key", "-out", f"{base}.csr"),
        )
        days = "-1" if expired else "1"
        openssl(
            *("x509", "-req", "-in", f"{base}.csr", "-out", f"{base}.pem", "-days", days),
            *("-CA", str(self.roots), "-CAkey", f"{self.directory}/ca.key"),
            *("-extfile", f"{base}.ext"),
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(f"{base}.pem", f"{base}.key")
        return context


class KeyServer:
    """Serves `body` to GET; `tls` (an ssl.SSLContext, or nothing) may be changed at any time."""

    def __init__(self, pod: Pod, port: int, body: str, tls: ssl.SSLContext | None):
        self.pod, self.port, self.body, self.tls = pod, port, body, tls
        self.status, self.fields, self.raw = 200, "", b""
        self.pause = 0.0  # before the answer
        self.drip = 0.0  # between its bytes
        self.asked: list[bytes] = []
        self.start()

    def start(self) -> None:
        self.app = App(self.pod, self.port)
        self.app.serve(self._answer)

    def stop(self) -> None:
        self.app.close()

    def _answer(self, wire: Wire) -> None:
        if self.tls is not None:
            wire.socket = self.tls.wrap_socket(wire.socket, server_side=True)
        head = wire.head()
        self.asked.append(head)
        time.sleep(self.pause)
        if self.raw:
            wire.send(self.raw)
            return
        text = (
            f"HTTP/1.1 {self.status} X\r\n{self.fields}Content-Length: {len(self.body)}\r\n"
            f"Connection: close\r\n\r\n{self.body}"
        )
        if not self.drip:
            wire.send(text)
        else:
            for letter in text:
                wire.send(letter)
                time.sleep(self.drip)
        wire.socket.unwrap() if self.tls is not None else None

    def in_background(self, action) -> threading.Thread:
        thread = threading.Thread(target=action, daemon=True)
        thread.start()
        return thread
