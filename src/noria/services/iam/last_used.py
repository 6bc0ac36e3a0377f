"""When a key or an identity was last used: noted in memory with every request, written when the server stops.

A record a request would cost every request a write; AWS's own answer lags behind as well. What a killed
server had noted since its start is lost (docs/differences.md).
"""

from __future__ import annotations

import msgspec

from noria.auth.credentials import LONG_TERM
from noria.context import Principal
from noria.services.iam.repository import REGION
from noria.store.base import Records

KIND = "iam-last-used"
NOTED = 16_384  # keys, and identities by service: some three for each of an account's users


class Use(msgspec.Struct, frozen=True):
    """time_s: Unix time. service: as credential scopes have it."""

    time_s: int
    service: str
    region: str


class LastUsed:
    """Implements `noria.gateway.Uses`."""

    def __init__(self, records: Records) -> None:
        self._records = records
        self._noted: dict[tuple[str, str], Use] = {}
        self._just_noted: tuple[str, str, str, str, int] | None = None

    def note(self, principal: Principal, access_key_id: str, service: str, region: str, now_ms: int) -> None:
        """A request was proven to be the principal's."""
        if principal.kind not in ("user", "assumed-role"):
            return
        noted = (principal.user_id, access_key_id, service, region, now_ms // 1000)
        if noted == self._just_noted:  # most requests of a busy client
            return
        self._just_noted = noted
        use = Use(now_ms // 1000, service, region)
        unique_id = principal.user_id.partition(":")[0]
        self._note(principal.account, f"{unique_id}/{service}", use)
        if principal.kind == "assumed-role":
            self._note(principal.account, unique_id, use)
        elif access_key_id.startswith(LONG_TERM):
            self._note(principal.account, access_key_id, use)

    def _note(self, account: str, used: str, use: Use) -> None:
        if (account, used) not in self._noted and len(self._noted) >= NOTED:
            self._noted.pop(next(iter(self._noted)))
        self._noted[account, used] = use

    async def of(self, account: str, used: str) -> Use | None:
        """used: an access key's id, a role's, or a user's or role's with a service: ``AROA…/sqs``."""
        noted = self._noted.get((account, used))
        if noted is not None:
            return noted
        raw = await self._records.get(KIND, account, REGION, used)
        return msgspec.json.decode(raw, type=Use) if raw is not None else None

    async def save(self) -> None:
        for (account, used), use in self._noted.items():
            await self._records.delete(KIND, account, REGION, used)
            await self._records.insert(KIND, account, REGION, used, msgspec.json.encode(use))

    def forget(self, account: str) -> None:
        self._noted = {key: use for key, use in self._noted.items() if key[0] != account}
        self._just_noted = None
