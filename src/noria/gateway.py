"""The path of every request: identify → authenticate → decode → authorize → call → encode."""

from __future__ import annotations

import asyncio
import hashlib
import inspect
import logging
import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol

import msgspec
from botocore import xform_name

from noria.auth import errors as auth_errors
from noria.auth import sigv4
from noria.auth.authorize import Action, Authorizer
from noria.auth.browsers import refuse_pages
from noria.auth.credentials import Credentials, permissive_principal
from noria.clock import Clock
from noria.config import Settings
from noria.context import ANONYMOUS, Principal, RequestContext, new_request_id
from noria.errors import AwsError, not_implemented
from noria.http.types import Request, Response
from noria.protocol.codec import Codec
from noria.protocol.identify import Identifier
from noria.protocol.validate import validate
from noria.store.base import StoreError

log = logging.getLogger(__name__)

Method = Callable[..., Awaitable[Mapping[str, Any] | None]]

# Operations whose work is for nothing once the client is gone. All others run to their end: what they have
# begun (a function's creation, say) must not be left half done.
ABANDONABLE = frozenset({"ReceiveMessage"})

# From here on a body is hashed and decoded beside the loop: a 67 MB package would stop it for half a second.
LARGE_BODY_BYTES = 1 << 20

REGION = re.compile(r"[a-z][a-z0-9-]{1,30}")  # a region becomes part of ARNs and of the store's keys


class Bound(msgspec.Struct, frozen=True):
    """An operation that Noria has: the api's method, the members that it takes, its IAM action."""

    method: Method
    members: frozenset[str]
    action: Action


class Uses(Protocol):
    """Who wants to know when keys and roles are used. Implemented by IAM."""

    def note(self, principal: Principal, access_key_id: str, service: str, region: str, now_ms: int) -> None:
        """A request was proven to be the principal's."""


def bind(apis: tuple[object, ...], actions: Mapping[str, Action]) -> dict[str, Bound]:
    """Operation name → Bound, for the operations of `actions`; each one's method is in one of `apis`."""
    bound = {}
    for operation, action in actions.items():
        name = xform_name(operation)
        method: Method = next(getattr(api, name) for api in apis if hasattr(api, name))
        parameters = inspect.signature(method).parameters.values()
        members = frozenset(p.name for p in parameters if p.kind is inspect.Parameter.KEYWORD_ONLY)
        bound[operation] = Bound(method, members, action)
    return bound


class Gateway:
    """Answers every request for an AWS service; also the way in for services that act as a role."""

    def __init__(
        self,
        settings: Settings,
        clock: Clock,
        identifier: Identifier,
        credentials: Credentials,
        authorizer: Authorizer,
        uses: Uses,
    ) -> None:
        self._enforce = settings.auth == "enforce"
        self._settings = settings
        self._clock = clock
        self._identifier = identifier
        self._credentials = credentials
        self._authorizer = authorizer
        self._uses = uses
        self._services: dict[str, dict[str, Bound]] = {}
        self.url = ""

    def serve(self, service: str, apis: tuple[object, ...], actions: Mapping[str, Action]) -> None:
        """Add a service. Separate from the constructor because services call each other through `call`."""
        self._services[service] = bind(apis, actions)

    async def handle(self, request: Request) -> Response:
        request_id = new_request_id()
        codec = self._identifier.codec(request)
        try:
            return await self._answer(codec, request, request_id)
        except AwsError as error:
            log.info("%s %s refused: %s %r", request_id, codec.service.name, error.code, error.message)
            return codec.encode_error(error, request_id)
        except StoreError as error:
            log.error("%s %s: the store failed: %s", request_id, codec.service.name, error)
            failed = AwsError("ServiceUnavailable", "The request has failed due to a temporary failure.", 503)
            return codec.encode_error(failed, request_id)
        except Exception:
            log.exception("%s %s failed, a bug", request_id, codec.service.name)
            failed = AwsError("InternalFailure", f"Internal error, see the server's log: {request_id}", 500)
            return codec.encode_error(failed, request_id)

    async def _answer(self, codec: Codec, request: Request, request_id: str) -> Response:
        route = codec.route(request)
        operation = route.operation
        service = codec.service.name
        bound = self._services[service].get(operation.name)
        if bound is None:  # said before the signature, which some operations do not have
            raise not_implemented(operation.name)
        request.abandonable = operation.name in ABANDONABLE
        is_large = len(request.body) > LARGE_BODY_BYTES
        if is_large:
            request.body_sha256 = await asyncio.to_thread(_sha256, request.body)
        if bound.action.signed:
            ctx = await self.authenticate(request, request_id, service, operation.name, codec.protocol)
        else:
            ctx = self._unsigned(request, request_id, service, operation.name)
        if is_large:
            params = await asyncio.to_thread(codec.decode, request, operation, route.uri_params)
        else:
            params = codec.decode(request, operation, route.uri_params)
        if not params.keys() <= bound.members:
            refused = sorted(operation.arguments[name].name for name in params.keys() - bound.members)
            raise not_implemented(f"{operation.name}'s {', '.join(refused)}")
        validate(operation, params)
        result = await self._call(ctx, bound, params)
        if log.isEnabledFor(logging.DEBUG):
            log.debug("%s %s %s by %s", request_id, service, operation.name, ctx.principal.arn)
        return codec.encode(operation, result or {}, request_id)

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
        """Prove who asks. Raises AwsError, worded for `protocol` (a codec's).

        strictly: by the signature also where `--auth permissive` believes anybody.
        """
        now_ms = self._clock.now_ms()
        if self._enforce or strictly:
            signed = sigv4.parse(request, protocol)
            if signed is None:
                raise auth_errors.missing_token(protocol)
            principal = await self._prove(request, signed, service, protocol, now_ms)
        else:
            signed, principal = await self._believe(request, protocol, now_ms)
        region = signed.region if signed else self._settings.region
        if not REGION.fullmatch(region):
            raise auth_errors.invalid_region(protocol)
        host = request.headers.get("host")
        return RequestContext(
            request_id,
            service,
            operation,
            principal.account,
            region,
            principal,
            now_ms,
            source_ip=request.peer,
            base_url=f"http://{host}" if host else self.url,
            access_key_id=signed.access_key_id if signed else "",
            user_agent=request.headers.get("user-agent", ""),
            trace_header=request.headers.get("x-amzn-trace-id", ""),
        )

    def _unsigned(self, request: Request, request_id: str, service: str, operation: str) -> RequestContext:
        """For an operation that proves itself who asks; a signature that comes with it means nothing."""
        return RequestContext(
            request_id,
            service,
            operation,
            "",
            self._settings.region,
            ANONYMOUS,
            self._clock.now_ms(),
            source_ip=request.peer,
            base_url=self.url,
            user_agent=request.headers.get("user-agent", ""),
        )

    async def _prove(
        self, request: Request, signed: sigv4.SignedRequest, service: str, protocol: str, now_ms: int
    ) -> Principal:
        try:
            credential = await self._credentials.find(signed.access_key_id, signed.session_token, now_ms)
        except AwsError as error:  # worded for the Query protocol
            raise auth_errors.reworded(error, protocol) from error
        secret = credential.secret_access_key
        sigv4.verify(request, signed, secret, now_ms / 1000, service=service, protocol=protocol)
        principal = credential.principal
        if service == "iam" and signed.session_token and principal.kind != "assumed-role":
            # GetSessionToken's and GetFederationToken's credentials are not for IAM.
            raise auth_errors.unknown_key(protocol)
        self._uses.note(principal, signed.access_key_id, service, signed.region, now_ms)
        return principal

    async def _believe(
        self, request: Request, protocol: str, now_ms: int
    ) -> tuple[sigv4.SignedRequest | None, Principal]:
        """`--auth permissive`: known keys are who they are, unknown ones root of their account."""
        refuse_pages(request, self._settings.host)
        signed = sigv4.parse(request, protocol)
        if signed is None:
            return None, permissive_principal("", self._settings.account)
        try:
            found = await self._credentials.find(signed.access_key_id, signed.session_token, now_ms)
            return signed, found.principal
        except AwsError:
            return signed, permissive_principal(signed.access_key_id, self._settings.account)

    async def _call(
        self, ctx: RequestContext, bound: Bound, params: Mapping[str, Any]
    ) -> Mapping[str, Any] | None:
        await self._authorizer.authorize(ctx, bound.action, params)
        return await bound.method(ctx, **params)

    async def call(
        self,
        principal: Principal,
        region: str,
        service: str,
        operation: str,
        params: Mapping[str, Any],
        via_service: str = "",
    ) -> Mapping[str, Any]:
        """`services.ports.Caller`: another service's operation, authorized as a client's request is."""
        ctx = RequestContext(
            new_request_id(),
            service,
            operation,
            principal.account,
            region,
            principal,
            self._clock.now_ms(),
            base_url=self.url,
            via_service=via_service,
        )
        return await self._call(ctx, self._services[service][operation], params) or {}


def _sha256(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()
