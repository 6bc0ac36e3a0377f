"""Lambda's operations. Texts and shapes follow AWS's recorded answers and its API reference."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from noria.clock import Clock
from noria.config import Settings
from noria.context import RequestContext
from noria.services.ports import Functions, LogSink, Permissions, Roles
from noria.store.base import Store


class LambdaApi:
    """functions: the port for the trigger. runtimes: what `noria status` reports of the interpreters."""

    functions: Functions

    def __init__(
        self,
        store: Store,
        settings: Settings,
        clock: Clock,
        roles: Roles,
        permissions: Permissions,
        logs: LogSink,
        endpoint_url: Callable[[], str],
    ) -> None:
        raise NotImplementedError

    async def start(self) -> None: ...

    async def stop(self) -> None: ...

    async def reset(self, account: str) -> None: ...

    async def create_function(
        self,
        ctx: RequestContext,
        *,
        function_name: str,
        role: str,
        code: Mapping[str, Any],
        runtime: str | None = None,
        handler: str | None = None,
        description: str = "",
        timeout: int = 3,
        memory_size: int = 128,
        package_type: str = "Zip",
        environment: Mapping[str, Any] | None = None,
        tags: Mapping[str, str] | None = None,
        architectures: list[str] | None = None,
    ) -> dict[str, Any]:
        raise NotImplementedError

    async def get_function(
        self, ctx: RequestContext, *, function_name: str, qualifier: str | None = None
    ) -> dict[str, Any]:
        raise NotImplementedError

    async def get_function_configuration(
        self, ctx: RequestContext, *, function_name: str, qualifier: str | None = None
    ) -> dict[str, Any]:
        raise NotImplementedError

    async def list_functions(
        self, ctx: RequestContext, *, marker: str | None = None, max_items: int = 50
    ) -> dict[str, Any]:
        raise NotImplementedError

    async def update_function_code(
        self,
        ctx: RequestContext,
        *,
        function_name: str,
        zip_file: bytes | None = None,
        architectures: list[str] | None = None,
        dry_run: bool = False,
        revision_id: str | None = None,
    ) -> dict[str, Any]:
        raise NotImplementedError

    async def update_function_configuration(
        self,
        ctx: RequestContext,
        *,
        function_name: str,
        role: str | None = None,
        handler: str | None = None,
        description: str | None = None,
        timeout: int | None = None,
        memory_size: int | None = None,
        environment: Mapping[str, Any] | None = None,
        runtime: str | None = None,
        revision_id: str | None = None,
    ) -> dict[str, Any]:
        raise NotImplementedError

    async def delete_function(
        self, ctx: RequestContext, *, function_name: str, qualifier: str | None = None
    ) -> dict[str, Any]:
        raise NotImplementedError

    async def invoke(
        self,
        ctx: RequestContext,
        *,
        function_name: str,
        invocation_type: str = "RequestResponse",
        log_type: str = "None",
        client_context: str | None = None,
        payload: bytes = b"",
        qualifier: str | None = None,
    ) -> dict[str, Any]:
        raise NotImplementedError
