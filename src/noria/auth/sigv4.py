"""Signature Version 4: a request's claim of identity, and its proof over the raw bytes."""

from __future__ import annotations

import msgspec

from noria.errors import AwsError
from noria.http.types import Request


class SignedRequest(msgspec.Struct, frozen=True):
    """What a request claims; nothing of it is proven before `verify`.

    date: of the credential scope, ``20260131``. timestamp: ``20260131T235959Z``.
    signed_headers: lower-case names in the order sent. session_token: "" for long-term keys.
    expires_s: a presigned URL's lifetime, None for the header form.
    """

    access_key_id: str
    date: str
    region: str
    service: str
    timestamp: str
    signed_headers: tuple[str, ...]
    signature: str
    session_token: str
    expires_s: int | None


def parse(request: Request, protocol: str) -> SignedRequest | None:
    """The request's signature; None for one that has none. protocol: of the codec, its errors' names differ.

    Raises AwsError (IncompleteSignature).
    """
    raise NotImplementedError


def verify(
    request: Request, signed: SignedRequest, secret: str, now_s: float, *, service: str, protocol: str
) -> None:
    """Raise AwsError unless `secret` signed this very request, for `service`, at this time.

    service: that the credential scope must name.
    """
    raise NotImplementedError


def missing_token(protocol: str) -> AwsError:
    """For a request without a signature: MissingAuthenticationToken."""
    raise NotImplementedError


def unknown_key(protocol: str) -> AwsError:
    """For an access key that does not exist, or a session token that is not its own: InvalidClientTokenId."""
    raise NotImplementedError


def expired_token(protocol: str) -> AwsError:
    """For temporary credentials that have expired: ExpiredToken."""
    raise NotImplementedError
