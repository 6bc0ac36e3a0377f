"""What a function's owner does while he works on it: runs it from a folder, or under a debugger."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import msgspec

from noria.context import RequestContext
from noria.errors import AwsError
from noria.services.lambda_.core import Core
from noria.services.lambda_.debugging import Debugging
from noria.services.lambda_.folders import Folders
from noria.services.lambda_.invocation import Outcome, Work
from noria.services.lambda_.models import Function, function_arn
from noria.services.lambda_.names import resolve
from noria.services.lambda_.pool import Pool
from noria.services.lambda_.sandbox.confine import NAMESPACES
from noria.services.lambda_.sandbox.namespaces import TASK_ROOT


class FolderRequest(msgspec.Struct, forbid_unknown_fields=True):
    """folder: an absolute path of this machine. changed: since it was said last."""

    function: str
    folder: str
    changed: bool = False


class DebugRequest(msgspec.Struct, forbid_unknown_fields=True):
    """port: for the debugger, 0 for any."""

    function: str
    port: int = 0


class FunctionRequest(msgspec.Struct, forbid_unknown_fields=True):
    function: str


class Development:
    """For the server's owner only: whoever asks is to be proven to hold the root key."""

    def __init__(self, core: Core, pool: Pool) -> None:
        self._core = core
        self._pool = pool
        self.folders = Folders(pool, core.clock)
        self._debugging = Debugging(core.packages, pool, core.clock)

    @property
    def is_idle(self) -> bool:
        return not self.folders and not self._debugging

    async def invoke(self, function: Function, work: Work) -> Outcome:
        """In the place of the pool's, while something is being worked on."""
        function = self.folders.build(function)
        if self._debugging.takes(function):
            return await self._debugging.invoke(function, work)
        return await self._pool.invoke(function, work)

    async def use_folder(self, ctx: RequestContext, body: bytes) -> dict[str, Any]:
        """Run a function from a folder, until `leave_folder` or until this is not asked again."""
        asked = _decoded(body, FolderRequest)
        function = await self._function(ctx, asked.function)
        path = await asyncio.to_thread(_directory, asked.folder)
        changes = self.folders.use(function.arn, path, changed=asked.changed)
        return {"function": function.arn, "changes": changes}

    async def leave_folder(self, ctx: RequestContext, body: bytes) -> dict[str, Any]:
        asked = _decoded(body, FunctionRequest)
        return {"ended": self.folders.end(_arn(ctx, asked.function))}

    async def begin_debugging(self, ctx: RequestContext, body: bytes) -> dict[str, Any]:
        """Let the next invocation of a function wait for a debugger, until `end_debugging`, or until
        nobody looks any more."""
        asked = _decoded(body, DebugRequest)
        function = await self._function(ctx, asked.function)
        host, port = await self._debugging.begin(function, asked.port)
        await self._core.runtimes.ready()
        if self._core.runtimes.isolation.mode == NAMESPACES:
            task_root = TASK_ROOT
        else:
            task_root = str(await self._core.packages.task_root(self.folders.build(function).code_sha256))
        return {"function": function.arn, "host": host, "port": port, "task_root": task_root}

    async def look_at_debugging(self, ctx: RequestContext, body: bytes) -> dict[str, Any]:
        asked = _decoded(body, FunctionRequest)
        return {"state": self._debugging.look(_arn(ctx, asked.function))}

    async def end_debugging(self, ctx: RequestContext, body: bytes) -> dict[str, Any]:
        asked = _decoded(body, FunctionRequest)
        self._debugging.end(_arn(ctx, asked.function))
        return {}

    async def _function(self, ctx: RequestContext, name: str) -> Function:
        reference, function = await self._core.latest(ctx, name)
        if reference.account != ctx.account:
            raise AwsError("AccessDenied", f"{function.arn} is another account's.", 403)
        return function

    def end(self) -> None:
        """Of all functions: running invocations end as they would without."""
        self.folders.end_all()
        self._debugging.end_all()

    async def stop(self) -> None:
        """After `end`, and once no invocation runs."""
        await self.folders.stop()
        await self._debugging.stop()


def _directory(text: str) -> Path:
    path = Path(text)
    if not path.is_absolute() or not path.is_dir():
        raise AwsError("InvalidRequest", f"{path} is no directory of this machine.", 400)
    return path.resolve()


def _arn(ctx: RequestContext, name: str) -> str:
    reference = resolve(ctx, name)
    return function_arn(reference.account, reference.region, reference.name)


def _decoded(body: bytes, kind: type[Any]) -> Any:
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.MsgspecError as error:
        raise AwsError("SerializationException", str(error), 400) from error
