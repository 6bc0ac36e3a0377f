"""A web identity's token (a JWT of an OpenID Connect provider): who it says that somebody is, proven."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

import msgspec

from noria.errors import AwsError
from noria.policy.actions import services
from noria.policy.match import ContextValue, Pattern
from noria.services.ports import IdentityProvider, RoleDirectory
from noria.services.sts.issuers import UNVERIFIABLE, IssuerKeys, Jwk, invalid_token

Claims = dict[str, Any]

ALGORITHMS = frozenset(("RS256", "RS384", "RS512", "ES256", "ES384", "ES512"))  # those that AWS takes
AHEAD_S = 300  # how far the provider's clock may be ahead of ours
SUBJECT_CHARS = 255
NOT_A_JWT = "The ID Token provided is not a valid JWT. (You may see this error if you sent an Access Token)"
TAGS = "https://aws.amazon.com/tags"
SOURCE_IDENTITY = "https://aws.amazon.com/source_identity"
SOURCE_IDENTITY_FORM = re.compile(r"[\w+=,.@-]{2,64}", re.ASCII)


class WebIdentity(msgspec.Struct, frozen=True):
    """audience: whom the token was made for, the client that asked for it (``azp``) before others.

    conditions: the provider's condition keys. tags: as a request has them; transitive: keys of those that a
    chain of roles hands on.
    """

    provider: IdentityProvider
    subject: str
    audience: str
    conditions: Mapping[str, ContextValue]
    tags: list[dict[str, str]]
    transitive: list[str]
    source_identity: str


async def prove(
    directory: RoleDirectory, keys: IssuerKeys, account: str, token: str, now_s: int
) -> WebIdentity:
    """account: whose providers count. Nobody is asked for a key before all else is right.

    Raises InvalidIdentityToken, ExpiredTokenException, IDPCommunicationError.
    """
    header, claims = _parts(token)
    issuer = _text(claims, "iss")
    provider = await directory.identity_provider(account, issuer)
    if provider is None:
        raise invalid_token(f"No OpenIDConnect provider found in your account for {issuer}")
    audience = _audience(claims, provider)
    _check_time(claims, now_s)
    subject = _text(claims, "sub")
    if len(subject) > SUBJECT_CHARS:
        raise invalid_token(f"The subject is longer than {SUBJECT_CHARS} characters.")
    key_id, algorithm = header.get("kid"), header.get("alg")
    if algorithm not in ALGORITHMS or not isinstance(key_id, str | None):
        raise invalid_token(NOT_A_JWT)
    if not any(_signs(key, algorithm, token) for key in await keys.candidates(provider, key_id)):
        raise invalid_token(UNVERIFIABLE)
    return WebIdentity(
        provider,
        subject,
        audience,
        dict(_conditions(claims, provider, audience)),
        *_tags(claims),
        _source_identity(claims),
    )


def _parts(token: str) -> tuple[Claims, Claims]:
    """Header and claims; nothing of it is proven."""
    from jwt.api_jws import PyJWS  # its cryptography is loaded by those who need it
    from jwt.exceptions import PyJWTError

    try:
        found = PyJWS().decode_complete(token, options={"verify_signature": False})
        claims = msgspec.json.decode(found["payload"])
    except (PyJWTError, ValueError, RecursionError):  # msgspec's errors are ValueErrors
        raise invalid_token(NOT_A_JWT) from None
    if not isinstance(claims, dict):
        raise invalid_token(NOT_A_JWT)
    return found["header"], claims


def _signs(key: Jwk, algorithm: str, token: str) -> bool:
    """Whether the key, and no other use of it than its own, made the token's signature."""
    from jwt.api_jwk import PyJWK
    from jwt.api_jws import PyJWS
    from jwt.exceptions import PyJWTError

    if key.get("alg", algorithm) != algorithm:
        return False
    try:
        # The algorithm decides on the kind of key that is read, never the token on how a key is used.
        known = PyJWK.from_dict(key, algorithm)
        options: Any = {"verify_signature": True, "enforce_minimum_key_length": True}
        PyJWS().decode_complete(token, known, algorithms=[algorithm], options=options)
    except (PyJWTError, ValueError, TypeError):  # what is no key is nobody's
        return False
    return True


def _text(claims: Claims, name: str) -> str:
    value = claims.get(name)
    if not isinstance(value, str) or not value:
        raise invalid_token(f"Missing a required claim: {name}")
    return value


def _texts(value: Any) -> list[str]:
    """Of a claim that may be one or many."""
    values = value if isinstance(value, list) else [value]
    return [item for item in values if isinstance(item, str)]


def _audience(claims: Claims, provider: IdentityProvider) -> str:
    asked = _texts(claims.get("azp")) or _texts(claims.get("aud"))
    if not asked:
        raise invalid_token("Missing a required claim: aud")
    for audience in asked:
        if audience in provider.client_ids:
            return audience
    raise invalid_token("Incorrect token audience")


def _check_time(claims: Claims, now_s: int) -> None:
    expires_s, issued_s = _time(claims, "exp"), _time(claims, "iat")
    if now_s >= expires_s:
        text = f"Token expired: current date/time {now_s} must be before the expiration date/time"
        raise AwsError("ExpiredTokenException", f"{text} {int(max(expires_s, 0))}", 400)
    starts_s = _time(claims, "nbf") if "nbf" in claims else issued_s
    if max(issued_s, starts_s) > now_s + AHEAD_S:
        raise invalid_token("The token is not valid yet.")


def _time(claims: Claims, name: str) -> float:
    """Unix time in seconds."""
    value = claims.get(name)
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise invalid_token(f"Missing a required claim: {name}")
    return value


def _conditions(
    claims: Claims, provider: IdentityProvider, audience: str
) -> Iterator[tuple[str, ContextValue]]:
    """AWS's keys of OIDC federation: ``ISSUER:aud``, the issuer without its scheme."""
    yield f"{provider.name}:aud", audience
    yield f"{provider.name}:sub", claims["sub"]
    if "azp" in claims and (original := _texts(claims.get("aud"))):
        yield f"{provider.name}:oaud", original[0] if len(original) == 1 else original
    if amr := _texts(claims.get("amr")):
        yield f"{provider.name}:amr", amr
    for claim in _claims_of(provider.name):
        value = claims.get(claim)
        if isinstance(value, bool | int):
            value = msgspec.json.encode(value).decode()
        if (values := _texts(value)) and claim not in ("aud", "sub"):
            yield f"{provider.name}:{claim}", values if isinstance(value, list) else values[0]


@lru_cache(100)
def _claims_of(name: str) -> tuple[str, ...]:
    """The claims that AWS makes condition keys of: for all providers, and for some that it knows (GitHub)."""
    found = ["email"]
    for key in services()["sts"].keys["AssumeRoleWithWebIdentity"]:
        issuer, _, claim = key.partition(":")
        is_named = Pattern(issuer, "text", variables=False).fixed
        if "." in issuer and is_named and is_named(name):
            found.append(claim)
    return tuple(dict.fromkeys(found))


def _tags(claims: Claims) -> tuple[list[dict[str, str]], list[str]]:
    """From the claim that holds them all, or from one for each: both are AWS's."""
    nested = claims.get(TAGS)
    found: dict[str, Any] = {}
    transitive: Any = claims.get(f"{TAGS}/transitive_tag_keys")
    if isinstance(nested, dict):
        principal_tags = nested.get("principal_tags")
        found |= principal_tags if isinstance(principal_tags, dict) else {}
        transitive = nested.get("transitive_tag_keys", transitive)
    prefix = f"{TAGS}/principal_tags/"
    found |= {name.removeprefix(prefix): value for name, value in claims.items() if name.startswith(prefix)}
    tags = []
    for key, value in found.items():
        values = _texts(value)
        if len(values) != 1 or not 0 < len(key) <= 128 or len(values[0]) > 256:
            raise invalid_token(f"The principal tag {key[:128]!r} is not valid.")
        tags.append({"Key": key, "Value": values[0]})
    if len(tags) > 50:
        raise invalid_token("A session can have 50 tags at most.")
    return tags, _texts(transitive)


def _source_identity(claims: Claims) -> str:
    value = claims.get(SOURCE_IDENTITY, "")
    if value and not (isinstance(value, str) and SOURCE_IDENTITY_FORM.fullmatch(value)):
        raise invalid_token("The source identity is not valid.")
    return str(value)
