"""What `noria status` shows is what is there, also while it changes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import msgspec
import pytest

from noria.admin import Admin
from noria.clock import ManualClock
from noria.config import Settings
from noria.context import Principal, RequestContext, root_principal
from noria.errors import AwsError
from noria.http.types import Request
from noria.insight import Insight

ACCOUNT = "000000000000"
COUNTS = ("", "NotVisible", "Delayed")


class World:
    """A gateway and records, with one queue and one function that are listed; either may be `gone`."""

    def __init__(self) -> None:
        self.gone: dict[str, AwsError] = {}

    async def owners(self, kind: str) -> list[tuple[str, str]]:
        return [] if kind == "lambda-esm" else [(ACCOUNT, "us-east-1")]

    async def authenticate(self, *_: object, **__: object) -> RequestContext:
        return RequestContext("r", "noria", "", ACCOUNT, "us-east-1", root_principal(ACCOUNT), 0)

    async def call(
        self, principal: Principal, region: str, service: str, operation: str, params: Mapping[str, Any]
    ) -> dict[str, Any]:
        if operation in self.gone:
            raise self.gone[operation]
        answers: dict[str, dict[str, Any]] = {
            "ListQueues": {"QueueUrls": ["http://h/000000000000/q"]},
            "GetQueueAttributes": {
                "Attributes": {f"ApproximateNumberOfMessages{name}": "1" for name in COUNTS}
            },
            "ListFunctions": {
                "Functions": [{"FunctionName": "f", "FunctionArn": "arn", "Runtime": "python3.12"}]
            },
            "GetFunctionConfiguration": {"State": "Active"},
        }
        return answers[operation]

    async def status(self) -> tuple[int, dict[str, Any]]:
        async def none() -> list[Any]:
            return []

        async def isolation() -> dict[str, Any]:
            return {}

        anything = cast(Any, self)
        settings, clock = Settings(data_dir=Path("/nowhere")), ManualClock()
        insight = cast(Insight, None)
        admin = Admin(
            settings,
            clock,
            anything,
            anything,
            none,
            isolation,
            lambda arn: 2,
            lambda arn: Path("/work") if arn == "arn" else None,
            insight,
            [none],
            [],
            {},
        )
        answer = await admin.handle(Request("GET", "/_noria/status", "", {}, b"", "127.0.0.1"))
        status: dict[str, Any] = msgspec.json.decode(answer.body)
        return answer.status, status


async def test_what_is_there_is_shown() -> None:
    _, status = await World().status()
    (queue,), (function,) = status["queues"], status["functions"]
    assert (queue["name"], queue["visible"], queue["in_flight"], queue["delayed"]) == ("q", 1, 1, 1)
    assert (function["name"], function["state"], function["environments"]) == ("f", "Active", 2)
    assert function["folder"] == "/work"


@pytest.mark.parametrize(
    ("operation", "code", "shown"),
    [
        ("GetQueueAttributes", "QueueDoesNotExist", "queues"),
        ("GetFunctionConfiguration", "ResourceNotFoundException", "functions"),
    ],
)
async def test_what_is_deleted_while_it_is_listed_is_left_out(operation: str, code: str, shown: str) -> None:
    world = World()
    world.gone[operation] = AwsError(code, "gone", 400)
    answered, status = await world.status()
    assert (answered, status[shown]) == (200, [])


async def test_another_error_is_not_hidden() -> None:
    world = World()
    world.gone["GetQueueAttributes"] = AwsError("ServiceUnavailable", "later", 503)
    assert await world.status() == (503, {"code": "ServiceUnavailable", "message": "later"})
