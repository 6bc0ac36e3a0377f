"""Log groups as the evaluator sees them: their tags."""

from __future__ import annotations

from noria.auth.authorize import Resource
from noria.services.logs.settings import SettingsTable
from noria.store.base import Store


class GroupResources:
    """Implements `noria.auth.authorize.Resources`."""

    def __init__(self, store: Store) -> None:
        self._log_events = store.log_events
        self._settings = SettingsTable(store.records)

    async def resource(self, arn: str) -> Resource | None:
        """arn: of a group or of a stream in one, whose tags are the group's.

        Settings of a group that is gone say nothing. Groups that come and go change no record, but one that
        has no tags decides nothing either.
        """
        _, _, _, region, account, rest = arn.split(":", 5)
        kind, _, named = rest.partition(":")
        if kind != "log-group":
            return None
        name = named.partition(":")[0]
        settings = await self._settings.named(account, region, name)
        if not settings.tags:
            return None
        group = await self._log_events.group(account, region, name)
        return Resource(tags=settings.tags) if group and group.id == settings.group_id else None
