"""Settings of functions that have operations of their own: loops, and when the runtime is updated."""

from __future__ import annotations

from typing import Any

import msgspec

from noria.context import RequestContext
from noria.services.lambda_ import errors
from noria.services.lambda_.core import Core
from noria.services.lambda_.models import LATEST, Function, function_arn, runtime_version_arn
from noria.services.lambda_.names import require_function, resolve


class SettingsApi:
    """See the module."""

    def __init__(self, core: Core) -> None:
        self._core = core

    async def put_function_recursion_config(
        self, ctx: RequestContext, *, function_name: str, recursive_loop: str
    ) -> dict[str, Any]:
        reference = resolve(ctx, function_name)
        require_function(reference)

        def edit(old: Function) -> Function:
            shared = msgspec.structs.replace(old.shared, recursive_loop=recursive_loop)
            return msgspec.structs.replace(old, shared=shared)

        function = await self._core.control.change(reference, edit)
        return {"RecursiveLoop": function.shared.recursive_loop}

    async def get_function_recursion_config(
        self, ctx: RequestContext, *, function_name: str
    ) -> dict[str, Any]:
        reference, function = await self._core.latest(ctx, function_name)
        require_function(reference)
        return {"RecursiveLoop": function.shared.recursive_loop}

    async def put_runtime_management_config(
        self,
        ctx: RequestContext,
        *,
        function_name: str,
        update_runtime_on: str,
        qualifier: str | None = None,
        runtime_version_arn: str | None = None,
    ) -> dict[str, Any]:
        """A runtime has one version here, the interpreter's: Manual can name no other."""
        reference = resolve(ctx, function_name, qualifier)
        function = await self._core.control.find(reference)
        manual = update_runtime_on == "Manual"
        if manual != (runtime_version_arn is not None):
            raise errors.invalid_parameter(
                "You must specify a RuntimeVersionArn if, and only if, UpdateRuntimeOn is Manual."
            )
        if manual and runtime_version_arn != _runtime_version(function):
            raise errors.invalid_parameter(f"Runtime version {runtime_version_arn} does not exist.")
        new = await self._core.control.change_version(
            function, lambda old: msgspec.structs.replace(old, runtime_updates=update_runtime_on)
        )
        return _management(new)

    async def get_runtime_management_config(
        self, ctx: RequestContext, *, function_name: str, qualifier: str | None = None
    ) -> dict[str, Any]:
        reference = resolve(ctx, function_name, qualifier)
        return _management(await self._core.control.find(reference))


def _runtime_version(function: Function) -> str:
    return runtime_version_arn(function.region, function.runtime)


def _management(function: Function) -> dict[str, Any]:
    answer: dict[str, Any] = {
        "UpdateRuntimeOn": function.runtime_updates,
        "FunctionArn": function_arn(function.account, function.region, function.name, function.version)
        if function.version != LATEST
        else function.arn,
    }
    if function.runtime_updates == "Manual":
        answer["RuntimeVersionArn"] = _runtime_version(function)
    return answer
