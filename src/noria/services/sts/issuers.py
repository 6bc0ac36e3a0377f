"""The keys with which identity providers sign: from where OpenID Connect Discovery says, kept for a while."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import ssl
from typing import Any

import msgspec

from noria.clock import Clock
from noria.errors import AwsError
from noria.http import fetch
from noria.services.ports import IdentityProvider

log = logging.getLogger(__name__)

Jwk = dict[str, Any]

DISCOVERY = "/.well-known/openid-configuration"
TIMEOUT_S = 5.0  # of a request, as AWS's
DOCUMENT_BYTES = 512 << 10  # many times what 200 keys take
KEYS_OF_A_KIND = 100  # RSA, and EC: AWS's limit
KEPT_MS = 600_000  # a key that the provider has withdrawn is no longer taken after that
AGAIN_MS = 10_000  # for a key that is not among those kept: a new one, or somebody who makes us ask
PROVIDERS_KEPT = 100  # an account's quota
AT_ONCE = 4  # providers that are asked; who answers slowly holds up no more than these

UNVERIFIABLE = (
    "Couldn't retrieve verification key from your identity provider,  please reference"
    " AssumeRoleWithWebIdentity documentation for requirements"
)
UNREACHABLE = (
    "The request could not be fulfilled because the identity provider (IDP) that was asked to verify the"
    " incoming identity token could not be reached. This is often a transient error caused by network"
    " conditions. Retry the request a limited number of times so that you don't exceed the request rate. If"
    " the error persists, the identity provider might be down or not responding."
)


class Configuration(msgspec.Struct, frozen=True):
    """What the discovery document must say."""

    issuer: str
    jwks_uri: str


class KeySet(msgspec.Struct, frozen=True):
    """JWKs (RFC 7517)."""

    keys: list[Jwk]


class Kept(msgspec.Struct, frozen=True):
    """A provider's keys."""

    keys: list[Jwk]
    fetched_ms: int


class IssuerKeys:
    """Asked for by whoever has a token, without credentials: what it costs is bounded."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._kept: dict[IdentityProvider, Kept] = {}
        self._asking: dict[IdentityProvider, asyncio.Task[Kept]] = {}
        self._at_once = asyncio.Semaphore(AT_ONCE)

    async def candidates(self, provider: IdentityProvider, key_id: str | None) -> list[Jwk]:
        """The keys that a token may be signed with. key_id: the token's ``kid``.

        Raises IDPCommunicationError, InvalidIdentityToken.
        """
        kept = self._kept.get(provider)
        found = _named(kept.keys, key_id) if kept is not None else []
        age_ms = self._clock.now_ms() - kept.fetched_ms if kept is not None else KEPT_MS
        if age_ms >= (KEPT_MS if found else AGAIN_MS):
            found = _named((await self._ask(provider)).keys, key_id)
        if not found:
            raise invalid_token(UNVERIFIABLE)
        return found

    async def _ask(self, provider: IdentityProvider) -> Kept:
        """Whoever asks while a request is under way waits for its answer."""
        asking = self._asking.get(provider)
        if asking is None:
            asking = self._asking[provider] = asyncio.create_task(self._fetch(provider))
            asking.add_done_callback(lambda task: self._asked(provider, task))
        return await asyncio.shield(asking)

    def _asked(self, provider: IdentityProvider, task: asyncio.Task[Kept]) -> None:
        self._asking.pop(provider, None)
        if not task.cancelled():
            task.exception()  # who waited has it; nobody may be left who did

    async def _fetch(self, provider: IdentityProvider) -> Kept:
        async with self._at_once:
            try:
                keys = await _keys_of(provider)
            except fetch.UnreachableError as error:
                log.warning("the identity provider %s: %.500s", provider.url, error)
                raise AwsError("IDPCommunicationError", UNREACHABLE, 400) from error
            except (fetch.FetchError, msgspec.MsgspecError, RecursionError, UnicodeError) as error:
                log.warning("the identity provider %s: %.500s", provider.url, error)
                raise invalid_token(UNVERIFIABLE) from error
        if len(self._kept) >= PROVIDERS_KEPT:
            self._kept.pop(next(iter(self._kept)))
        kept = self._kept[provider] = Kept(keys, self._clock.now_ms())
        return kept


def invalid_token(text: str) -> AwsError:
    return AwsError("InvalidIdentityToken", text, 400)


def _named(keys: list[Jwk], key_id: str | None) -> list[Jwk]:
    return [key for key in keys if key_id is None or key.get("kid") == key_id]


async def _keys_of(provider: IdentityProvider) -> list[Jwk]:
    found = await _document(provider, provider.url.rstrip("/") + DISCOVERY)
    configuration = msgspec.json.decode(found, type=Configuration)
    if configuration.issuer != provider.url:
        raise fetch.FetchError(f"it says that it is {configuration.issuer!r}")
    if fetch.is_loopback(configuration.jwks_uri) and not fetch.is_loopback(provider.url):
        raise fetch.FetchError(f"{configuration.jwks_uri!r} is on this machine, and the provider is not")
    keys = msgspec.json.decode(await _document(provider, configuration.jwks_uri), type=KeySet).keys
    for kind in ("RSA", "EC"):
        if sum(key.get("kty") == kind for key in keys) > KEYS_OF_A_KIND:
            raise fetch.FetchError(f"it has more than {KEYS_OF_A_KIND} {kind} keys")
    return [key for key in keys if key.get("kty") in ("RSA", "EC") and key.get("use", "sig") == "sig"]


async def _document(provider: IdentityProvider, url: str) -> bytes:
    try:
        return await fetch.get(url, timeout_s=TIMEOUT_S, max_bytes=DOCUMENT_BYTES)
    except fetch.UntrustedError:
        tls = await _by_thumbprint(provider, url)
        return await fetch.get(url, timeout_s=TIMEOUT_S, max_bytes=DOCUMENT_BYTES, tls=tls)


async def _by_thumbprint(provider: IdentityProvider, url: str) -> ssl.SSLContext:
    """Trusts, of what the server shows, the certificate that the provider's thumbprints name, and whom that
    vouches for: as AWS, where none of the usual authorities does."""
    for certificate in await fetch.certificates(url, timeout_s=TIMEOUT_S):
        if hashlib.sha1(certificate).hexdigest() in provider.thumbprints:
            tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            tls.load_verify_locations(cadata=certificate)
            tls.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
            return tls
    text = "OpenIDConnect provider's HTTPS certificate doesn't match configured thumbprint"
    raise invalid_token(text)
