"""The pollers of all mappings, and the states that mappings go through."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable
from typing import Any

from noria.context import RequestContext
from noria.services.triggers.mapping import Mapping
from noria.services.triggers.poller import Poller
from noria.services.triggers.source import Surroundings


class Fleet:
    """One poller for each enabled mapping, once started. A change shows its state until it has come about."""

    def __init__(self, surroundings: Surroundings) -> None:
        self._surroundings = surroundings
        self._running = False
        self._pollers: dict[str, Poller] = {}  # by UUID
        self._changes: dict[str, str] = {}  # by UUID: the state of the last change
        self._endings: dict[asyncio.Task[None], str] = {}  # stops of pollers, and whose
        self._leaving: dict[str, Mapping] = {}  # deleted, and some batches still run

    def start(self, mappings: Iterable[Mapping]) -> None:
        self._running = True
        for mapping in mappings:
            self._poll(mapping)

    async def stop(self) -> None:
        self._running = False
        for uuid in list(self._pollers):
            self._end(uuid)
        if self._endings:
            await asyncio.wait(self._endings)

    async def abort(self, account: str) -> None:
        """End an account's pollers and their batches at once."""
        ended = [poller for poller in self._pollers.values() if poller.mapping.account == account]
        for poller in ended:
            del self._pollers[poller.mapping.uuid]
        self._changes.clear()  # whose they are is not known; they are shown for moments only
        await asyncio.gather(*(poller.abort() for poller in ended))

    def add(self, mapping: Mapping) -> None:
        self._changes[mapping.uuid] = "Creating"
        self._poll(mapping)

    def replace(self, old: Mapping, new: Mapping) -> str:
        """The state that AWS answers an update with."""
        if new.enabled:
            state = "Updating" if old.enabled else "Enabling"
        else:
            state = "Disabling" if old.enabled else "Disabled"
        self._changes[new.uuid] = state
        self._end(new.uuid)
        self._poll(new)
        return state

    def remove(self, mapping: Mapping) -> None:
        self._end(mapping.uuid)
        if mapping.uuid in self._endings.values():
            self._leaving[mapping.uuid] = mapping
        else:
            self._changes.pop(mapping.uuid, None)

    def is_leaving(self, uuid: str) -> bool:
        return uuid in self._leaving

    def leaving(self, ctx: RequestContext, uuid: str) -> Mapping | None:
        """A mapping that is deleted, but not yet gone."""
        mapping = self._leaving.get(uuid)
        if mapping is None or (mapping.account, mapping.region) != (ctx.account, ctx.region):
            return None
        return mapping

    def describe(self, mapping: Mapping) -> dict[str, Any]:
        poller = self._pollers.get(mapping.uuid)
        return mapping.describe(self._state(mapping, poller), poller.last_result if poller else None)

    def _state(self, mapping: Mapping, poller: Poller | None) -> str:
        """Empty once everything has come about."""
        if mapping.uuid in self._leaving:
            return "Deleting"
        begins = poller is not None and not poller.has_begun
        if begins or mapping.uuid in self._endings.values():
            return self._changes.get(mapping.uuid, "")
        return ""

    def _poll(self, mapping: Mapping) -> None:
        if mapping.enabled and self._running:
            self._pollers[mapping.uuid] = Poller(mapping, self._surroundings)

    def _end(self, uuid: str) -> None:
        if (poller := self._pollers.pop(uuid, None)) is not None:
            self._in_background(uuid, poller.stop())

    def _in_background(self, uuid: str, ending: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(ending)
        self._endings[task] = uuid
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        uuid = self._endings.pop(task)
        if uuid not in self._endings.values() and self._leaving.pop(uuid, None) is not None:
            self._changes.pop(uuid, None)
