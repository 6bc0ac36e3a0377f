from __future__ import annotations

from noria.clock import Clock
from noria.services.ports import Caller, Functions, Permissions, Roles
from noria.store.base import Records


class TriggersApi:
    def __init__(
        self,
        records: Records,
        functions: Functions,
        roles: Roles,
        permissions: Permissions,
        caller: Caller,
        clock: Clock,
    ) -> None:
        raise NotImplementedError

    async def start(self) -> None: ...

    async def stop(self) -> None: ...

    async def reset(self, account: str) -> None: ...
