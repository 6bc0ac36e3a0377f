"""Function URLs: made, shown, changed, deleted. `urls` answers the requests to them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from noria.context import RequestContext
from noria.services.lambda_ import errors
from noria.services.lambda_.core import Core
from noria.services.lambda_.functions import qualified
from noria.services.lambda_.names import Reference, resolve
from noria.services.lambda_.tables import LIST_PAGE
from noria.services.lambda_.url_configs import UrlConfig, new_id, url_config


class UrlApi:
    """A URL of an alias stays when the alias goes, as on AWS, and answers nobody then."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._urls = core.urls

    async def create_function_url_config(
        self,
        ctx: RequestContext,
        *,
        function_name: str,
        auth_type: str,
        qualifier: str | None = None,
        cors: Mapping[str, Any] | None = None,
        invoke_mode: str = "BUFFERED",
    ) -> dict[str, Any]:
        reference = resolve(ctx, function_name, qualifier)
        function = await self._core.functions.find(reference)
        if function is None:
            raise errors.not_found("Function does not exist")
        if function.isolates_tenants:
            raise errors.no_tenants_there("A function URL")
        now_ms = self._core.clock.now_ms()
        config = UrlConfig(
            account=reference.account,
            region=reference.region,
            function=reference.name,
            qualifier=reference.qualifier,
            url_id=new_id(),
            auth_type="NONE" if auth_type == "NONE" else "AWS_IAM",
            cors=dict(cors or {}),
            invoke_mode="BUFFERED" if invoke_mode == "BUFFERED" else "RESPONSE_STREAM",
            created_ms=now_ms,
            modified_ms=now_ms,
        )
        if not await self._urls.insert(reference.account, reference.region, _key(reference), config):
            raise errors.conflict(
                f"Failed to create function url config for [functionArn = {config.arn}]. Error message:  "
                "FunctionUrlConfig exists for this Lambda function"
            )
        answer = url_config(config, ctx.base_url)
        del answer["LastModifiedTime"]
        return answer

    async def _config(self, reference: Reference) -> UrlConfig:
        config = await self._urls.get(reference.account, reference.region, _key(reference))
        if config is None:
            raise errors.not_found()
        return config

    async def get_function_url_config(
        self, ctx: RequestContext, *, function_name: str, qualifier: str | None = None
    ) -> dict[str, Any]:
        return url_config(await self._config(resolve(ctx, function_name, qualifier)), ctx.base_url)

    async def update_function_url_config(
        self,
        ctx: RequestContext,
        *,
        function_name: str,
        qualifier: str | None = None,
        auth_type: str | None = None,
        cors: Mapping[str, Any] | None = None,
        invoke_mode: str | None = None,
    ) -> dict[str, Any]:
        reference = resolve(ctx, function_name, qualifier)
        old = await self._config(reference)
        changes: dict[str, Any] = {"modified_ms": self._core.clock.now_ms()}
        if auth_type is not None:
            changes["auth_type"] = auth_type
        if invoke_mode is not None:
            changes["invoke_mode"] = invoke_mode
        if cors is not None:
            changes["cors"] = dict(cors)
        new = msgspec.structs.replace(old, **changes)
        if not await self._urls.replace(reference.account, reference.region, _key(reference), old, new):
            raise errors.conflict("The function URL is being changed by another request.")
        return url_config(new, ctx.base_url)

    async def delete_function_url_config(
        self, ctx: RequestContext, *, function_name: str, qualifier: str | None = None
    ) -> None:
        reference = resolve(ctx, function_name, qualifier)
        if not await self._urls.delete(reference.account, reference.region, _key(reference)):
            raise errors.not_found()

    async def list_function_url_configs(
        self,
        ctx: RequestContext,
        *,
        function_name: str,
        marker: str | None = None,
        max_items: int = LIST_PAGE,
    ) -> dict[str, Any]:
        _, function = await self._core.latest(ctx, function_name)
        configs, next_marker = await self._urls.listed(
            function.account, function.region, f"{function.name}:", marker, max_items
        )
        shown = [url_config(config, ctx.base_url) for config in configs]
        return {"FunctionUrlConfigs": shown, "NextMarker": next_marker}


def _key(reference: Reference) -> str:
    return qualified(reference.name, reference.qualifier)
