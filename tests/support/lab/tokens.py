"""RS256 tokens and the key set (JWKS, RFC 7517) that verifies them, through the openssl command."""

import base64
import json
import subprocess
import time
from pathlib import Path

RSA_BITS = 2048
PUBLIC_EXPONENT = 65537


def base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _openssl(*arguments: str, data: bytes = b"") -> bytes:
    return subprocess.run(
        ["openssl", *arguments], input=data, capture_output=True, check=True
    ).stdout


class Issuer:
    """Signs tokens with a key of its own, made anew in `directory` for each instance."""

    def __init__(self, directory: Path, issuer: str, key_id: str = "k1"):
        self.issuer = issuer
        self.key_id = key_id
        self._key = directory / f"{key_id}.key"
        _openssl("genrsa", "-out", str(self._key), str(RSA_BITS))

    def jwks(self) -> str:
        line = _openssl("rsa", "-in", str(self._key), "-noout", "-modulus").decode().strip()
        modulus = bytes.fromhex(line.removeprefix("Modulus="))
        key = {
            "kty": "RSA",
            "use": "sig",
            "alg": "RS256",
            "kid": self.key_id,
            "n": base64url(modulus),
            "e": base64url(PUBLIC_EXPONENT.to_bytes(3, "big")),
        }
        return json.dumps({"keys": [key]}, indent=2)

    def token(self, audience: str, subject: str, lifetime: int = 300, **claims) -> str:
        """`lifetime` in seconds, negative if it has expired. `claims` are added, or replace."""
        now = int(time.time())
        header = {"alg": "RS256", "typ": "JWT", "kid": self.key_id}
        body = {
            "iss": self.issuer,
            "aud": audience,
            "sub": subject,
            "iat": min(now, now + lifetime),
            "exp": now + lifetime,
            **claims,
        }
        return self.sign(header, body)

    def sign(self, header: dict | str, body: dict | str) -> str:
        """A token with our signature whatever it says; a string is taken for the JSON as it is."""
        signed = unsigned(header, body)
        signature = _openssl("dgst", "-sha256", "-sign", str(self._key), data=signed.encode())
        return f"{signed}.{base64url(signature)}"

    def public_key(self) -> bytes:
        """What everybody has, as PEM."""
        return _openssl("rsa", "-in", str(self._key), "-pubout")


def unsigned(header: dict | str, body: dict | str) -> str:
    """The two parts that a signature is over."""
    texts = (part if isinstance(part, str) else json.dumps(part) for part in (header, body))
    return ".".join(base64url(text.encode()) for text in texts)
