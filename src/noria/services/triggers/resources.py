"""Event source mappings as the evaluator sees them, beside what else Lambda's ARNs name."""

from __future__ import annotations

from noria.auth.authorize import Resource, Resources
from noria.services.triggers.mapping import MappingTable
from noria.store.base import Records


class MappingResources:
    """Implements `noria.auth.authorize.Resources`."""

    def __init__(self, records: Records, others: Resources) -> None:
        """others: for all other ARNs of Lambda's."""
        self._mappings = MappingTable(records)
        self._others = others

    async def resource(self, arn: str) -> Resource | None:
        """A mapping's (``arn:aws:lambda:REGION:ACCOUNT:event-source-mapping:UUID``) is about its function."""
        _, _, _, region, account, rest = arn.split(":", 5)
        kind, _, uuid = rest.partition(":")
        if kind != "event-source-mapping":
            return await self._others.resource(arn)
        mapping = await self._mappings.get(account, region, uuid)
        if mapping is None:
            return None
        return Resource(tags=mapping.tags, conditions={"lambda:FunctionArn": mapping.function_arn})
