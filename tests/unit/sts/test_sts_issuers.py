"""Where providers' keys come from: kept, asked for again, and hostile answers bounded."""

from __future__ import annotations

import asyncio
import hashlib
import ipaddress
import json
import socket
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509.oid import NameOID
from tests.support.issuer import CONFIGURATION, KEYS, Issuer, ec_key, issuer, public_jwk

from noria.clock import ManualClock
from noria.errors import AwsError
from noria.http import fetch
from noria.services.ports import IdentityProvider
from noria.services.sts import issuers
from noria.services.sts.issuers import UNREACHABLE, UNVERIFIABLE, IssuerKeys

UNUSABLE = ("InvalidIdentityToken", UNVERIFIABLE)
UNREACHED = ("IDPCommunicationError", UNREACHABLE)


@pytest.fixture
def found() -> Iterator[Issuer]:
    with issuer() as provider:
        yield provider


def provider(url: str, *thumbprints: str) -> IdentityProvider:
    return IdentityProvider("arn", url.partition("://")[2], url, ("c",), thumbprints)


async def refused(keys: IssuerKeys, of: IdentityProvider, key_id: str | None = "k") -> tuple[str, str]:
    with pytest.raises(AwsError) as caught:
        await keys.candidates(of, key_id)
    return caught.value.code, caught.value.message


async def test_keys_are_kept_for_ten_minutes(found: Issuer) -> None:
    clock = ManualClock()
    keys = IssuerKeys(clock)
    of = provider(found.url)
    for _ in range(3):
        assert [key["kid"] for key in await keys.candidates(of, "k")] == ["k"]
    assert found.asked == [CONFIGURATION, KEYS]
    found.publish(public_jwk(ec_key("another"), "other"))
    clock.advance(599)
    assert await keys.candidates(of, "k")
    clock.advance(1)
    assert await refused(keys, of) == UNUSABLE, "withdrawn"


async def test_a_new_key_is_asked_for_but_not_with_every_token(found: Issuer) -> None:
    clock = ManualClock()
    keys = IssuerKeys(clock)
    of = provider(found.url)
    await keys.candidates(of, "k")
    found.publish(public_jwk(ec_key(), "k"), public_jwk(ec_key("another"), "new"))
    for _ in range(3):
        assert await refused(keys, of, "new") == UNUSABLE
    assert len(found.asked) == 2
    clock.advance(10)
    assert await keys.candidates(of, "new")
    assert len(await keys.candidates(of, None)) == 2
    assert len(found.asked) == 4


async def test_who_asks_at_the_same_time_shares_the_answer(found: Issuer) -> None:
    keys = IssuerKeys(ManualClock())
    of = provider(found.url)
    await asyncio.gather(*(keys.candidates(of, "k") for _ in range(20)))
    assert found.asked == [CONFIGURATION, KEYS]


@pytest.mark.parametrize(
    ("path", "status", "body", "error"),
    [
        (CONFIGURATION, 404, b"{}", UNUSABLE),
        (CONFIGURATION, 302, b"", UNUSABLE),
        (CONFIGURATION, 503, b"", UNREACHED),
        (CONFIGURATION, 200, b"<html>", UNUSABLE),
        (CONFIGURATION, 200, b"[" * 100_000, UNUSABLE),
        (CONFIGURATION, 200, b"{}", UNUSABLE),
        (CONFIGURATION, 200, b" " * (issuers.DOCUMENT_BYTES + 1), UNUSABLE),
        (KEYS, 500, b"", UNREACHED),
        (KEYS, 200, b'{"keys": "k"}', UNUSABLE),
        (KEYS, 200, b'{"keys": []}', UNUSABLE),
        (KEYS, 200, json.dumps({"keys": [{"kty": "RSA", "kid": "k"}] * 101}).encode(), UNUSABLE),
    ],
)
async def test_useless_answers_are_refused(
    found: Issuer, path: str, status: int, body: bytes, error: tuple[str, str]
) -> None:
    found.documents[path] = status, body
    assert await refused(IssuerKeys(ManualClock()), provider(found.url)) == error


async def test_a_provider_speaks_for_itself_only(found: Issuer) -> None:
    found.configure(issuer="https://other.example", jwks_uri=found.url + KEYS)
    assert await refused(IssuerKeys(ManualClock()), provider(found.url)) == UNUSABLE


@pytest.mark.parametrize(
    "uri",
    [
        "http://example.com/keys",
        "ftp://127.0.0.1/keys",
        "https://user@127.0.0.1/keys",
        "file:///etc/passwd",
        "https://[::",
        "https://127.0.0.1:99999/",
        "http://127.0.0.1:1/a b",
        "",
    ],
)
async def test_keys_are_not_fetched_from_everywhere(found: Issuer, uri: str) -> None:
    found.configure(issuer=found.url, jwks_uri=uri)
    assert (await refused(IssuerKeys(ManualClock()), provider(found.url)))[0] == "InvalidIdentityToken"
    assert found.asked == [CONFIGURATION]


async def test_a_server_that_is_not_there_is_named_as_such() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and does not listen
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        assert await refused(IssuerKeys(ManualClock()), provider(url)) == UNREACHED


@pytest.mark.parametrize("sent", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{"])
async def test_a_server_that_does_not_answer_costs_a_moment_only(
    monkeypatch: pytest.MonkeyPatch, sent: bytes
) -> None:
    monkeypatch.setattr(issuers, "TIMEOUT_S", 0.05)
    gone = asyncio.Event()

    async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(sent)
        await reader.read()
        while await reader.read():
            pass
        writer.close()
        gone.set()

    server = await asyncio.start_server(hang, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    assert await refused(IssuerKeys(ManualClock()), provider(url)) == UNREACHED
    server.close()


async def test_what_is_no_http_is_refused() -> None:
    async def babble(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"SSH-2.0-OpenSSH\r\n")
        writer.close()

    server = await asyncio.start_server(babble, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    assert await refused(IssuerKeys(ManualClock()), provider(url)) == UNUSABLE
    server.close()


@pytest.mark.parametrize(
    ("address", "host", "reached"),
    [
        ("127.0.0.1", "localhost", True),
        ("127.0.0.1", "evil.example", False),
        ("::1", "evil.example", False),
        ("::ffff:127.0.0.1", "evil.example", False),
        ("169.254.169.254", "evil.example", False),
        ("fe80::1%eth0", "evil.example", False),
        ("0.0.0.0", "evil.example", False),
        ("224.0.0.1", "evil.example", False),
        ("10.0.0.8", "keycloak.corp.example", True),
        ("93.184.216.34", "idp.example", True),
    ],
)
def test_names_do_not_lead_to_what_only_this_machine_should_reach(
    address: str, host: str, reached: bool
) -> None:
    assert fetch._may_reach(address, host) is reached


# HTTPS


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """File of a certificate that nobody vouches for, with its key; its thumbprint."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "issuer")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(ec_key("tls").public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False
        )
        .sign(ec_key("tls"), hashes.SHA256())
    )
    file = tmp_path_factory.mktemp("tls") / "issuer.pem"
    key = ec_key("tls").private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file.write_bytes(key + made.public_bytes(serialization.Encoding.PEM))
    return file, hashlib.sha1(made.public_bytes(serialization.Encoding.DER)).hexdigest()


async def test_a_certificate_of_nobody_is_trusted_by_its_thumbprint(certificate: tuple[Path, Any]) -> None:
    file, thumbprint = certificate
    with issuer(file) as secure:
        assert await IssuerKeys(ManualClock()).candidates(provider(secure.url, "0" * 40, thumbprint), "k")
        for thumbprints in ((), ("0" * 40,)):
            assert await refused(IssuerKeys(ManualClock()), provider(secure.url, *thumbprints)) == (
                "InvalidIdentityToken",
                "OpenIDConnect provider's HTTPS certificate doesn't match configured thumbprint",
            )


async def test_a_thumbprint_is_of_a_certificate_for_that_host(certificate: tuple[Path, Any]) -> None:
    file, thumbprint = certificate
    with issuer(file) as secure:
        url = secure.url.replace("127.0.0.1", "localhost")
        of = provider(url, thumbprint)
        secure.configure(issuer=url, jwks_uri=url + KEYS)
        assert await refused(IssuerKeys(ManualClock()), of) == UNUSABLE
        assert secure.asked == []
