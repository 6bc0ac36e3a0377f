"""An event source mapping: its record in the store, and what Lambda shows of it."""

from __future__ import annotations

from typing import Any

import msgspec

from noria.services.triggers.limits import FIRST_CONCURRENCY, INVOCATIONS_PER_POLLER, MAX_CONCURRENCY
from noria.store.base import Records
from noria.store.listing import every

KIND = "lambda-esm"


class Mapping(msgspec.Struct, frozen=True):
    """function_arn: qualified where the request was. response_types: ReportBatchItemFailures or none.

    filters: patterns, JSON. pollers: the least and the most, in provisioned mode. metrics: ``EventCount`` or
    none.
    """

    uuid: str
    account: str
    region: str
    source_arn: str
    function_arn: str
    enabled: bool
    batch_size: int
    window_s: int
    response_types: tuple[str, ...]
    last_modified_ms: int
    filters: tuple[str, ...] = ()
    maximum_concurrency: int | None = None
    pollers: tuple[int, int] | None = None
    tags: dict[str, str] = {}
    metrics: tuple[str, ...] = ()

    @property
    def arn(self) -> str:
        return mapping_arn(self.account, self.region, self.uuid)

    @property
    def reports_failures(self) -> bool:
        return "ReportBatchItemFailures" in self.response_types

    @property
    def concurrency(self) -> tuple[int, int]:
        """How many batches may be handled at once: at first, at most."""
        if self.pollers is not None:
            least, most = self.pollers
            return least * INVOCATIONS_PER_POLLER, most * INVOCATIONS_PER_POLLER
        return FIRST_CONCURRENCY, self.maximum_concurrency or MAX_CONCURRENCY

    def describe(self, state: str = "", last_result: str | None = None) -> dict[str, Any]:
        """state: of a change that goes on; by default what the mapping has settled to."""
        return {
            "UUID": self.uuid,
            "BatchSize": self.batch_size,
            "MaximumBatchingWindowInSeconds": self.window_s,
            "EventSourceArn": self.source_arn,
            "FunctionArn": self.function_arn,
            "LastModified": self.last_modified_ms / 1000,
            "LastProcessingResult": last_result,
            "State": state or ("Enabled" if self.enabled else "Disabled"),
            "StateTransitionReason": "USER_INITIATED",
            "FunctionResponseTypes": list(self.response_types),
            "EventSourceMappingArn": self.arn,
            **self._describe_options(),
        }

    def _describe_options(self) -> dict[str, Any]:
        """What a mapping has only where it was asked for."""
        options: dict[str, Any] = {}
        if self.filters:
            options["FilterCriteria"] = {"Filters": [{"Pattern": pattern} for pattern in self.filters]}
        if self.maximum_concurrency is not None:
            options["ScalingConfig"] = {"MaximumConcurrency": self.maximum_concurrency}
        if self.pollers is not None:
            least, most = self.pollers
            options["ProvisionedPollerConfig"] = {"MinimumPollers": least, "MaximumPollers": most}
        if self.metrics:
            options["MetricsConfig"] = {"Metrics": list(self.metrics)}
        return options


def mapping_arn(account: str, region: str, uuid: str) -> str:
    return f"arn:aws:lambda:{region}:{account}:event-source-mapping:{uuid}"


class MappingTable:
    """Mappings in the store, by account, region and UUID."""

    def __init__(self, records: Records) -> None:
        self._records = records
        self._decode = msgspec.json.Decoder(Mapping).decode

    async def get(self, account: str, region: str, uuid: str) -> Mapping | None:
        value = await self._records.get(KIND, account, region, uuid)
        return None if value is None else self._decode(value)

    async def insert(self, mapping: Mapping) -> None:
        await self._records.insert(
            KIND, mapping.account, mapping.region, mapping.uuid, msgspec.json.encode(mapping)
        )

    async def replace(self, old: Mapping, new: Mapping) -> bool:
        """False where `old` is no longer what the store has, whatever version of Noria wrote it."""
        key = (KIND, old.account, old.region, old.uuid)
        stored = await self._records.get(*key)
        if stored is None or self._decode(stored) != old:
            return False
        return await self._records.replace(*key, msgspec.json.encode(new), expected=stored)

    async def delete(self, mapping: Mapping) -> bool:
        return await self._records.delete(KIND, mapping.account, mapping.region, mapping.uuid)

    async def all_of(self, account: str, region: str, after: str = "") -> list[Mapping]:
        """By UUID."""
        rows = every(self._records, KIND, account, region, after=after)
        return [self._decode(value) async for _, value in rows]

    async def all(self) -> list[Mapping]:
        mappings = []
        for account, region in await self._records.owners(KIND):
            mappings += await self.all_of(account, region)
        return mappings
