"""An OpenID Connect provider of the tests' own, on loopback: discovery, keys, and tokens that it signs."""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

CLIENT = "sts.amazonaws.com"
CONFIGURATION, KEYS = "/.well-known/openid-configuration", "/keys"

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


@cache
def rsa_key(bits: int = 2048) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, bits)


@cache
def ec_key(name: str = "one") -> ec.EllipticCurvePrivateKey:
    """Another one for each name."""
    return ec.generate_private_key(ec.SECP256R1())


def public_jwk(key: PrivateKey, kid: str, **more: Any) -> dict[str, Any]:
    if isinstance(key, rsa.RSAPrivateKey):
        jwk: dict[str, Any] = RSAAlgorithm.to_jwk(key.public_key(), as_dict=True)
    else:
        jwk = ECAlgorithm.to_jwk(key.public_key(), as_dict=True)
    return {**jwk, "kid": kid, "use": "sig", **more}


class Issuer:
    """documents: path → (status, body), which a test may change; asked: the paths of all requests."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.name = url.partition("://")[2]
        self.asked: list[str] = []
        self.documents: dict[str, tuple[int, bytes]] = {}
        self.configure(issuer=url, jwks_uri=url + KEYS)
        self.publish(public_jwk(ec_key(), "k"))

    def configure(self, **document: Any) -> None:
        self.documents[CONFIGURATION] = 200, json.dumps(document).encode()

    def publish(self, *keys: dict[str, Any]) -> None:
        self.documents[KEYS] = 200, json.dumps({"keys": keys}).encode()

    def claims(self, now_s: int, **more: Any) -> dict[str, Any]:
        """Of a good token, but for `more`; what is None is left out."""
        claims = {
            "iss": self.url, "sub": "repo:us/app", "aud": CLIENT, "iat": now_s, "exp": now_s + 300, **more,
        }  # fmt: skip
        return {name: value for name, value in claims.items() if value is not None}

    def token(
        self,
        now_s: int,
        key: PrivateKey | None = None,
        alg: str = "ES256",
        kid: str | None = "k",
        **more: Any,
    ) -> str:
        headers = {"kid": kid} if kid is not None else None
        return jwt.encode(self.claims(now_s, **more), key or ec_key(), alg, headers=headers)


@contextmanager
def issuer(certificate: Path | None = None) -> Iterator[Issuer]:
    """certificate: file of key and certificate, for one that speaks HTTPS."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found.asked.append(self.path)
            status, body = found.documents.get(self.path, (404, b"{}"))
            self.send_response(status)
            if status == 302:
                self.send_header("Location", found.url + KEYS)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    scheme = "http"
    if certificate is not None:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(certificate)
        server.socket = tls.wrap_socket(server.socket, server_side=True)
        scheme = "https"
    found = Issuer(f"{scheme}://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield found
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
