"""Requests to function URLs: found, authorized, invoked, answered."""

from __future__ import annotations

import json
import logging
from collections.abc import Awaitable, Callable

from noria.context import ANONYMOUS, RequestContext, new_request_id
from noria.errors import AwsError
from noria.http.types import Request, Response
from noria.services.lambda_.concurrency import Concurrency
from noria.services.lambda_.core import Core
from noria.services.lambda_.invocation import Work
from noria.services.lambda_.limits import SYNC_PAYLOAD_BYTES
from noria.services.lambda_.names import Reference
from noria.services.lambda_.streaming import Streaming, http_answer
from noria.services.lambda_.url_configs import PREFIX, UrlConfig, cors_headers
from noria.services.lambda_.url_events import bad_gateway, event_of, response_of
from noria.store.base import StoreError

log = logging.getLogger(__name__)

ACTION = "lambda:InvokeFunctionUrl"
FORBIDDEN = (
    "Forbidden. For troubleshooting Function URL authorization issues, see: "
    "https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html"
)
HOST = ".lambda-url."  # in the names that AWS gives its URLs: they serve as well, where they lead here
PLACES_CACHED = 10_000  # ids of URLs, a hundred bytes each

Authenticate = Callable[[Request, str, str, str, str], Awaitable[RequestContext]]


class Urls:
    """Found by their ids, which nobody can guess."""

    def __init__(
        self, core: Core, concurrency: Concurrency, streaming: Streaming, authenticate: Authenticate
    ) -> None:
        """authenticate: proves a request's signature; see `gateway.Gateway.authenticate`."""
        self._core = core
        self._concurrency = concurrency
        self._streaming = streaming
        self._authenticate = authenticate
        self._places: dict[str, tuple[str, str, str]] = {}  # by id: account, region, record's name

    async def handle(self, request: Request) -> Response:
        request_id = new_request_id()
        try:
            response = await self._answer(request, request_id)
        except AwsError as error:
            log.info("%s function URL refused: %s", request_id, error)
            response = _refusal(error)
        except StoreError as error:
            log.error("%s function URL: the store failed: %s", request_id, error)
            response = Response(503, b"Service Unavailable")
        except Exception:
            log.exception("%s function URL failed, a bug", request_id)
            response = bad_gateway()
        response.headers = [("x-amzn-RequestId", request_id), *response.headers]
        return response

    async def _answer(self, request: Request, request_id: str) -> Response:
        url_id, path = _target(request)
        config = await self._find(url_id)
        if config is None:
            raise _forbidden()
        origin = request.headers.get("origin", "")
        if config.cors and request.method == "OPTIONS" and "access-control-request-method" in request.headers:
            return Response(200, b"", cors_headers(config.cors, origin, preflight=True))
        ctx = await self._authorize(config, request, request_id)
        response = await self._invoke(config, request, path, request_id, ctx)
        if config.cors:
            own = [item for item in response.headers if not item[0].lower().startswith("access-control-")]
            response.headers = [*own, *cors_headers(config.cors, origin, preflight=False)]
        return response

    async def _find(self, url_id: str) -> UrlConfig | None:
        if url_id not in self._places:
            if len(self._places) > PLACES_CACHED:
                self._places.clear()
            for account, region in await self._core.urls.owners():
                for name, each in await self._core.urls.all_of(account, region):
                    self._places[each.url_id] = (account, region, name)
        place = self._places.get(url_id)
        config = await self._core.urls.get(*place) if place else None
        if config is None or config.url_id != url_id:
            self._places.pop(url_id, None)
            return None
        return config

    async def _authorize(self, config: UrlConfig, request: Request, request_id: str) -> RequestContext | None:
        """The caller's context where the URL asks who calls. Raises AccessDeniedException."""
        conditions = {"lambda:FunctionUrlAuthType": config.auth_type, "lambda:FunctionArn": config.arn}
        if config.auth_type == "NONE":
            if not await self._core.permissions.allows(ANONYMOUS, ACTION, config.arn, conditions):
                raise _forbidden()
            return None
        ctx = await self._authenticate(request, request_id, "lambda", "InvokeFunctionUrl", "rest-json")
        await self._core.permissions.require(ctx, ACTION, config.arn, conditions)
        return ctx

    async def _invoke(
        self, config: UrlConfig, request: Request, path: str, request_id: str, ctx: RequestContext | None
    ) -> Response:
        reference = Reference(config.account, config.region, config.function, config.qualifier)
        function = await self._core.functions.route(reference)
        if function is None or function.state != "Active":
            raise _forbidden()
        now_ms = self._core.clock.now_ms()
        payload = json.dumps(event_of(request, path, config, request_id, now_ms, ctx)).encode()
        if len(payload) > SYNC_PAYLOAD_BYTES:
            text = f"Request must be smaller than {SYNC_PAYLOAD_BYTES} bytes for the InvokeFunction operation"
            raise AwsError("RequestEntityTooLargeException", text, 413)
        work = Work(request_id, config.arn, payload)
        if config.invoke_mode == "RESPONSE_STREAM":
            return await http_answer(await self._streaming.invoke(function, work))
        outcome = await self._concurrency.invoke(function, work)
        return bad_gateway() if outcome.function_error else response_of(outcome.payload)


def is_for_url(request: Request) -> bool:
    return request.path.startswith(PREFIX) or HOST in request.headers.get("host", "")


def _target(request: Request) -> tuple[str, str]:
    """The URL's id and the path that the function is to see."""
    if request.path.startswith(PREFIX):
        url_id, _, rest = request.path.removeprefix(PREFIX).partition("/")
        return url_id, f"/{rest}"
    return request.headers["host"].partition(".")[0], request.path


def _forbidden() -> AwsError:
    return AwsError("AccessDeniedException", FORBIDDEN, 403)


def _refusal(error: AwsError) -> Response:
    """Who may not, learns no more than that."""
    text = FORBIDDEN if error.status == 403 else error.message
    body = {**error.members, "Message": text}
    headers = [("Content-Type", "application/json"), ("x-amzn-ErrorType", error.code)]
    return Response(error.status, json.dumps(body, separators=(",", ":")).encode(), headers)
