"""A GET of somebody else's server, whom nothing obliges to be friendly: bounded in time and size, without
redirects, and never led to addresses that only this machine should reach.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import ssl
from urllib.parse import SplitResult, urlsplit

import httptools

LOOPBACK = frozenset(("localhost", "127.0.0.1", "::1"))
READ_BYTES = 1 << 16


class FetchError(Exception):
    """The server answered with something that is of no use."""


class UnreachableError(FetchError):
    """The server could not be reached, did not answer in time, or failed."""


class UntrustedError(FetchError):
    """No authority vouches for the server's certificate."""


def is_loopback(url: str) -> bool:
    """Whether a URL names this very machine."""
    return _split(url).hostname in LOOPBACK


async def get(url: str, *, timeout_s: float, max_bytes: int, tls: ssl.SSLContext | None = None) -> bytes:
    """The body of a 200. HTTPS, but for this very machine, which may do with HTTP.

    tls: in place of the usual authorities. Raises FetchError.
    """
    parts = _split(url)
    request = _request(parts)
    try:
        async with asyncio.timeout(timeout_s):
            reader, writer = await _connect(parts, tls)
            try:
                writer.write(request)
                return await _answer(reader, max_bytes)
            finally:
                writer.transport.abort()  # a polite end would be one more thing to wait for
    except ssl.SSLCertVerificationError as error:
        raise UntrustedError(f"{url!r}: {error.verify_message}") from error
    except (OSError, TimeoutError) as error:  # SSLError is an OSError
        raise UnreachableError(f"{url!r}: {error or 'no answer in time'}") from error


async def certificates(url: str, *, timeout_s: float) -> list[bytes]:
    """What the server shows as its certificates (DER), its own first; nobody has vouched for them.

    Before Python 3.13 its own only. Raises FetchError.
    """
    tls = ssl.create_default_context()
    tls.check_hostname = False
    tls.verify_mode = ssl.CERT_NONE
    try:
        async with asyncio.timeout(timeout_s):
            _, writer = await _connect(_split(url), tls)
    except (OSError, TimeoutError) as error:
        raise UnreachableError(f"{url!r}: {error or 'no answer in time'}") from error
    shown = writer.get_extra_info("ssl_object")
    whole_chain = getattr(shown, "get_unverified_chain", None)
    chain = whole_chain() if whole_chain is not None else [shown.getpeercert(binary_form=True)]
    writer.transport.abort()
    return list(chain)


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        usable = parts.hostname and parts.port != 0
    except ValueError as error:
        raise FetchError(f"{url!r} is no URL: {error}") from error
    if parts.scheme not in ("https", "http") or not usable or parts.username is not None:
        raise FetchError(f"{url!r} is no URL of a server")
    if parts.scheme == "http" and parts.hostname not in LOOPBACK:
        raise FetchError(f"{url!r} is not HTTPS")
    return parts


async def _connect(
    parts: SplitResult, tls: ssl.SSLContext | None
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """To an address that was looked at, so that none can be put in its place."""
    host = parts.hostname or ""
    is_secure = parts.scheme == "https"
    port = parts.port or (443 if is_secure else 80)
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except UnicodeError as error:  # a label that is too long, say
        raise FetchError(f"{host!r} is no name of a server") from error
    failed: OSError = OSError(f"{host} has no address")
    for _, _, _, _, address in found:
        ip = str(address[0])
        if not _may_reach(ip, host):
            failed = OSError(f"{host} is at {ip}, which is out of bounds")
            continue
        context = (tls or ssl.create_default_context()) if is_secure else None
        try:
            return await asyncio.open_connection(
                ip, port, ssl=context, server_hostname=host if is_secure else None
            )
        except ssl.SSLError:
            raise
        except OSError as error:
            failed = error
    raise failed


def _may_reach(address: str, host: str) -> bool:
    """Not the machine's own services under somebody else's name, nor a cloud's metadata (link-local)."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    ip = getattr(ip, "ipv4_mapped", None) or ip
    if ip.is_loopback:
        return host in LOOPBACK
    return not (ip.is_link_local or ip.is_multicast or ip.is_unspecified or ip.is_reserved)


def _request(parts: SplitResult) -> bytes:
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    if not target.isascii() or not target.isprintable() or " " in target:
        raise FetchError(f"{target!r} is no path")
    host = parts.netloc.encode("idna").decode() if not parts.netloc.isascii() else parts.netloc
    return (
        f"GET {target} HTTP/1.1\r\nHost: {host}\r\nAccept: application/json\r\n"
        "Accept-Encoding: identity\r\nUser-Agent: noria\r\nConnection: close\r\n\r\n"
    ).encode()


class _Answer:
    """What httptools tells of an answer."""

    def __init__(self) -> None:
        self.body = bytearray()
        self.complete = False

    def on_body(self, data: bytes) -> None:
        self.body += data

    def on_message_complete(self) -> None:
        self.complete = True


async def _answer(reader: asyncio.StreamReader, max_bytes: int) -> bytes:
    answer = _Answer()
    parser = httptools.HttpResponseParser(answer)
    size = 0
    try:
        while not answer.complete:
            data = await reader.read(READ_BYTES)
            size += len(data)
            if size > max_bytes:
                raise FetchError(f"the answer is longer than {max_bytes} bytes")
            if not data:  # which is the end of an answer that does not say how long it is
                break
            parser.feed_data(data)
        status = parser.get_status_code()
    except httptools.HttpParserError as error:
        raise FetchError(f"the answer is not HTTP: {error}") from error
    if status >= 500:
        raise UnreachableError(f"the server answered {status}")
    if status != 200:
        raise FetchError(f"the server answered {status}")
    return bytes(answer.body)
