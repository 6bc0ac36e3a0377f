from __future__ import annotations

from noria.clock import Clock
from noria.context import Principal
from noria.services.ports import LogStream, Permissions
from noria.store.log_events import LogEvents


class RoleLogSink:
    def __init__(self, log_events: LogEvents, permissions: Permissions, clock: Clock) -> None:
        raise NotImplementedError

    async def open_stream(self, principal: Principal, region: str, group: str, stream: str) -> LogStream | None:
        raise NotImplementedError
