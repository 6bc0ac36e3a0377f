"""Code signing configurations, and which function has which."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from noria.context import RequestContext
from noria.services.lambda_ import checks, errors
from noria.services.lambda_.core import Core
from noria.services.lambda_.models import Function
from noria.services.lambda_.names import Reference, require_function
from noria.services.lambda_.signing import SigningConfig, new_id, not_found, shown, unknown
from noria.services.lambda_.tables import LIST_PAGE


class SigningApi:
    """See `signing`."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._configs = core.signing
        self._table = core.signing.table

    async def create_code_signing_config(
        self,
        ctx: RequestContext,
        *,
        allowed_publishers: Mapping[str, Any],
        description: str = "",
        code_signing_policies: Mapping[str, Any] | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> dict[str, Any]:
        checks.check_tags(tags or {})
        config = SigningConfig(
            account=ctx.account,
            region=ctx.region,
            config_id=new_id(),
            description=description,
            publishers=list(allowed_publishers["SigningProfileVersionArns"]),
            untrusted=(code_signing_policies or {}).get("UntrustedArtifactOnDeployment") or "Warn",
            tags=dict(tags or {}),
            modified_ms=self._core.clock.now_ms(),
        )
        await self._table.insert(ctx.account, ctx.region, config.config_id, config)
        return {"CodeSigningConfig": shown(config)}

    async def _config(self, ctx: RequestContext, arn: str) -> SigningConfig:
        config = await self._configs.find(arn)
        if config is None or (config.account, config.region) != (ctx.account, ctx.region):
            raise not_found(arn)
        return config

    async def get_code_signing_config(
        self, ctx: RequestContext, *, code_signing_config_arn: str
    ) -> dict[str, Any]:
        return {"CodeSigningConfig": shown(await self._config(ctx, code_signing_config_arn))}

    async def update_code_signing_config(
        self,
        ctx: RequestContext,
        *,
        code_signing_config_arn: str,
        description: str | None = None,
        allowed_publishers: Mapping[str, Any] | None = None,
        code_signing_policies: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        changes: dict[str, Any] = {"modified_ms": self._core.clock.now_ms()}
        if description is not None:
            changes["description"] = description
        if allowed_publishers is not None:
            changes["publishers"] = list(allowed_publishers["SigningProfileVersionArns"])
        if code_signing_policies and code_signing_policies.get("UntrustedArtifactOnDeployment"):
            changes["untrusted"] = code_signing_policies["UntrustedArtifactOnDeployment"]
        while True:
            old = await self._config(ctx, code_signing_config_arn)
            new = msgspec.structs.replace(old, **changes)
            if await self._table.replace(ctx.account, ctx.region, old.config_id, old, new):
                return {"CodeSigningConfig": shown(new)}

    async def delete_code_signing_config(
        self, ctx: RequestContext, *, code_signing_config_arn: str
    ) -> dict[str, Any]:
        config = await self._config(ctx, code_signing_config_arn)
        if await self._users(ctx, config.arn):
            raise errors.conflict(
                "Cannot delete the code signing configuration because at least one function is using it."
            )
        await self._table.delete(ctx.account, ctx.region, config.config_id)
        return {}

    async def _users(self, ctx: RequestContext, arn: str) -> list[Function]:
        rows = await self._core.functions.latest.all_of(ctx.account, ctx.region)
        return [function for _, function in rows if function.shared.code_signing_config_arn == arn]

    async def list_code_signing_configs(
        self, ctx: RequestContext, *, marker: str | None = None, max_items: int = LIST_PAGE
    ) -> dict[str, Any]:
        configs, next_marker = await self._table.listed(ctx.account, ctx.region, "", marker, max_items)
        return {"CodeSigningConfigs": [shown(config) for config in configs], "NextMarker": next_marker}

    async def list_functions_by_code_signing_config(
        self,
        ctx: RequestContext,
        *,
        code_signing_config_arn: str,
        marker: str | None = None,
        max_items: int = LIST_PAGE,
    ) -> dict[str, Any]:
        """A page is of all functions that there are, of which those are shown that have it."""
        config = await self._config(ctx, code_signing_config_arn)
        functions, next_marker = await self._core.functions.latest.listed(
            ctx.account, ctx.region, "", marker, max_items
        )
        arns = [each.arn for each in functions if each.shared.code_signing_config_arn == config.arn]
        return {"FunctionArns": arns, "NextMarker": next_marker}

    async def put_function_code_signing_config(
        self, ctx: RequestContext, *, code_signing_config_arn: str, function_name: str
    ) -> dict[str, Any]:
        """What is deployed stays; the next package is checked."""
        reference, _ = await self._function(ctx, function_name)
        if await self._configs.find(code_signing_config_arn) is None:
            raise unknown(code_signing_config_arn)
        await self._set(reference, code_signing_config_arn)
        return {"CodeSigningConfigArn": code_signing_config_arn, "FunctionName": reference.name}

    async def get_function_code_signing_config(
        self, ctx: RequestContext, *, function_name: str
    ) -> dict[str, Any]:
        """A function without one has no members in its answer but its name."""
        _, function = await self._function(ctx, function_name)
        arn = function.shared.code_signing_config_arn
        return {"CodeSigningConfigArn": arn, "FunctionName": function.name} if arn else {}

    async def delete_function_code_signing_config(self, ctx: RequestContext, *, function_name: str) -> None:
        reference, _ = await self._function(ctx, function_name)
        await self._set(reference, "")

    async def _function(self, ctx: RequestContext, function_name: str) -> tuple[Reference, Function]:
        reference, function = await self._core.latest(ctx, function_name)
        require_function(reference)
        return reference, function

    async def _set(self, reference: Reference, arn: str) -> None:
        def edit(old: Function) -> Function:
            shared = msgspec.structs.replace(old.shared, code_signing_config_arn=arn)
            return msgspec.structs.replace(old, shared=shared)

        await self._core.control.change(reference, edit)
