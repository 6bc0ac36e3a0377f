"""Provisioned concurrency, as it is configured and asked for. Texts follow AWS's recorded answers."""

from __future__ import annotations

import time
from typing import Any

from noria.context import RequestContext
from noria.services.lambda_ import errors
from noria.services.lambda_.concurrency import Concurrency
from noria.services.lambda_.core import Core
from noria.services.lambda_.functions import is_version
from noria.services.lambda_.limits import ACCOUNT_CONCURRENCY, UNRESERVED_CONCURRENCY
from noria.services.lambda_.models import LATEST, function_arn
from noria.services.lambda_.names import Reference, resolve
from noria.services.lambda_.provisioned import Provision, Provisions
from noria.services.lambda_.tables import LIST_PAGE, after_marker, next_after


class ProvisionedApi:
    """See the module."""

    def __init__(self, core: Core, concurrency: Concurrency) -> None:
        self._core = core
        self._concurrency = concurrency
        self._provisioning = core.provisioning

    async def put_provisioned_concurrency_config(
        self,
        ctx: RequestContext,
        *,
        function_name: str,
        qualifier: str,
        provisioned_concurrent_executions: int,
    ) -> dict[str, Any]:
        reference = resolve(ctx, function_name, qualifier)
        if reference.qualifier == LATEST:
            raise errors.invalid_parameter(
                "Provisioned Concurrency Configs cannot be applied to unpublished function versions."
            )
        await self._core.require_qualifier(reference)
        function = await self._core.functions.find(reference)
        if function is not None and function.isolates_tenants:
            raise errors.no_tenants_there("Provisioned concurrency")
        if function is not None and function.snap_start:
            raise errors.invalid_parameter(
                "Provisioned Concurrency is not supported for SnapStart enabled functions."
            )
        provision = Provision(provisioned_concurrent_executions, self._core.clock.now_ms())
        while True:
            provisions = await self._provisioning.of(reference)
            await self._check_conflict(reference, provisions)
            await self._check_room(reference, provisions, provision.requested)
            if await self._provisioning.put(provisions, reference.qualifier, provision):
                break
        return {
            "RequestedProvisionedConcurrentExecutions": provision.requested,
            "AllocatedProvisionedConcurrentExecutions": 0,
            "AvailableProvisionedConcurrentExecutions": 0,
            "Status": "IN_PROGRESS",
            "LastModified": _time(provision.modified_ms),
        }

    async def _check_conflict(self, reference: Reference, provisions: Provisions) -> None:
        """A version has environments by itself or by an alias, not both."""
        if is_version(reference.qualifier):
            for name in provisions.by_qualifier:
                named = Reference(reference.account, reference.region, reference.name, name)
                alias = None if is_version(name) else await self._core.functions.alias(named)
                if alias is not None and reference.qualifier in {alias.version, *alias.weights}:
                    raise errors.conflict("Version is pointed by a Provisioned Concurrency alias")
            return
        alias = await self._core.functions.alias(reference)
        if alias is not None and not provisions.by_qualifier.keys().isdisjoint(
            {alias.version, *alias.weights}
        ):
            raise errors.conflict(
                "Alias can't be used for Provisioned Concurrency configuration on an already Provisioned "
                "version"
            )

    async def _check_room(self, reference: Reference, provisions: Provisions, requested: int) -> None:
        others = {name: each for name, each in provisions.by_qualifier.items() if name != reference.qualifier}
        total = requested + sum(each.requested for each in others.values())
        reservations = await self._concurrency.reservations(reference.account, reference.region)
        reserved = reservations.functions.get(reference.name)
        if reserved is not None:
            if total > reserved:
                raise errors.invalid_parameter(
                    "Requested Provisioned Concurrency should not be greater than the "
                    "reservedConcurrentExecution for function"
                )
            return
        unreserved = ACCOUNT_CONCURRENCY - reservations.total
        if requested > unreserved:
            raise errors.invalid_parameter(
                "Specified ConcurrentExecutions for function is greater than account's unreserved "
                f"concurrency [{unreserved}]."
            )
        elsewhere = await self._provisioning.total(
            reference.account, reference.region, without={reference.name, *reservations.functions}
        )
        if unreserved - elsewhere - total < UNRESERVED_CONCURRENCY:
            raise errors.invalid_parameter(
                "Specified ConcurrentExecutions for function decreases account's "
                f"UnreservedConcurrentExecution below its minimum value of [{UNRESERVED_CONCURRENCY}]."
            )

    async def _published(
        self, ctx: RequestContext, function_name: str, qualifier: str
    ) -> tuple[Reference, Provisions]:
        reference = resolve(ctx, function_name, qualifier)
        if reference.qualifier == LATEST:
            raise errors.invalid_parameter(
                "The function resource provided must be an alias or a published version."
            )
        await self._core.require_qualifier(reference)
        return reference, await self._provisioning.of(reference)

    async def get_provisioned_concurrency_config(
        self, ctx: RequestContext, *, function_name: str, qualifier: str
    ) -> dict[str, Any]:
        reference, provisions = await self._published(ctx, function_name, qualifier)
        provision = provisions.by_qualifier.get(reference.qualifier)
        if provision is None:
            raise errors.no_provisioned_concurrency()
        return await self._shown(reference, provision)

    async def _shown(self, reference: Reference, provision: Provision) -> dict[str, Any]:
        found = await self._provisioning.report(reference, provision.requested)
        return {
            "RequestedProvisionedConcurrentExecutions": provision.requested,
            "AllocatedProvisionedConcurrentExecutions": found.available,
            "AvailableProvisionedConcurrentExecutions": found.available,
            "Status": found.status,
            "StatusReason": found.failure if found.status == "FAILED" else None,
            "LastModified": _time(provision.modified_ms),
        }

    async def delete_provisioned_concurrency_config(
        self, ctx: RequestContext, *, function_name: str, qualifier: str
    ) -> None:
        """There need not be one."""
        reference, provisions = await self._published(ctx, function_name, qualifier)
        while reference.qualifier in provisions.by_qualifier and not await self._provisioning.put(
            provisions, reference.qualifier, None
        ):
            provisions = await self._provisioning.of(reference)

    async def list_provisioned_concurrency_configs(
        self,
        ctx: RequestContext,
        *,
        function_name: str,
        marker: str | None = None,
        max_items: int = LIST_PAGE,
    ) -> dict[str, Any]:
        reference, function = await self._core.latest(ctx, function_name)
        provisions = await self._provisioning.of(reference)
        after, limit = after_marker(marker), min(max_items, LIST_PAGE)
        names = sorted(name for name in provisions.by_qualifier if name > after)
        shown = []
        for name in names[:limit]:
            named = Reference(function.account, function.region, function.name, name)
            arn = function_arn(function.account, function.region, function.name, name)
            shown.append({"FunctionArn": arn, **await self._shown(named, provisions.by_qualifier[name])})
        answer: dict[str, Any] = {"ProvisionedConcurrencyConfigs": shown}
        if len(names) > limit:
            answer["NextMarker"] = next_after(names[limit - 1])
        return answer


def _time(ms: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S+0000", time.gmtime(ms // 1000))
