"""Who asks: from a request's signature to the context in which it is decided and answered."""

from __future__ import annotations

import re
from typing import Protocol

from noria.auth import errors, sigv4
from noria.auth.browsers import refuse_pages
from noria.auth.credentials import Credential, Credentials, permissive_principal
from noria.clock import Clock
from noria.config import Settings
from noria.context import ANONYMOUS, Principal, RequestContext
from noria.errors import AwsError
from noria.http.types import Request

REGION = re.compile(r"[a-z][a-z0-9-]{1,30}")  # a region becomes part of ARNs and of the store's keys


class Uses(Protocol):
    """Who wants to know when keys and roles are used. Implemented by IAM."""

    def note(self, principal: Principal, access_key_id: str, service: str, region: str, now_ms: int) -> None:
        """A request was proven to be the principal's."""


class Authenticator:
    """Proves, or with `--auth permissive` believes."""

    def __init__(self, settings: Settings, clock: Clock, credentials: Credentials, uses: Uses) -> None:
        self._enforce = settings.auth == "enforce"
        self._settings = settings
        self._clock = clock
        self._credentials = credentials
        self._uses = uses
        self.url = ""  # of this server, for requests that don't say where they were sent to

    async def authenticate(
        self,
        request: Request,
        request_id: str,
        service: str,
        operation: str,
        protocol: str,
        *,
        strictly: bool = False,
    ) -> RequestContext:
        """Raises AwsError, worded for `protocol` (a codec's).

        strictly: by the signature also where `--auth permissive` believes anybody.
        """
        signed = sigv4.parse(request, protocol)
        now_ms = self._clock.now_ms()
        if not (self._enforce or strictly):
            principal = await self._believe(request, signed, now_ms)
            region = signed.claim.region if signed else self._settings.region
            if not REGION.fullmatch(region):
                raise errors.invalid_region(protocol)
            key_id = signed.claim.access_key_id if signed else ""
            return self._context(request, request_id, service, operation, principal, region, key_id, now_ms)
        if signed is None:
            raise errors.missing_token(protocol)
        claim = signed.claim
        try:
            credential = await self._credentials.find(claim.access_key_id, signed.session_token, now_ms)
        except AwsError as error:  # worded for the Query protocol
            raise errors.reworded(error, protocol) from error
        return self._proven(request, request_id, service, operation, protocol, signed, credential, now_ms)

    def at_hand(
        self, request: Request, request_id: str, service: str, operation: str, protocol: str
    ) -> RequestContext | None:
        """As `authenticate`, for a key that needs no store; None for any other, and for none."""
        if not self._enforce:
            return None
        signed = sigv4.parse(request, protocol)
        if signed is None:
            return None
        now_ms = self._clock.now_ms()
        credential = self._credentials.at_hand(signed.claim.access_key_id, signed.session_token, now_ms)
        if credential is None:
            return None
        return self._proven(request, request_id, service, operation, protocol, signed, credential, now_ms)

    def unsigned(self, request: Request, request_id: str, service: str, operation: str) -> RequestContext:
        """For an operation that proves itself who asks; a signature that comes with it means nothing."""
        if not self._enforce:
            refuse_pages(request, self._settings.host)
        region, now_ms = self._settings.region, self._clock.now_ms()
        return self._context(request, request_id, service, operation, ANONYMOUS, region, "", now_ms)

    def _proven(
        self,
        request: Request,
        request_id: str,
        service: str,
        operation: str,
        protocol: str,
        signed: sigv4.SignedRequest,
        credential: Credential,
        now_ms: int,
    ) -> RequestContext:
        secret, principal = credential.secret_access_key, credential.principal
        sigv4.verify(request, signed, secret, now_ms / 1000, service=service, protocol=protocol)
        if service == "iam" and signed.session_token and principal.kind != "assumed-role":
            # GetSessionToken's and GetFederationToken's credentials are not for IAM.
            raise errors.unknown_key(protocol)
        key_id, region = signed.claim.access_key_id, signed.claim.region
        self._uses.note(principal, key_id, service, region, now_ms)
        return self._context(request, request_id, service, operation, principal, region, key_id, now_ms)

    async def _believe(self, request: Request, signed: sigv4.SignedRequest | None, now_ms: int) -> Principal:
        """`--auth permissive`: known keys are who they are, unknown ones root of their account."""
        refuse_pages(request, self._settings.host)
        if signed is None:
            return permissive_principal("", self._settings.account)
        try:
            found = await self._credentials.find(signed.claim.access_key_id, signed.session_token, now_ms)
            return found.principal
        except AwsError:
            return permissive_principal(signed.claim.access_key_id, self._settings.account)

    def _context(
        self,
        request: Request,
        request_id: str,
        service: str,
        operation: str,
        principal: Principal,
        region: str,
        access_key_id: str,
        now_ms: int,
    ) -> RequestContext:
        headers = request.headers
        host = headers.get("host")
        return RequestContext(
            request_id,
            service,
            operation,
            principal.account,
            region,
            principal,
            now_ms,
            request.peer,
            f"http://{host}" if host else self.url,
            access_key_id,
            "",
            headers.get("user-agent", ""),
            headers.get("x-amzn-trace-id", ""),
        )
