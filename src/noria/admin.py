"""Noria's own endpoints, beside the AWS APIs: what runs here, why it was denied, emptying an account.

``GET /_noria/status``, ``GET /_noria/explain[/REQUEST_ID]``, ``GET /_noria/suggest-policy/role/NAME`` and
``POST /_noria/reset`` are signed like any request (service ``noria``) and are for root; `--auth permissive`
lets anybody. So are ``POST /_noria/development/…``, which let functions see the owner's files and debuggers
control functions: those are for the root key's holder always. ``GET /_noria/health`` is open: it says that
the server is ready.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import msgspec

from noria import __version__
from noria.clock import Clock
from noria.config import Settings
from noria.context import RequestContext, new_request_id, root_principal
from noria.errors import AwsError
from noria.gateway import Gateway
from noria.http.types import Request, Response
from noria.insight import Insight
from noria.services.sqs.attributes import COUNTS
from noria.store.base import Records

log = logging.getLogger(__name__)

PREFIX = "/_noria/"
SERVICE = "noria"  # of the credential scope
DEVELOPMENT = "development/"
GONE = {"QueueDoesNotExist", "ResourceNotFoundException"}

Reset = Callable[[str], Awaitable[None]]
Work = Callable[[RequestContext, bytes], Awaitable[dict[str, Any]]]  # on a request's body


class ResetRequest(msgspec.Struct, forbid_unknown_fields=True):
    """account: the one to empty; the caller's own when absent."""

    account: str | None = None


class Admin:
    """Answers requests under ``/_noria/``."""

    def __init__(
        self,
        settings: Settings,
        clock: Clock,
        records: Records,
        gateway: Gateway,
        runtimes: Callable[[], Awaitable[list[dict[str, Any]]]],
        isolation: Callable[[], Awaitable[dict[str, Any]]],
        environments: Callable[[str], int],
        folder: Callable[[str], Path | None],
        insight: Insight,
        warnings: Sequence[Callable[[], Awaitable[list[Any]]]],
        resets: Sequence[Reset],
        development: Mapping[str, Work],
    ) -> None:
        """runtimes: what interpreters there are. isolation: what keeps functions apart.
        environments: how many a function (ARN) has now. folder: that it runs from, if any.
        warnings: what the linter finds in policies.
        resets: each service's way to forget an account, in the order in which they may be called.
        development: what the owner can do with functions that he works on, by its name in the path."""
        self._settings = settings
        self._clock = clock
        self._records = records
        self._gateway = gateway
        self._call = gateway.call
        self._runtimes = runtimes
        self._isolation = isolation
        self._environments = environments
        self._folder = folder
        self._insight = insight
        self._warnings = warnings
        self._resets = resets
        self._development = development
        self._started_ms = clock.now_ms()
        self.url = ""
        self.ready = False

    async def handle(self, request: Request) -> Response:
        request_id = new_request_id()
        try:
            return await self._answer(request, request_id)
        except AwsError as error:
            log.info("%s %s refused: %s", request_id, request.path, error)
            return _json({"code": error.code, "message": error.message}, error.status)

    async def _answer(self, request: Request, request_id: str) -> Response:
        what = (request.method, request.path.removeprefix(PREFIX))
        if what == ("GET", "health"):
            return _json({"ready": self.ready, "version": __version__}, 200 if self.ready else 503)
        is_development = what[1].startswith(DEVELOPMENT)
        ctx = await self._gateway.authenticate(
            request, request_id, SERVICE, request.path, "json", strictly=is_development
        )
        if ctx.principal.kind != "root":
            raise AwsError("AccessDenied", f"{request.path} is for root only, not {ctx.principal.arn}.", 403)
        if what == ("GET", "status"):
            return _json(await self._status())
        if what == ("POST", "reset"):
            return await self._reset(ctx, request)
        topic, _, rest = what[1].partition("/")
        if request.method == "POST" and is_development and (work := self._development.get(rest)):
            return _json(await work(ctx, request.body))
        if (request.method, topic) == ("GET", "explain"):
            return _json(await self._insight.explain(rest))
        if (request.method, topic) == ("GET", "suggest-policy"):
            return _json(self._insight.suggest_policy(ctx.account, unquote(rest)))
        raise AwsError("UnknownOperationException", f"There is no {request.method} {request.path}.", 404)

    async def _reset(self, ctx: RequestContext, request: Request) -> Response:
        try:
            asked = msgspec.json.decode(request.body or b"{}", type=ResetRequest)
        except msgspec.MsgspecError as error:
            raise AwsError("SerializationException", str(error)) from error
        account = asked.account or ctx.account
        if account != ctx.account and self._settings.auth == "enforce":
            raise AwsError("AccessDenied", f"{ctx.principal.arn} may reset its own account only.", 403)
        for reset in self._resets:
            await reset(account)
        return _json({"account": account})

    async def _status(self) -> dict[str, Any]:
        settings = self._settings
        return {
            "version": __version__,
            "url": self.url,
            "ready": self.ready,
            "auth": settings.auth,
            "data_dir": None if settings.ephemeral else str(settings.data_dir),
            "account": settings.account,
            "region": settings.region,
            "uptime_s": (self._clock.now_ms() - self._started_ms) // 1000,
            "queues": [queue async for queue in self._queues()],
            "functions": [function async for function in self._functions()],
            "triggers": [trigger async for trigger in self._triggers()],
            "runtimes": await self._runtimes(),
            "warnings": [
                msgspec.to_builtins(warning) for found in self._warnings for warning in await found()
            ],
            "isolation": await self._isolation(),
        }

    async def _queues(self) -> AsyncIterator[dict[str, Any]]:
        async for account, region, urls in self._pages(
            "sqs-queue", "sqs", "ListQueues", "QueueUrls", "NextToken"
        ):
            for url in urls:
                params = {"queue_url": url, "attribute_names": list(COUNTS)}
                found = await self._listed(account, region, "sqs", "GetQueueAttributes", params)
                if found is None:
                    continue
                visible, in_flight, delayed = (int(found["Attributes"][name]) for name in COUNTS)
                name = url.rpartition("/")[2]
                yield {
                    "account": account, "region": region, "name": name,
                    "visible": visible, "in_flight": in_flight, "delayed": delayed,
                }  # fmt: skip

    async def _functions(self) -> AsyncIterator[dict[str, Any]]:
        pages = self._pages("lambda-function", "lambda", "ListFunctions", "Functions", "NextMarker")
        async for account, region, functions in pages:
            for function in functions:
                params = {"function_name": function["FunctionName"]}
                found = await self._listed(account, region, "lambda", "GetFunctionConfiguration", params)
                if found is None:
                    continue
                folder = self._folder(function["FunctionArn"])
                yield {
                    "account": account, "region": region, "name": function["FunctionName"],
                    "runtime": function["Runtime"], "state": found["State"],
                    "environments": self._environments(function["FunctionArn"]),
                    "folder": None if folder is None else str(folder),
                }  # fmt: skip

    async def _triggers(self) -> AsyncIterator[dict[str, Any]]:
        pages = self._pages(
            "lambda-esm", "lambda", "ListEventSourceMappings", "EventSourceMappings", "NextMarker"
        )
        async for account, region, mappings in pages:
            for mapping in mappings:
                yield {
                    "account": account, "region": region, "uuid": mapping["UUID"],
                    "queue": mapping["EventSourceArn"], "function": mapping["FunctionArn"],
                    "state": mapping["State"], "last_processing_result": mapping.get("LastProcessingResult"),
                }  # fmt: skip

    async def _listed(
        self, account: str, region: str, service: str, operation: str, params: Mapping[str, Any]
    ) -> Mapping[str, Any] | None:
        """More of what was listed; None where it was deleted since."""
        try:
            found: Mapping[str, Any] = await self._call(
                root_principal(account), region, service, operation, params
            )
        except AwsError as error:
            if error.code not in GONE:
                raise
            return None
        return found

    async def _pages(
        self, kind: str, service: str, operation: str, member: str, token: str
    ) -> AsyncIterator[tuple[str, str, Sequence[Any]]]:
        """(account, region, entries) of every page of a listing, wherever there are records of `kind`."""
        request_member = {"NextToken": "next_token", "NextMarker": "marker"}[token]
        for account, region in await self._records.owners(kind):
            params: Mapping[str, Any] = {"max_results": 1000} if token == "NextToken" else {}
            while True:
                answer = await self._call(root_principal(account), region, service, operation, params)
                yield account, region, answer.get(member) or []
                if not answer.get(token):
                    break
                params = {**params, request_member: answer[token]}


def _json(document: dict[str, Any], status: int = 200) -> Response:
    return Response(status, msgspec.json.encode(document), [("Content-Type", "application/json")])
