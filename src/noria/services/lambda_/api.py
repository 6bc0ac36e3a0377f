"""Functions: made, shown, changed, deleted. Texts and shapes follow AWS's recorded answers."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Mapping
from typing import Any

import msgspec

from noria.context import RequestContext
from noria.errors import not_implemented
from noria.services.lambda_ import checks, errors, settings
from noria.services.lambda_.concurrency import Concurrency
from noria.services.lambda_.core import Core
from noria.services.lambda_.functions import is_version
from noria.services.lambda_.limits import UNZIPPED_BYTES
from noria.services.lambda_.models import LATEST, Function, Shared, base64_sha256, configuration, listed
from noria.services.lambda_.names import Reference, resolve
from noria.services.lambda_.tables import LIST_PAGE, after_marker, next_after


class LambdaApi:
    """See the module."""

    def __init__(self, core: Core, concurrency: Concurrency) -> None:
        self._core = core
        self._control = core.control
        self._packages = core.packages
        self._concurrency = concurrency

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
        layers: list[str] | None = None,
        ephemeral_storage: settings.Member = None,
        tracing_config: settings.Member = None,
        dead_letter_config: settings.Member = None,
        logging_config: settings.Member = None,
        snap_start: settings.Member = None,
        vpc_config: settings.Member = None,
        code_signing_config_arn: str = "",
        tenancy_config: settings.Member = None,
    ) -> dict[str, Any]:
        reference = resolve(ctx, function_name)
        if reference.account != ctx.account:
            raise errors.other_account()
        if package_type != "Zip":
            raise not_implemented(f"CreateFunction's PackageType {package_type}")
        if runtime is None or not handler:
            raise errors.invalid_parameter(
                "Runtime and Handler are mandatory parameters for functions created with deployment packages."
            )
        await self._core.check_runtime(runtime)
        self._core.runtimes.template(runtime)  # starts while the package is unpacked
        data = checks.zip_file(code)
        given = settings.fields(
            environment=checks.environment_variables(environment),
            layers=await self._core.used_layers(ctx, layers),
            ephemeral_storage=ephemeral_storage,
            tracing_config=tracing_config,
            dead_letter_config=dead_letter_config,
            logging_config=logging_config,
            snap_start=snap_start,
            vpc_config=vpc_config,
        )
        checks.check_memory_size(memory_size)
        checks.check_timeout(timeout)
        checks.check_tags(tags or {})
        await self._core.check_role(ctx, reference.name, role)
        if await self._core.functions.get(ctx.account, ctx.region, reference.name) is not None:
            raise errors.function_exists(reference.name)
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
            tags=dict(tags or {}),
            architecture=checks.architecture(architectures),
            code_sha256="",
            code_size_bytes=len(data),
            last_modified_ms=self._core.clock.now_ms(),
            revision_id=str(uuid.uuid4()),
            build_id=str(uuid.uuid4()),
            isolates_tenants=tenancy_config is not None,
            shared=Shared(code_signing_config_arn=code_signing_config_arn),
            **given,
        )
        checks.check_snap_start(function)
        return await self._create(ctx, function, data, publish=publish)

    async def _create(
        self, ctx: RequestContext, function: Function, data: bytes, *, publish: bool
    ) -> dict[str, Any]:
        await self._core.signing.check_package(function)
        if function.dead_letter_arn:
            await self._core.destinations.check_dead_letter(function)
        await self._core.check_code_storage(ctx, len(data))
        sha256 = await self._packages.add(data, function.build_id)
        function = msgspec.structs.replace(function, code_sha256=sha256)
        await self._check_layers(function)
        self._control.hold(function)
        return configuration(await self._control.create(function, publish=publish))

    async def get_function(
        self, ctx: RequestContext, *, function_name: str, qualifier: str | None = None
    ) -> dict[str, Any]:
        reference = resolve(ctx, function_name, qualifier)
        function = await self._control.find(reference)
        answer: dict[str, Any] = {
            "Configuration": configuration(function, reference.qualifier),
            "Code": {
                "RepositoryType": "S3",
                "Location": self._core.downloads.url(ctx.base_url, function.code_sha256),
            },
        }
        if function.tags:
            answer["Tags"] = function.tags
        reservations = await self._concurrency.reservations(function.account, function.region)
        if (reserved := reservations.functions.get(function.name)) is not None:
            answer["Concurrency"] = {"ReservedConcurrentExecutions": reserved}
        return answer

    async def get_function_configuration(
        self, ctx: RequestContext, *, function_name: str, qualifier: str | None = None
    ) -> dict[str, Any]:
        reference = resolve(ctx, function_name, qualifier)
        return configuration(await self._control.find(reference), reference.qualifier)

    async def list_functions(
        self,
        ctx: RequestContext,
        *,
        function_version: str | None = None,
        marker: str | None = None,
        max_items: int = LIST_PAGE,
    ) -> dict[str, Any]:
        if function_version == "ALL":
            return await self._all_versions(ctx, marker, max_items)
        functions, next_marker = await self._core.functions.latest.listed(
            ctx.account, ctx.region, "", marker, max_items
        )
        return {"Functions": [listed(function) for function in functions], "NextMarker": next_marker}

    async def _all_versions(self, ctx: RequestContext, marker: str | None, max_items: int) -> dict[str, Any]:
        """Of every function $LATEST, then its published versions. The marker is the last ARN shown."""
        limit = min(max_items, LIST_PAGE)
        name, _, last = after_marker(marker).partition(":")
        shown: list[Function] = []
        table = self._core.functions
        if name and (begun := await table.get(ctx.account, ctx.region, name)) is not None:
            shown += [each for each in await table.versions_of(begun) if int(each.version) > int(last or 0)]
        while len(shown) <= limit:
            page = await table.latest.page(ctx.account, ctx.region, after=name, limit=limit + 1)
            for _, latest in page:
                shown += [latest, *await table.versions_of(latest)]
            if not page:
                break
            name = page[-1][0]
        answer: dict[str, Any] = {
            "Functions": [listed(function, function.version) for function in shown[:limit]]
        }
        if len(shown) > limit:
            last_shown = shown[limit - 1]
            number = "0" if last_shown.version == LATEST else last_shown.version
            answer["NextMarker"] = next_after(f"{last_shown.name}:{number}")
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
        if zip_file is None:
            raise errors.invalid_parameter("Please provide a source for function code.")
        old = await self._control.for_update(reference, revision_id)
        await self._core.signing.check_package(old)
        kept = len(zip_file) if publish else 0  # by the version, beside $LATEST
        await self._core.check_code_storage(ctx, len(zip_file) - old.code_size_bytes + kept)
        build_id = str(uuid.uuid4())
        if dry_run:
            code_sha256 = await self._packages.validate(zip_file)
            answer = configuration(old)
            return answer | {"CodeSha256": base64_sha256(code_sha256), "CodeSize": len(zip_file)}
        sha256 = await self._packages.add(zip_file, build_id)
        new = msgspec.structs.replace(
            old,
            architecture=checks.architecture(architectures, old.architecture),
            code_sha256=sha256,
            code_size_bytes=len(zip_file),
            **self._next_build(build_id),
        )
        await self._check_layers(new)
        self._control.hold(new)
        await self._control.update(old, new)
        if publish:
            version = await self._control.publish(new, None)
            return configuration(version, version.version)
        return configuration(new)

    def _next_build(self, build_id: str) -> dict[str, Any]:
        return {
            "build_id": build_id,
            "last_modified_ms": self._core.clock.now_ms(),
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
        layers: list[str] | None = None,
        ephemeral_storage: settings.Member = None,
        tracing_config: settings.Member = None,
        dead_letter_config: settings.Member = None,
        logging_config: settings.Member = None,
        snap_start: settings.Member = None,
        vpc_config: settings.Member = None,
        revision_id: str | None = None,
    ) -> dict[str, Any]:
        reference = resolve(ctx, function_name)
        variables = checks.environment_variables(environment)
        if runtime is not None:
            await self._core.check_runtime(runtime)
        if memory_size is not None:
            checks.check_memory_size(memory_size)
        if timeout is not None:
            checks.check_timeout(timeout)
        old = await self._control.for_update(reference, revision_id)
        if role is not None:
            await self._core.check_role(ctx, reference.name, role)
        plain: dict[str, Any] = {
            "role": role,
            "handler": handler,
            "description": description,
            "timeout_s": timeout,
            "memory_size_mb": memory_size,
            "runtime": runtime,
        }
        given = {member: value for member, value in plain.items() if value is not None} | settings.fields(
            environment=variables,
            layers=await self._core.used_layers(ctx, layers),
            ephemeral_storage=ephemeral_storage,
            tracing_config=tracing_config,
            dead_letter_config=dead_letter_config,
            logging_config=logging_config,
            snap_start=snap_start,
            vpc_config=vpc_config,
            old_logging=old.logging,
        )
        new = msgspec.structs.replace(old, **given, **self._next_build(str(uuid.uuid4())))
        checks.check_snap_start(new)
        if new.dead_letter_arn and (dead_letter_config is not None or role is not None):
            await self._core.destinations.check_dead_letter(new)
        if layers is not None:
            await self._check_layers(new)
        self._control.hold(new)
        await self._control.update(old, new)
        return configuration(new)

    async def _check_layers(self, function: Function) -> None:
        """Its code and its layers together are no larger than AWS allows."""
        if not function.layers:
            return
        digests = [function.code_sha256, *(layer.code_sha256 for layer in function.layers)]
        size = await asyncio.to_thread(self._packages.unzipped_bytes, digests)
        if size > UNZIPPED_BYTES:
            await self._packages.release(function.code_sha256, function.build_id)
            raise errors.invalid_parameter(
                f"Function code combined with layers exceeds the maximum allowed size of {UNZIPPED_BYTES} "
                f"bytes. The actual size is {size} bytes."
            )

    async def delete_function(
        self, ctx: RequestContext, *, function_name: str, qualifier: str | None = None
    ) -> dict[str, Any]:
        reference = resolve(ctx, function_name, qualifier)
        if reference.qualifier == LATEST:
            raise errors.invalid_parameter("$LATEST version cannot be deleted without deleting the function.")
        if not reference.qualifier:
            function = await self._control.latest(reference)
            await self._control.delete(function)
            await self._concurrency.free(function)
        elif is_version(reference.qualifier):
            await self._delete_version(reference)
        else:
            raise errors.invalid_parameter("Deletion of aliases is not currently supported.")
        return {"StatusCode": 204}

    async def _delete_version(self, reference: Reference) -> None:
        """Not while an alias names it; there need not be one."""
        latest = await self._control.latest(reference)
        version = reference.qualifier
        aliases = await self._core.functions.aliases_of(latest)
        naming = [alias.name for alias in aliases if version in {alias.version, *alias.weights}]
        if naming:
            raise errors.conflict(
                f"Unable to delete version because the following aliases reference it: [{', '.join(naming)}]"
            )
        found = await self._core.functions.find(reference)
        if found is not None:
            await self._control.delete(found)
            await self._core.forget(reference, version)
