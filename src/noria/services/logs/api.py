from __future__ import annotations

from noria.clock import Clock
from noria.store.log_events import LogEvents


class LogsApi:
    def __init__(self, log_events: LogEvents, clock: Clock) -> None:
        raise NotImplementedError

    async def reset(self, account: str) -> None: ...
