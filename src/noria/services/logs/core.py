"""What CloudWatch Logs' operations share: the store, the clock, finding groups and streams."""

from __future__ import annotations

from noria.clock import Clock
from noria.context import RequestContext
from noria.errors import AwsError
from noria.services.logs import errors, models
from noria.services.logs.deliveries import Deliveries
from noria.services.logs.intake import Intake
from noria.services.logs.retention import Retention
from noria.services.logs.settings import Edit, SettingsTable
from noria.store.base import Store
from noria.store.log_events import LogGroup, LogStream


class LogsCore:
    """The base of every class of operations."""

    def __init__(self, store: Store, clock: Clock, intake: Intake, deliveries: Deliveries) -> None:
        self._records = store.records
        self._log_events = store.log_events
        self._clock = clock
        self._settings = SettingsTable(store.records)
        self._retention = Retention(store.log_events, self._settings, clock)
        self._intake = intake
        self._deliveries = deliveries

    async def _group(self, ctx: RequestContext, name: str | None, identifier: str | None = None) -> LogGroup:
        if name is not None and identifier is not None:
            raise AwsError(
                "ValidationException", "LogGroup name and LogGroup ARN are mutually exclusive parameters."
            )
        if name is None:
            name = self._group_name(ctx, identifier)
        group = await self._log_events.group(ctx.account, ctx.region, name)
        if group is None:
            raise errors.no_such_group()
        return group

    async def _stream(self, group: LogGroup, name: str) -> LogStream:
        stream = await self._log_events.stream(group.id, name)
        if stream is None:
            raise errors.no_such_stream()
        return stream

    def _group_name(self, ctx: RequestContext, identifier: str | None) -> str:
        """Of a name or a group's ARN; other accounts' and regions' groups do not exist for the caller."""
        if identifier is None:
            raise errors.invalid_parameter("Either logGroupName or logGroupIdentifier must be specified.")
        if not identifier.startswith("arn:"):
            return identifier
        own = models.group_arn(ctx.account, ctx.region, "")
        if not identifier.startswith(own):
            raise errors.no_such_group()
        return identifier.removeprefix(own)

    async def _change(self, ctx: RequestContext, group: LogGroup, edit: Edit) -> None:
        await self._settings.change(ctx.account, ctx.region, group, edit)

    async def _require_unprotected(self, ctx: RequestContext, group: LogGroup) -> None:
        if (await self._settings.get(ctx.account, ctx.region, group)).protected:
            raise errors.protected(group.name)
