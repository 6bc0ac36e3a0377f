"""A world for triggers: a queue, functions, a role and its rights, on a clock that stands still."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from tests.support.metrics import FakeMetrics

from noria.clock import ManualClock
from noria.context import Principal, RequestContext, root_principal
from noria.errors import AwsError
from noria.services.ports import Invocation, RoleSession
from noria.services.triggers.api import TriggersApi
from noria.store.sqlite.store import SqliteStore

ACCOUNT, REGION = "111111111111", "us-east-1"
QUEUE_ARN = f"arn:aws:sqs:{REGION}:{ACCOUNT}:activity25"
FIFO_ARN = f"{QUEUE_ARN}.fifo"
FUNCTION_ARN = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:consumer"
ROLE_ARN = f"arn:aws:iam::{ACCOUNT}:role/Activity25Role"

Handler = Callable[[dict[str, Any]], Awaitable[Any]]


class FakeQueue:
    """Standard semantics: what is received is invisible until its timeout, then visible again."""

    def __init__(self, clock: ManualClock) -> None:
        self.clock = clock
        self.exists = True
        self.visibility_timeout_s = 30
        self.messages: dict[str, dict[str, Any]] = {}
        self.visible_at_ms: dict[str, int] = {}
        self.receives: list[dict[str, Any]] = []
        self.waiters: list[asyncio.Future[None]] = []

    def send(self, body: str, **more: Any) -> str:
        message_id = f"m{len(self.messages) + 1}"
        self.messages[message_id] = {
            "MessageId": message_id,
            "Body": body,
            "MD5OfBody": f"md5({body})",
            **more,
        }
        self.visible_at_ms[message_id] = 0
        self.wake()
        return message_id

    def wake(self) -> None:
        for waiter in self.waiters:
            if not waiter.done():
                waiter.set_result(None)

    def take(self, limit: int) -> list[dict[str, Any]]:
        now_ms = self.clock.now_ms()
        taken: list[dict[str, Any]] = []
        for message_id, message in self.messages.items():
            if len(taken) < limit and self.visible_at_ms[message_id] <= now_ms:
                self.visible_at_ms[message_id] = now_ms + self.visibility_timeout_s * 1000
                self.clock.call_later(self.visibility_timeout_s, self.wake)
                count = int(message.get("count", 0)) + 1
                message["count"] = count
                attributes = {"ApproximateReceiveCount": str(count), "SenderId": "AIDA"}
                shown = {name: value for name, value in message.items() if name != "count"}
                taken.append({**shown, "ReceiptHandle": f"{message_id}#{count}", "Attributes": attributes})
        return taken

    async def receive(self, limit: int, wait_s: int) -> list[dict[str, Any]]:
        taken = self.take(limit)
        if taken or wait_s == 0:
            return taken
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        timer = self.clock.call_later(wait_s, self.wake)  # earlier than others' time: they poll again
        self.waiters.append(waiter)
        try:
            await waiter
        finally:
            timer.cancel()
            self.waiters.remove(waiter)
        return self.take(limit)


class World:
    """Everything that TriggersApi is wired to; `api` is the thing under test."""

    def __init__(self, store: SqliteStore) -> None:
        self.clock = ManualClock()
        self.metrics = FakeMetrics()
        self.store = store
        self.queue = FakeQueue(self.clock)
        self.handler: Handler = self.succeed
        self.events: list[dict[str, Any]] = []
        self.role: str | None = ROLE_ARN  # None: there is no such function
        self.timeout = 3
        self.trusts_lambda = True
        self.room = True
        self.invoked: list[str] = []
        self.rights = {"sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"}
        self.sessions = 0
        self.role_id = "AROA"
        self.deleted_in: list[int] = []  # sizes of DeleteMessageBatch requests
        self.api = self.make_api()

    def make_api(self) -> TriggersApi:
        """Another server over the same store."""
        return TriggersApi(self.store.records, self, self, self, self.call, self.clock, self.metrics)

    @property
    def ctx(self) -> RequestContext:
        return RequestContext(
            "id", "lambda", "Op", ACCOUNT, REGION, root_principal(ACCOUNT), self.clock.now_ms()
        )

    async def create(self, **options: Any) -> dict[str, Any]:
        arguments = {"function_name": "consumer", "event_source_arn": QUEUE_ARN, **options}
        return await self.api.create_event_source_mapping(self.ctx, **arguments)

    async def get(self, uuid: str) -> dict[str, Any]:
        return await self.api.get_event_source_mapping(self.ctx, uuid=uuid)

    def bodies(self) -> list[list[str]]:
        """Of the events that the function got."""
        return [[record["body"] for record in event["Records"]] for event in self.events]

    async def succeed(self, event: dict[str, Any]) -> Any:
        return None

    # ports.Functions

    async def exists(self, function_arn: str) -> bool:
        return function_arn in (FUNCTION_ARN, f"{FUNCTION_ARN}:live") and self.role is not None

    async def role_arn(self, function_arn: str) -> str | None:
        return self.role if await self.exists(function_arn) else None

    async def timeout_s(self, function_arn: str) -> int | None:
        return self.timeout if await self.exists(function_arn) else None

    def has_room(self) -> bool:
        return self.room

    async def invoke(self, function_arn: str, payload: bytes, trace: str = "") -> Invocation:
        self.invoked.append(function_arn)
        event = json.loads(payload)
        self.events.append(event)
        try:
            answer = await self.handler(event)
        except ValueError as error:
            return Invocation("r", json.dumps({"errorMessage": str(error)}).encode(), "Unhandled")
        return Invocation("r", answer if isinstance(answer, bytes) else json.dumps(answer).encode())

    # ports.Roles and ports.Permissions

    async def trusts(self, role_arn: str, service_principal: str, source_arn: str) -> bool:
        return self.trusts_lambda

    async def assume(
        self,
        role_arn: str,
        service_principal: str,
        session_name: str,
        source_arn: str,
        conditions: tuple[tuple[str, str], ...] = (),
    ) -> RoleSession | None:
        assert service_principal == "lambda.amazonaws.com"
        if not self.trusts_lambda:
            return None
        self.sessions += 1
        name = role_arn.rsplit("/", 1)[1]
        arn = f"arn:aws:sts::{ACCOUNT}:assumed-role/{name}/{session_name}"
        principal = Principal("assumed-role", ACCOUNT, arn, f"{self.role_id}:{session_name}", name)
        return RoleSession("ASIA", "secret", "token", self.clock.now_ms() + 3_600_000, principal)

    async def is_outlived(self, role_arn: str, session: RoleSession) -> bool:
        return not session.principal.user_id.startswith(f"{self.role_id}:")

    async def require(
        self, ctx: RequestContext, action: str, resource: str, conditions: Mapping[str, str] | None = None
    ) -> None:
        raise AssertionError("the trigger asks, it does not require")

    async def allows(
        self, principal: Principal, action: str, resource: str, conditions: Mapping[str, str] | None = None
    ) -> bool:
        return (
            principal.name == "Activity25Role" and action in self.rights and resource in (QUEUE_ARN, FIFO_ARN)
        )

    # ports.Caller

    async def call(
        self,
        principal: Principal,
        region: str,
        service: str,
        operation: str,
        params: Mapping[str, Any],
        via_service: str = "",
    ) -> dict[str, Any]:
        assert (region, service, via_service) == (REGION, "sqs", "lambda.amazonaws.com")
        assert params["queue_url"].removesuffix(".fifo").endswith(f"/{ACCOUNT}/activity25")
        action = {"DeleteMessageBatch": "sqs:DeleteMessage"}.get(operation, f"sqs:{operation}")
        if not await self.allows(principal, action, QUEUE_ARN):
            raise AwsError("AccessDeniedException", f"{principal.name} may not {action}", 403)
        queue = self.queue
        if not queue.exists:
            raise AwsError(
                "QueueDoesNotExist",
                "The specified queue does not exist.",
                query_code="AWS.SimpleQueueService.NonExistentQueue",
            )
        if operation == "GetQueueAttributes":
            return {"Attributes": {"VisibilityTimeout": str(queue.visibility_timeout_s)}}
        if operation == "DeleteMessageBatch":
            self.deleted_in.append(len(params["entries"]))
            for entry in params["entries"]:
                del queue.messages[entry["ReceiptHandle"].split("#")[0]]
            return {"Successful": [{"Id": entry["Id"]} for entry in params["entries"]]}
        assert operation == "ReceiveMessage"
        queue.receives.append(dict(params))
        return {
            "Messages": await queue.receive(params["max_number_of_messages"], params["wait_time_seconds"])
        }


async def settle() -> None:
    """Let everything run that can without time passing."""
    for _ in range(100):
        await asyncio.sleep(0)
