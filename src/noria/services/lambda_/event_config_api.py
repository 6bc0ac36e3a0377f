"""Event invoke configurations: of functions, versions and aliases."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from noria.context import RequestContext
from noria.errors import AwsError
from noria.services.lambda_ import errors
from noria.services.lambda_.core import Core
from noria.services.lambda_.destinations import Destinations
from noria.services.lambda_.event_configs import EventConfig, event_config
from noria.services.lambda_.functions import qualified
from noria.services.lambda_.models import LATEST, Function, function_arn
from noria.services.lambda_.names import Reference, resolve
from noria.services.lambda_.tables import LIST_PAGE


class EventConfigApi:
    """Without a qualifier, $LATEST is meant."""

    def __init__(self, core: Core, destinations: Destinations) -> None:
        self._core = core
        self._configs = core.event_configs
        self._destinations = destinations

    async def put_function_event_invoke_config(
        self,
        ctx: RequestContext,
        *,
        function_name: str,
        qualifier: str | None = None,
        maximum_retry_attempts: int | None = None,
        maximum_event_age_in_seconds: int | None = None,
        destination_config: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        reference = _qualified(ctx, function_name, qualifier)
        given = _given(maximum_retry_attempts, maximum_event_age_in_seconds, destination_config)
        function = await self._function(reference)
        await self._check(function, destination_config)
        config = EventConfig(**given, last_modified_ms=self._core.clock.now_ms())
        await self._configs.put(reference.account, reference.region, _key(reference), config)
        return event_config(config, reference.arn)

    async def update_function_event_invoke_config(
        self,
        ctx: RequestContext,
        *,
        function_name: str,
        qualifier: str | None = None,
        maximum_retry_attempts: int | None = None,
        maximum_event_age_in_seconds: int | None = None,
        destination_config: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        reference = _qualified(ctx, function_name, qualifier)
        given = _given(maximum_retry_attempts, maximum_event_age_in_seconds, destination_config)
        function = await self._function(reference)
        old = await self._config(reference)
        await self._check(function, destination_config)
        new = msgspec.structs.replace(old, **given, last_modified_ms=self._core.clock.now_ms())
        await self._configs.put(reference.account, reference.region, _key(reference), new)
        return event_config(new, reference.arn)

    async def _function(self, reference: Reference) -> Function:
        function = await self._core.functions.find(reference)
        if function is None:
            raise errors.not_found("The function doesn't exist.")
        return function

    async def _config(self, reference: Reference) -> EventConfig:
        config = await self._configs.get(reference.account, reference.region, _key(reference))
        if config is None:
            raise _no_config(reference)
        return config

    async def _check(self, function: Function, config: Mapping[str, Any] | None) -> None:
        success, failure = _destination(config, "OnSuccess"), _destination(config, "OnFailure")
        shown = (
            f"DestinationConfig(onSuccess={_shown('OnSuccess', success)}, "
            f"onFailure={_shown('OnFailure', failure)})"
        )
        for destination in (success, failure):
            if destination:
                await self._destinations.check(function, destination, shown)

    async def get_function_event_invoke_config(
        self, ctx: RequestContext, *, function_name: str, qualifier: str | None = None
    ) -> dict[str, Any]:
        reference = _qualified(ctx, function_name, qualifier)
        return event_config(await self._config(reference), reference.arn)

    async def delete_function_event_invoke_config(
        self, ctx: RequestContext, *, function_name: str, qualifier: str | None = None
    ) -> None:
        reference = _qualified(ctx, function_name, qualifier)
        if not await self._configs.delete(reference.account, reference.region, _key(reference)):
            raise _no_config(reference)

    async def list_function_event_invoke_configs(
        self,
        ctx: RequestContext,
        *,
        function_name: str,
        marker: str | None = None,
        max_items: int = LIST_PAGE,
    ) -> dict[str, Any]:
        reference = resolve(ctx, function_name)
        await self._function(Reference(reference.account, reference.region, reference.name))
        rows, next_marker = await self._configs.listed_rows(
            reference.account, reference.region, f"{reference.name}:", marker, max_items
        )
        configs = [
            event_config(
                config,
                function_arn(reference.account, reference.region, reference.name, key.partition(":")[2]),
            )
            for key, config in rows
        ]
        return {"FunctionEventInvokeConfigs": configs, "NextMarker": next_marker}


def _qualified(ctx: RequestContext, function_name: str, qualifier: str | None) -> Reference:
    reference = resolve(ctx, function_name, qualifier)
    return msgspec.structs.replace(reference, qualifier=reference.qualifier or LATEST)


def _key(reference: Reference) -> str:
    return qualified(reference.name, reference.qualifier)


def _given(retries: int | None, age_s: int | None, destinations: Mapping[str, Any] | None) -> dict[str, Any]:
    """The fields of an EventConfig that a request names. Raises where it names none."""
    if retries is None and age_s is None and destinations is None:
        raise errors.invalid_parameter(
            "You must specify at least one of error handling or destination setting."
        )
    given: dict[str, Any] = {}
    if retries is not None:
        given["retry_attempts"] = retries
    if age_s is not None:
        given["maximum_age_s"] = age_s
    if destinations is not None:
        given["on_success"] = _destination(destinations, "OnSuccess")
        given["on_failure"] = _destination(destinations, "OnFailure")
    return given


def _destination(config: Mapping[str, Any] | None, which: str) -> str:
    return ((config or {}).get(which) or {}).get("Destination") or ""


def _shown(which: str, destination: str) -> str:
    return f"{which}(destination={destination})" if destination else "null"


def _no_config(reference: Reference) -> AwsError:
    return errors.not_found(f"The function {reference.arn} doesn't have an EventInvokeConfig")
