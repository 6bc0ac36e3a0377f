"""Lambda's operations on event source mappings, and the pollers that they control."""

from __future__ import annotations

import asyncio
import uuid as uuids
from collections.abc import Mapping as Dict
from collections.abc import Sequence
from typing import Any

import msgspec

from noria.clock import Clock
from noria.context import RequestContext
from noria.services.ports import Caller, Functions, MetricSink, Permissions, Roles
from noria.services.triggers import errors, limits
from noria.services.triggers.checks import Checks, check_options, pollers_of
from noria.services.triggers.filters import patterns_of
from noria.services.triggers.fleet import Fleet
from noria.services.triggers.mapping import Mapping, MappingTable
from noria.services.triggers.metrics import metrics_of
from noria.services.triggers.names import function_arn, name_of, parse_queue
from noria.services.triggers.source import Surroundings
from noria.services.triggers.tagging import MappingTags
from noria.store.base import Records

Options = Dict[str, Any]


class TriggersApi:
    """SQS event source mappings. A mapping outlives its function, as on AWS; it then waits for a new one."""

    def __init__(
        self,
        records: Records,
        functions: Functions,
        roles: Roles,
        permissions: Permissions,
        caller: Caller,
        clock: Clock,
        metrics: MetricSink,
    ) -> None:
        self._mappings = MappingTable(records)
        self._checks = Checks(functions, roles, permissions, caller)
        self._fleet = Fleet(Surroundings(functions, roles, caller, clock, metrics))
        self._clock = clock
        self._changing = asyncio.Lock()  # a queue and a function have one mapping, also when two ask at once
        self.tagged = MappingTags(self._mappings, self._changing)

    async def start(self) -> None:
        """Every enabled mapping polls again."""
        self._fleet.start(await self._mappings.all())

    async def stop(self) -> None:
        """No more deliveries; running batches finish, within limits.STOP_GRACE_S."""
        await self._fleet.stop()

    async def reset(self, account: str) -> None:
        """End an account's pollers and their batches at once; its records go with all others."""
        await self._fleet.abort(account)

    async def create_event_source_mapping(
        self,
        ctx: RequestContext,
        *,
        function_name: str,
        event_source_arn: str | None = None,
        enabled: bool = True,
        batch_size: int = limits.DEFAULT_BATCH_SIZE,
        maximum_batching_window_in_seconds: int = 0,
        function_response_types: Sequence[str] = (),
        filter_criteria: Options | None = None,
        scaling_config: Options | None = None,
        provisioned_poller_config: Options | None = None,
        destination_config: Options | None = None,
        metrics_config: Options | None = None,
        tags: dict[str, str] | None = None,
    ) -> dict[str, Any]:
        queue = parse_queue(event_source_arn)
        if queue.region != ctx.region:
            raise errors.no_such_queue()  # Lambda looks in its own region only
        _refuse_destinations(destination_config)
        mapping = Mapping(
            uuid=str(uuids.uuid4()),
            account=ctx.account,
            region=ctx.region,
            source_arn=queue.arn,
            function_arn=function_arn(ctx, function_name),
            enabled=enabled,
            batch_size=batch_size,
            window_s=maximum_batching_window_in_seconds,
            response_types=tuple(function_response_types),
            last_modified_ms=self._clock.now_ms(),
            filters=patterns_of(filter_criteria or {}),
            maximum_concurrency=(scaling_config or {}).get("MaximumConcurrency"),
            pollers=pollers_of(provisioned_poller_config or {}),
            tags=tags or {},
            metrics=metrics_of(metrics_config or {}),
        )
        check_options(mapping)
        async with self._changing:
            await self._check(mapping)
            await self._mappings.insert(mapping)
            self._fleet.add(mapping)
        return mapping.describe("Creating" if enabled else "Disabled")

    async def get_event_source_mapping(self, ctx: RequestContext, *, uuid: str) -> dict[str, Any]:
        return self._fleet.describe(await self._mapping(ctx, uuid))

    async def list_event_source_mappings(
        self,
        ctx: RequestContext,
        *,
        event_source_arn: str | None = None,
        function_name: str | None = None,
        marker: str = "",
        max_items: int = limits.DEFAULT_LIST,
    ) -> dict[str, Any]:
        """marker: the UUID that the page before ended with."""
        wanted = None if function_name is None else function_arn(ctx, function_name)
        found = [
            mapping
            for mapping in await self._mappings.all_of(ctx.account, ctx.region, after=marker)
            if (wanted is None or mapping.function_arn == wanted)
            and (event_source_arn is None or mapping.source_arn == event_source_arn)
        ]
        page = found[:max_items]
        return {
            "EventSourceMappings": [self._fleet.describe(mapping) for mapping in page],
            "NextMarker": page[-1].uuid if len(found) > max_items else None,
        }

    async def update_event_source_mapping(
        self,
        ctx: RequestContext,
        *,
        uuid: str,
        function_name: str | None = None,
        enabled: bool | None = None,
        batch_size: int | None = None,
        maximum_batching_window_in_seconds: int | None = None,
        function_response_types: Sequence[str] | None = None,
        filter_criteria: Options | None = None,
        scaling_config: Options | None = None,
        provisioned_poller_config: Options | None = None,
        destination_config: Options | None = None,
        metrics_config: Options | None = None,
    ) -> dict[str, Any]:
        """Empty filter criteria, scaling, poller or metrics configurations take away what there was."""
        async with self._changing:
            old = await self._mapping(ctx, uuid)
            if self._fleet.is_leaving(uuid):
                raise errors.in_use("update")
            _refuse_destinations(destination_config)
            changes: dict[str, Any] = {
                "function_arn": None if function_name is None else function_arn(ctx, function_name),
                "enabled": enabled,
                "batch_size": batch_size,
                "window_s": maximum_batching_window_in_seconds,
                "response_types": None if function_response_types is None else tuple(function_response_types),
                "filters": None if filter_criteria is None else patterns_of(filter_criteria),
                "last_modified_ms": self._clock.now_ms(),
            }
            given = {name: value for name, value in changes.items() if value is not None}
            if scaling_config is not None:
                given["maximum_concurrency"] = scaling_config.get("MaximumConcurrency")
            if provisioned_poller_config is not None:
                given["pollers"] = pollers_of(provisioned_poller_config)
            if metrics_config is not None:
                given["metrics"] = metrics_of(metrics_config)
            new = msgspec.structs.replace(old, **given)
            check_options(new)
            if new.function_arn != old.function_arn:
                await self._check(new)
            if not await self._mappings.replace(old, new):
                raise errors.no_such_mapping()
            return new.describe(self._fleet.replace(old, new))

    async def delete_event_source_mapping(self, ctx: RequestContext, *, uuid: str) -> dict[str, Any]:
        """Batches under way finish; until then the mapping is there, as ``Deleting``."""
        async with self._changing:
            mapping = await self._mapping(ctx, uuid)
            if self._fleet.is_leaving(uuid):
                raise errors.in_use("delete")
            await self._mappings.delete(mapping)
            self._fleet.remove(mapping)
        return mapping.describe("Deleting")

    async def _mapping(self, ctx: RequestContext, uuid: str) -> Mapping:
        mapping = await self._mappings.get(ctx.account, ctx.region, uuid) or self._fleet.leaving(ctx, uuid)
        if mapping is None:
            raise errors.no_such_mapping()
        return mapping

    async def _check(self, new: Mapping) -> None:
        """Raises AwsError unless the mapping may come to be."""
        await self._checks.function_exists(new.function_arn)
        for other in await self._mappings.all_of(new.account, new.region):
            same = (other.source_arn, other.function_arn) == (new.source_arn, new.function_arn)
            if same and other.uuid != new.uuid:
                raise errors.mapping_exists(new.source_arn, name_of(new.function_arn), other.uuid)
        session_name = f"awslambda_esm_{new.uuid}"
        await self._checks.role_may_poll(new.function_arn, parse_queue(new.source_arn), session_name)


def _refuse_destinations(config: Options | None) -> None:
    if config:
        raise errors.no_destinations()
