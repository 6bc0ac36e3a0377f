"""Functions as the evaluator sees them."""

from __future__ import annotations

from noria.auth.authorize import Resource
from noria.services.lambda_.functions import FunctionTable, qualified
from noria.services.lambda_.layers import LayerTable, layer_key
from noria.services.lambda_.policies import FunctionPolicy
from noria.services.lambda_.signing import SigningConfig, SigningConfigs
from noria.services.lambda_.tables import Table
from noria.store.base import Records


class FunctionResources:
    """Implements `noria.auth.authorize.Resources`."""

    def __init__(self, records: Records) -> None:
        self._functions = FunctionTable(records)
        self._layers = LayerTable(records)
        self._signing = SigningConfigs(Table(records, "lambda-signing", SigningConfig))
        self._policies = Table(records, "lambda-policy", FunctionPolicy)

    async def resource(self, arn: str) -> Resource | None:
        """arn: ``arn:aws:lambda:REGION:ACCOUNT:function:NAME``, qualified or not, or a layer version's or
        code signing configuration's; None for all others.

        A qualifier has a policy of its own, and the function's tags.
        """
        _, _, _, region, account, rest = arn.split(":", 5)
        kind, _, named = rest.partition(":")
        if kind == "layer":
            return await self._layer(account, region, named)
        if kind == "code-signing-config":
            config = await self._signing.table.get(account, region, named)
            return Resource(tags=config.tags) if config else None
        if kind != "function":
            return None
        name, _, qualifier = named.partition(":")
        function = await self._functions.get(account, region, name)
        if function is None:
            return None
        policy = await self._policies.get(account, region, qualified(name, qualifier))
        return Resource(policy=policy.compiled() if policy else None, tags=function.tags)

    async def _layer(self, account: str, region: str, named: str) -> Resource | None:
        """named: ``NAME:VERSION``; a layer itself has no policy."""
        name, _, version = named.partition(":")
        if not version.isdecimal():
            return None
        policy = await self._layers.policies.get(account, region, layer_key(name, int(version)))
        return Resource(policy=policy.compiled()) if policy else None
