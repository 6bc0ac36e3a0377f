"""The path of every request: identify → authenticate → decode → authorize → call → encode."""

from __future__ import annotations

import asyncio
import hashlib
import inspect
import logging
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any

import msgspec
from botocore import xform_name

from noria.auth.authenticate import Authenticator
from noria.auth.authorize import Action, Authorizer
from noria.clock import Clock
from noria.context import Principal, RequestContext, new_request_id
from noria.errors import AwsError, not_implemented
from noria.http.types import Pending, Request, Response
from noria.protocol.codec import Codec, Route
from noria.protocol.identify import Identifier
from noria.protocol.json import JsonCodec
from noria.protocol.models import Operation
from noria.protocol.validate import validate
from noria.store.base import StoreError

log = logging.getLogger(__name__)

Result = Mapping[str, Any] | None
Method = Callable[..., Awaitable[Result]]

# Operations whose work is for nothing once the client is gone. All others run to their end: what they have
# begun (a function's creation, say) must not be left half done.
ABANDONABLE = frozenset({"ReceiveMessage"})

# From here on a body is hashed and decoded beside the loop: a 67 MB package would stop it for half a second.
LARGE_BODY_BYTES = 1 << 20


class Bound(msgspec.Struct, frozen=True):
    """An operation that Noria has: the api's method, the members that it takes, its IAM action."""

    method: Method
    members: frozenset[str]
    action: Action


class Plan(msgspec.Struct, frozen=True):
    """What is to be done for a request."""

    codec: Codec
    route: Route
    bound: Bound
    service: str
    operation: Operation


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
        self, clock: Clock, identifier: Identifier, authenticator: Authenticator, authorizer: Authorizer
    ) -> None:
        self._clock = clock
        self._identifier = identifier
        self._authenticator = authenticator
        self.authenticate = authenticator.authenticate
        self._authorizer = authorizer
        self._services: dict[str, dict[str, Bound]] = {}
        self._plans: dict[str, Plan] = {}  # by X-Amz-Target, which says it all where there is one

    @property
    def url(self) -> str:
        """Of this server, as its own calls have it."""
        return self._authenticator.url

    @url.setter
    def url(self, url: str) -> None:
        self._authenticator.url = url

    def serve(self, service: str, apis: tuple[object, ...], actions: Mapping[str, Action]) -> None:
        """Add a service. Separate from the constructor because services call each other through `call`."""
        self._services[service] = bind(apis, actions)

    def handle(self, request: Request) -> Response | Pending | Awaitable[Response]:
        """What needs nothing but what is at hand (a known key, a decision that holds) is begun at once, and
        waits for its store without a task. All else goes the same way in a coroutine.
        """
        request_id = new_request_id()
        plan = self._plans.get(request.headers.get("x-amz-target", ""))
        if plan is None or len(request.body) > LARGE_BODY_BYTES:
            return self._handle(request, request_id)
        codec, bound, operation = plan.codec, plan.bound, plan.operation
        try:
            ctx = self._authenticator.at_hand(
                request, request_id, plan.service, operation.name, codec.protocol
            )
            if ctx is None:
                return self._handle(request, request_id)
            params = _accepted(plan, codec.decode(request, operation, plan.route.uri_params))
            request.abandonable = operation.name in ABANDONABLE
            if self._authorizer.known_to_be_allowed(ctx, bound.action, params):
                result = bound.method(ctx, **params)
            else:
                result = self._call(ctx, bound, params)
        except Exception as error:
            return _failed(codec, request_id, error)
        if isinstance(result, asyncio.Future):
            return Pending(result, lambda done: _finished(plan, done, request_id))
        return self._finish(plan, result, request_id)

    async def _handle(self, request: Request, request_id: str) -> Response:
        codec = self._identifier.codec(request)
        try:
            plan = self._plan(codec, request)
            is_large = len(request.body) > LARGE_BODY_BYTES
            if is_large:
                request.body_sha256 = await asyncio.to_thread(_sha256, request.body)
            ctx = await self._context(request, request_id, plan)
            decode = partial(codec.decode, request, plan.operation, plan.route.uri_params)
            params = await asyncio.to_thread(decode) if is_large else decode()
            request.abandonable = plan.operation.name in ABANDONABLE
            result = self._call(ctx, plan.bound, _accepted(plan, params))
        except Exception as error:
            return _failed(codec, request_id, error)
        return await self._finish(plan, result, request_id)

    def _plan(self, codec: Codec, request: Request) -> Plan:
        route = codec.route(request)
        operation, service = route.operation, codec.service.name
        bound = self._services[service].get(operation.name)
        if bound is None:  # said before the signature, which some operations do not have
            raise not_implemented(operation.name)
        plan = Plan(codec, route, bound, service, operation)
        if isinstance(codec, JsonCodec) and bound.action.signed:
            self._plans[request.headers["x-amz-target"]] = plan
        return plan

    async def _context(self, request: Request, request_id: str, plan: Plan) -> RequestContext:
        service, operation = plan.service, plan.operation.name
        if not plan.bound.action.signed:
            return self._authenticator.unsigned(request, request_id, service, operation)
        protocol = plan.codec.protocol
        return await self._authenticator.authenticate(request, request_id, service, operation, protocol)

    async def _finish(self, plan: Plan, result: Awaitable[Result], request_id: str) -> Response:
        try:
            return plan.codec.encode(plan.operation, await result or {}, request_id)
        except Exception as error:
            return _failed(plan.codec, request_id, error)

    async def _call(self, ctx: RequestContext, bound: Bound, params: Mapping[str, Any]) -> Result:
        if not self._authorizer.known_to_be_allowed(ctx, bound.action, params):
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


def _accepted(plan: Plan, params: dict[str, Any]) -> dict[str, Any]:
    """The request's members, if Noria has them all, and they are what the model says."""
    if not params.keys() <= plan.bound.members:
        arguments = plan.operation.arguments
        refused = sorted(arguments[name].name for name in params.keys() - plan.bound.members)
        raise not_implemented(f"{plan.operation.name}'s {', '.join(refused)}")
    validate(plan.operation, params)
    return params


def _finished(plan: Plan, done: asyncio.Future[Result], request_id: str) -> Response:
    if done.cancelled():  # with the connection: nobody is answered
        return Response(500)
    try:
        return plan.codec.encode(plan.operation, done.result() or {}, request_id)
    except Exception as error:
        return _failed(plan.codec, request_id, error)


def _failed(codec: Codec, request_id: str, error: Exception) -> Response:
    service = codec.service.name
    if isinstance(error, AwsError):
        log.info("%s %s refused: %s %r", request_id, service, error.code, error.message)
        return codec.encode_error(error, request_id)
    if isinstance(error, StoreError):
        log.error("%s %s: the store failed: %s", request_id, service, error)
        failed = AwsError("ServiceUnavailable", "The request has failed due to a temporary failure.", 503)
        return codec.encode_error(failed, request_id)
    log.error("%s %s failed, a bug", request_id, service, exc_info=error)
    failed = AwsError("InternalFailure", f"Internal error, see the server's log: {request_id}", 500)
    return codec.encode_error(failed, request_id)


def _sha256(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()
