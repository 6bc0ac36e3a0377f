"""Lambda's operations. Texts and shapes follow AWS's recorded answers and its API reference."""

from __future__ import annotations

import base64
import binascii
import uuid
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from noria.clock import Clock
from noria.config import Settings
from noria.context import RequestContext
from noria.errors import not_implemented
from noria.services.lambda_ import checks, errors
from noria.services.lambda_.async_invoke import AsyncInvoker
from noria.services.lambda_.control import Control
from noria.services.lambda_.functions import FunctionTable
from noria.services.lambda_.invocation import Work
from noria.services.lambda_.invoker import InvokableFunctions
from noria.services.lambda_.limits import STOP_GRACE_S
from noria.services.lambda_.models import LATEST, Function, base64_sha256, configuration, function_arn
from noria.services.lambda_.names import Reference, require_latest, resolve
from noria.services.lambda_.package import PackageStore
from noria.services.lambda_.payload import check_payload, parse_client_context
from noria.services.lambda_.pool import Pool
from noria.services.lambda_.runtimes import Runtimes
from noria.services.ports import LAMBDA_SERVICE_PRINCIPAL, LogSink, Permissions, Roles
from noria.store.base import Store

LIST_PAGE = 50  # AWS gives no more at once, whatever MaxItems says


class LambdaApi:
    """functions: what the trigger and `noria status` see of them."""

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
        """endpoint_url: gives the server's own URL, which functions get as AWS_ENDPOINT_URL."""
        self._clock = clock
        self._roles = roles
        self._permissions = permissions
        self._strict_runtimes = settings.strict_runtimes
        self._table = FunctionTable(store.records)
        self._packages = PackageStore(settings.data_dir / "code")
        self._runtimes = Runtimes()
        self._pool = Pool(
            clock, roles, logs, self._runtimes, self._packages, endpoint_url, settings.data_dir / "tmp"
        )
        self._control = Control(self._table, self._packages, self._runtimes, self._pool)
        self._events = AsyncInvoker(store.records, self._table, clock, self._pool.invoke)
        self.functions = InvokableFunctions(self._table, self._pool, self._runtimes)

    async def start(self) -> None:
        await self._pool.start()
        await self._control.start()
        await self._events.start()

    async def stop(self) -> None:
        """Running invocations finish, for a while; then nothing of any function is left running."""
        self._events.stop_taking()
        await self._pool.stop(STOP_GRACE_S)
        await self._events.stop()
        await self._control.stop()
        await self._runtimes.stop()

    async def reset(self, account: str) -> None:
        """Remove the account's functions, what runs of them, and the events that wait for them."""
        await self._events.reset(account)
        await self._control.delete_all(account)

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
        timeout: int = 3,  # noqa: ASYNC109  the request's member
        memory_size: int = 128,
        package_type: str = "Zip",
        publish: bool = False,
        environment: Mapping[str, Any] | None = None,
        tags: Mapping[str, str] | None = None,
        architectures: list[str] | None = None,
    ) -> dict[str, Any]:
        reference = resolve(ctx, function_name)
        if package_type != "Zip":
            raise not_implemented(f"CreateFunction's PackageType {package_type}")
        if publish:
            raise not_implemented("CreateFunction's Publish")
        if runtime is None or not handler:
            raise errors.invalid_parameter(
                "Runtime and Handler are mandatory parameters for functions created with deployment packages."
            )
        await self._check_runtime(runtime)
        data = checks.zip_file(code)
        variables = checks.environment_variables(environment)
        checks.check_memory_size(memory_size)
        checks.check_timeout(timeout)
        checks.check_tags(tags or {})
        await self._check_role(ctx, reference.name, role)
        if await self._table.get(ctx.account, ctx.region, reference.name) is not None:
            raise errors.function_exists(reference.name)
        build_id = str(uuid.uuid4())
        function = Function(
            account=ctx.account,
            region=ctx.region,
            name=reference.name,
            runtime=runtime,
            role=role,
            handler=handler,
            description=description,
            timeout_s=timeout,
            memory_size_mb=memory_size,
            environment=variables,
            tags=dict(tags or {}),
            architecture=checks.architecture(architectures),
            code_sha256=await self._packages.add(data, build_id),
            code_size_bytes=len(data),
            last_modified_ms=self._clock.now_ms(),
            revision_id=str(uuid.uuid4()),
            build_id=build_id,
        )
        await self._control.create(function)
        return configuration(function)

    async def _check_runtime(self, runtime: str) -> None:
        await self._runtimes.ready()
        checks.check_runtime(self._runtimes, runtime, strict=self._strict_runtimes)

    async def _check_role(self, ctx: RequestContext, name: str, role: str) -> None:
        """The caller may pass the role to Lambda, and the role trusts Lambda."""
        if role.split(":")[4] != ctx.account:
            raise errors.foreign_role()
        passed_to = {
            "iam:PassedToService": LAMBDA_SERVICE_PRINCIPAL,
            "iam:AssociatedResourceArn": function_arn(ctx.account, ctx.region, name),
        }
        await self._permissions.require(ctx, "iam:PassRole", role, passed_to)
        if not await self._roles.trusts(role, LAMBDA_SERVICE_PRINCIPAL):
            raise errors.role_cannot_be_assumed()

    async def _get(
        self, ctx: RequestContext, function_name: str, qualifier: str | None
    ) -> tuple[Reference, Function]:
        reference = resolve(ctx, function_name, qualifier)
        require_latest(reference)
        return reference, await self._control.get(reference)

    async def get_function(
        self, ctx: RequestContext, *, function_name: str, qualifier: str | None = None
    ) -> dict[str, Any]:
        """Without Code.Location: there is nothing yet that a URL could point to."""
        reference, function = await self._get(ctx, function_name, qualifier)
        answer: dict[str, Any] = {
            "Configuration": configuration(function, reference.qualifier),
            "Code": {"RepositoryType": "S3"},
        }
        if function.tags:
            answer["Tags"] = function.tags
        return answer

    async def get_function_configuration(
        self, ctx: RequestContext, *, function_name: str, qualifier: str | None = None
    ) -> dict[str, Any]:
        reference, function = await self._get(ctx, function_name, qualifier)
        return configuration(function, reference.qualifier)

    async def list_functions(
        self, ctx: RequestContext, *, marker: str | None = None, max_items: int = LIST_PAGE
    ) -> dict[str, Any]:
        limit = min(max_items, LIST_PAGE)
        page = await self._table.page(ctx.account, ctx.region, _after(marker), limit + 1)
        answer: dict[str, Any] = {"Functions": [configuration(function) for function in page[:limit]]}
        if len(page) > limit:
            answer["NextMarker"] = base64.urlsafe_b64encode(page[limit - 1].name.encode()).decode()
        return answer

    async def update_function_code(
        self,
        ctx: RequestContext,
        *,
        function_name: str,
        zip_file: bytes | None = None,
        architectures: list[str] | None = None,
        publish: bool = False,
        dry_run: bool = False,
        revision_id: str | None = None,
    ) -> dict[str, Any]:
        reference = resolve(ctx, function_name)
        if publish:
            raise not_implemented("UpdateFunctionCode's Publish")
        if zip_file is None:
            raise errors.invalid_parameter("Please provide a source for function code.")
        old = await self._control.for_update(reference, revision_id)
        build_id = str(uuid.uuid4())
        if dry_run:
            code_sha256 = await self._packages.validate(zip_file)
            answer = configuration(old)
            return answer | {"CodeSha256": base64_sha256(code_sha256), "CodeSize": len(zip_file)}
        new = msgspec.structs.replace(
            old,
            architecture=checks.architecture(architectures, old.architecture),
            code_sha256=await self._packages.add(zip_file, build_id),
            code_size_bytes=len(zip_file),
            **self._next_build(build_id),
        )
        await self._control.update(old, new)
        return configuration(new)

    def _next_build(self, build_id: str) -> dict[str, Any]:
        return {
            "build_id": build_id,
            "last_modified_ms": self._clock.now_ms(),
            "revision_id": str(uuid.uuid4()),
            "update_status": "InProgress",
        }

    async def update_function_configuration(
        self,
        ctx: RequestContext,
        *,
        function_name: str,
        role: str | None = None,
        handler: str | None = None,
        description: str | None = None,
        timeout: int | None = None,  # noqa: ASYNC109  the request's member
        memory_size: int | None = None,
        environment: Mapping[str, Any] | None = None,
        runtime: str | None = None,
        revision_id: str | None = None,
    ) -> dict[str, Any]:
        reference = resolve(ctx, function_name)
        changes: dict[str, Any] = {
            "role": role,
            "handler": handler,
            "description": description,
            "timeout_s": timeout,
            "memory_size_mb": memory_size,
            "environment": checks.environment_variables(environment),
            "runtime": runtime,
        }
        if runtime is not None:
            await self._check_runtime(runtime)
        if memory_size is not None:
            checks.check_memory_size(memory_size)
        if timeout is not None:
            checks.check_timeout(timeout)
        old = await self._control.for_update(reference, revision_id)
        if role is not None:
            await self._check_role(ctx, reference.name, role)
        given = {member: value for member, value in changes.items() if value is not None}
        build_id = str(uuid.uuid4())
        new = msgspec.structs.replace(old, **given, **self._next_build(build_id))
        self._packages.hold(new.code_sha256, build_id)
        await self._control.update(old, new)
        return configuration(new)

    async def delete_function(
        self, ctx: RequestContext, *, function_name: str, qualifier: str | None = None
    ) -> dict[str, Any]:
        reference = resolve(ctx, function_name, qualifier)
        if reference.qualifier == LATEST:
            raise errors.invalid_parameter("$LATEST version cannot be deleted without deleting the function.")
        require_latest(reference)
        await self._control.delete(await self._control.get(reference))
        return {"StatusCode": 204}

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
        reference = resolve(ctx, function_name, qualifier)
        is_event = invocation_type == "Event"
        check_payload(payload, is_event=is_event)
        function = await self._invokable(reference)
        if invocation_type == "DryRun":
            return {"StatusCode": 204}
        work = Work(
            request_id=ctx.request_id,
            arn=reference.arn,
            payload=payload,
            client_context=parse_client_context(client_context),
            wants_tail=log_type == "Tail" and not is_event,
        )
        if is_event:
            await self._events.accept(function, work)
            return {"StatusCode": 202, "Payload": b""}
        outcome = await self._pool.invoke(function, work)
        answer: dict[str, Any] = {"StatusCode": 200, "ExecutedVersion": LATEST, "Payload": outcome.payload}
        if outcome.function_error:
            answer["FunctionError"] = outcome.function_error
        if work.wants_tail:
            answer["LogResult"] = base64.b64encode(outcome.tail).decode()
        return answer

    async def _invokable(self, reference: Reference) -> Function:
        function = await self._table.get(reference.account, reference.region, reference.name)
        if function is None or reference.qualifier not in {"", LATEST}:
            named = function_arn(
                reference.account, reference.region, reference.name, reference.qualifier or LATEST
            )
            raise errors.function_not_found(named)
        if function.state != "Active":
            raise errors.not_active(function.state)
        return function


def _after(marker: str | None) -> str:
    try:
        return base64.urlsafe_b64decode(marker or "").decode()
    except (binascii.Error, ValueError):
        raise errors.invalid_parameter("Invalid marker.") from None
