"""Functions as the evaluator sees them."""

from __future__ import annotations

from noria.auth.authorize import Resource
from noria.services.lambda_.functions import FunctionTable
from noria.store.base import Records


class FunctionResources:
    """Implements `noria.auth.authorize.Resources`."""

    def __init__(self, records: Records) -> None:
        self._functions = FunctionTable(records)

    async def resource(self, arn: str) -> Resource | None:
        """arn: ``arn:aws:lambda:REGION:ACCOUNT:function:NAME``, qualified or not; None for all others."""
        _, _, _, region, account, rest = arn.split(":", 5)
        kind, _, name = rest.partition(":")
        if kind != "function":
            return None
        function = await self._functions.get(account, region, name.partition(":")[0])
        return Resource(tags=function.tags) if function is not None else None
