"""Functions as others see them: the trigger (`ports.Functions`), and `noria status`."""

from __future__ import annotations

from typing import Any

import msgspec

from noria.context import new_request_id
from noria.services.lambda_ import errors
from noria.services.lambda_.concurrency import Concurrency
from noria.services.lambda_.functions import FunctionTable
from noria.services.lambda_.invocation import Work
from noria.services.lambda_.models import Function
from noria.services.lambda_.names import Reference
from noria.services.lambda_.pool import Pool
from noria.services.lambda_.runtimes import Runtimes
from noria.services.ports import Invocation


class InvokableFunctions:
    """By ARN, with the qualifier of a version or alias or without."""

    def __init__(
        self, table: FunctionTable, concurrency: Concurrency, pool: Pool, runtimes: Runtimes
    ) -> None:
        self._table = table
        self._concurrency = concurrency
        self._pool = pool
        self._runtimes = runtimes

    async def runtimes(self) -> list[dict[str, Any]]:
        """What `noria status` shows of the interpreters: see `runtimes.RuntimeReport`."""
        return [msgspec.structs.asdict(row) for row in await self._runtimes.report()]

    async def isolation(self) -> dict[str, Any]:
        """What keeps functions apart: see `isolation.Isolation`."""
        await self._runtimes.ready()
        return msgspec.structs.asdict(self._runtimes.isolation)

    def environments(self, function_arn: str) -> int:
        """How many execution environments a function has now."""
        return self._pool.environments_of(function_arn)

    async def _get(self, function_arn: str) -> Function | None:
        return await self._table.route(referred(function_arn))

    async def exists(self, function_arn: str) -> bool:
        return await self._get(function_arn) is not None

    async def role_arn(self, function_arn: str) -> str | None:
        function = await self._get(function_arn)
        return None if function is None else function.role

    async def timeout_s(self, function_arn: str) -> int | None:
        function = await self._get(function_arn)
        return None if function is None else function.timeout_s

    def has_room(self) -> bool:
        return self._pool.has_room()

    async def invoke(self, function_arn: str, payload: bytes, trace: str = "") -> Invocation:
        """Raises ResourceNotFoundException, ResourceConflictException, TooManyRequestsException, …"""
        function = await self._get(function_arn)
        if function is None:
            raise errors.function_not_found(function_arn)
        if function.state != "Active":
            raise errors.not_active(function.state)
        work = Work(new_request_id(), function_arn, payload, trace=trace)
        outcome = await self._concurrency.invoke(function, work)
        return Invocation(work.request_id, outcome.payload, outcome.function_error)


def referred(function_arn: str) -> Reference:
    """The function of an ARN."""
    _, _, _, region, account, _, name, *qualifier = function_arn.split(":")
    return Reference(account, region, name, qualifier[0] if qualifier else "")
