"""Calls IAM's api as the gateway does, over a store in memory: validated, then the method."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from botocore import xform_name

from noria.auth.authorize import Authorizer
from noria.clock import ManualClock
from noria.context import Principal, RequestContext, root_principal
from noria.errors import AwsError
from noria.protocol.models import load_service
from noria.protocol.validate import validate
from noria.services.iam.api import IamApi
from noria.services.iam.directory import IamDirectory
from noria.services.iam.last_used import LastUsed
from noria.store.base import Records
from noria.store.sqlite.store import SqliteStore

ACCOUNT, OTHER = "111111111111", "222222222222"
NOW_S = 1_700_000_000
BASIC = "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"


def document(action: str | list[str] = "sqs:*", resource: str = "*", **more: Any) -> str:
    statement = {"Effect": "Allow", "Action": action, "Resource": resource, **more}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def trusting(**principal: str) -> str:
    statement = {"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


LAMBDA_TRUST = trusting(Service="lambda.amazonaws.com")


def allowing_all(records: Records) -> Authorizer:
    """For what looks beside the request's own action: without it, every caller may."""
    return Authorizer(IamDirectory(records), "permissive", {}, ManualClock(NOW_S))


def iam_api(records: Records) -> IamApi:
    """For tests that call its methods."""
    return IamApi(records, LastUsed(records), allowing_all(records))


class refused:
    """The block is answered with this error."""

    def __init__(self, status: int, code: str, text: str) -> None:
        self.expected = (status, code, text)

    async def __aenter__(self) -> None:
        return None

    async def __aexit__(self, kind: object, error: BaseException | None, trace: object) -> bool:
        assert isinstance(error, AwsError)
        assert (error.status, error.code, error.message) == self.expected
        return True


class IamClient:
    """``await iam("CreateUser", UserName="U")``: the answer without the members that are not sent."""

    def __init__(self, store: SqliteStore) -> None:
        self.clock = ManualClock(NOW_S)
        self.records = store.records
        self.last_used = LastUsed(store.records)
        self.directory = IamDirectory(store.records)
        self.api = IamApi(store.records, self.last_used, allowing_all(store.records))
        self.caller: Principal = root_principal(ACCOUNT)

    def ctx(self, operation: str = "Op") -> RequestContext:
        caller = self.caller
        return RequestContext("r", "iam", operation, caller.account, "", caller, self.clock.now_ms())

    async def __call__(self, operation_name: str, **members: Any) -> dict[str, Any]:
        operation = load_service("iam").operation(operation_name)
        assert operation is not None
        params = {xform_name(name): value for name, value in members.items()}
        validate(operation, params)
        method: Callable[..., Awaitable[dict[str, Any] | None]] = getattr(self.api, operation.method_name)
        answer = await method(self.ctx(operation_name), **params)
        sent: dict[str, Any] = _sent(answer or {})
        return sent

    async def user(self, name: str = "U", **members: Any) -> dict[str, Any]:
        created: dict[str, Any] = (await self("CreateUser", UserName=name, **members))["User"]
        return created

    async def policy(self, name: str = "P", text: str = "", **members: Any) -> str:
        """Its ARN."""
        answer = await self("CreatePolicy", PolicyName=name, PolicyDocument=text or document(), **members)
        arn: str = answer["Policy"]["Arn"]
        return arn

    async def role(self, name: str = "R", trust: str = LAMBDA_TRUST, **members: Any) -> dict[str, Any]:
        answer = await self("CreateRole", RoleName=name, AssumeRolePolicyDocument=trust, **members)
        created: dict[str, Any] = answer["Role"]
        return created


@asynccontextmanager
async def iam_client() -> AsyncIterator[IamClient]:
    store = SqliteStore(None)
    await store.start()
    yield IamClient(store)
    await store.close()


def _sent(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _sent(item) for name, item in value.items() if item is not None}
    return [_sent(item) for item in value] if isinstance(value, list) else value
