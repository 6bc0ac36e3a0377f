"""Concurrency of functions, and what an account may have."""

from __future__ import annotations

from typing import Any

from noria.context import RequestContext
from noria.services.lambda_ import errors
from noria.services.lambda_.concurrency import Concurrency
from noria.services.lambda_.core import Core
from noria.services.lambda_.limits import (
    ACCOUNT_CONCURRENCY,
    TOTAL_CODE_BYTES,
    UNZIPPED_BYTES,
    ZIPPED_BYTES,
)
from noria.services.lambda_.models import LATEST, function_arn
from noria.services.lambda_.names import require_function, resolve


class ConcurrencyApi:
    """See the module."""

    def __init__(self, core: Core, concurrency: Concurrency) -> None:
        self._core = core
        self._concurrency = concurrency

    async def put_function_concurrency(
        self, ctx: RequestContext, *, function_name: str, reserved_concurrent_executions: int
    ) -> dict[str, Any]:
        reference = resolve(ctx, function_name)
        require_function(reference)
        function = await self._core.functions.get(reference.account, reference.region, reference.name)
        if function is None:
            raise errors.function_not_found(
                function_arn(reference.account, reference.region, reference.name, LATEST)
            )
        await self._concurrency.reserve(function, reserved_concurrent_executions)
        return {"ReservedConcurrentExecutions": reserved_concurrent_executions}

    async def get_function_concurrency(self, ctx: RequestContext, *, function_name: str) -> dict[str, Any]:
        _, function = await self._core.latest(ctx, function_name)
        reservations = await self._concurrency.reservations(function.account, function.region)
        return {"ReservedConcurrentExecutions": reservations.functions.get(function.name)}

    async def delete_function_concurrency(self, ctx: RequestContext, *, function_name: str) -> None:
        _, function = await self._core.latest(ctx, function_name)
        await self._concurrency.free(function)

    async def get_account_settings(self, ctx: RequestContext) -> dict[str, Any]:
        reservations = await self._concurrency.reservations(ctx.account, ctx.region)
        return {
            "AccountLimit": {
                "TotalCodeSize": TOTAL_CODE_BYTES,
                "CodeSizeUnzipped": UNZIPPED_BYTES,
                "CodeSizeZipped": ZIPPED_BYTES,
                "ConcurrentExecutions": ACCOUNT_CONCURRENCY,
                "UnreservedConcurrentExecutions": ACCOUNT_CONCURRENCY - reservations.total,
            },
            "AccountUsage": {
                "TotalCodeSize": await self._core.total_code_bytes(ctx.account, ctx.region),
                "FunctionCount": len(await self._core.functions.latest.all_of(ctx.account, ctx.region)),
            },
        }
