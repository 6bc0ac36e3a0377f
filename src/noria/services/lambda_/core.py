"""What Lambda's operations share: the functions, their packages and settings, and the ports to others."""

from __future__ import annotations

from typing import Any

from noria.clock import Clock
from noria.config import Settings
from noria.context import RequestContext
from noria.services.lambda_ import checks, errors
from noria.services.lambda_.control import Control
from noria.services.lambda_.destinations import Destinations
from noria.services.lambda_.downloads import Downloads
from noria.services.lambda_.event_configs import EventConfig
from noria.services.lambda_.functions import FunctionTable, is_version, qualified
from noria.services.lambda_.layers import LayerTable
from noria.services.lambda_.limits import TOTAL_CODE_BYTES
from noria.services.lambda_.models import Function, LayerUse, function_arn
from noria.services.lambda_.names import Reference, resolve
from noria.services.lambda_.package import PackageStore
from noria.services.lambda_.policies import FunctionPolicy
from noria.services.lambda_.pool import Pool
from noria.services.lambda_.provisioned import Provisioning, Provisions
from noria.services.lambda_.runtimes import Runtimes
from noria.services.lambda_.signing import SigningConfig, SigningConfigs
from noria.services.lambda_.tables import Table
from noria.services.lambda_.url_configs import UrlConfig
from noria.services.ports import LAMBDA_SERVICE_PRINCIPAL, Caller, Permissions, Roles
from noria.store.base import Store


class Core:
    """Built once by `service.LambdaService`."""

    def __init__(
        self,
        store: Store,
        settings: Settings,
        clock: Clock,
        roles: Roles,
        permissions: Permissions,
        call: Caller,
    ) -> None:
        self.clock = clock
        self.records = store.records
        self.roles = roles
        self.permissions = permissions
        self.call = call
        self.strict_runtimes = settings.strict_runtimes
        self.functions = FunctionTable(store.records)
        self.layers = LayerTable(store.records)
        self.policies = Table(store.records, "lambda-policy", FunctionPolicy)
        self.event_configs = Table(store.records, "lambda-event-config", EventConfig)
        # By function and qualifier: they go with the function, version or alias.
        self.provisions = Table(store.records, "lambda-provisioned", Provisions)
        self.belongings: list[Table[Any]] = [self.policies, self.event_configs, self.provisions]
        self.signing = SigningConfigs(Table(store.records, "lambda-signing", SigningConfig))
        self.urls = Table(store.records, "lambda-url", UrlConfig)  # likewise, but go with the function only
        self.destinations = Destinations(self.functions, roles, permissions, call)
        self.packages = PackageStore(settings.data_dir / "code")
        self.runtimes = Runtimes(settings.isolation)
        self.downloads = Downloads(self.packages, clock)
        self.control: Control
        self.pool: Pool
        self.provisioning: Provisioning

    async def check_runtime(self, runtime: str) -> None:
        await checks.check_runtime(self.runtimes, runtime, strict=self.strict_runtimes)

    async def check_role(self, ctx: RequestContext, name: str, role: str) -> None:
        """The caller may pass the role to Lambda, and the role trusts Lambda."""
        if role.split(":")[4] != ctx.account:
            raise errors.foreign_role()
        arn = function_arn(ctx.account, ctx.region, name)
        passed_to = {"iam:PassedToService": LAMBDA_SERVICE_PRINCIPAL, "iam:AssociatedResourceArn": arn}
        await self.permissions.require(ctx, "iam:PassRole", role, passed_to)
        if not await self.roles.trusts(role, LAMBDA_SERVICE_PRINCIPAL, arn):
            raise errors.role_cannot_be_assumed()

    async def total_code_bytes(self, account: str, region: str) -> int:
        """Of every version of every function and layer."""
        latest = await self.functions.latest.all_of(account, region)
        versions = await self.functions.versions.all_of(account, region)
        layers = await self.layers.versions.all_of(account, region)
        functions = sum(function.code_size_bytes for _, function in [*latest, *versions])
        return functions + sum(layer.code_size_bytes for _, layer in layers)

    async def check_code_storage(self, ctx: RequestContext, added_bytes: int) -> None:
        """Raises CodeStorageExceededException."""
        if await self.total_code_bytes(ctx.account, ctx.region) + added_bytes > TOTAL_CODE_BYTES:
            raise errors.code_storage_exceeded()

    async def used_layers(self, ctx: RequestContext, arns: list[str] | None) -> list[LayerUse] | None:
        return None if arns is None else await self.layers.used_by(ctx, arns, self.permissions)

    async def latest(
        self, ctx: RequestContext, function_name: str, qualifier: str | None = None
    ) -> tuple[Reference, Function]:
        """The function that a request is about. Raises ResourceNotFoundException."""
        reference = resolve(ctx, function_name, qualifier)
        return reference, await self.control.latest(reference)

    async def forget(self, reference: Reference, qualifier: str) -> None:
        """Remove what belonged to a version or alias that is gone."""
        for table in self.belongings:
            await table.delete(reference.account, reference.region, qualified(reference.name, qualifier))
        await self.provisioning.refresh(reference)

    async def require_qualifier(self, reference: Reference) -> None:
        """The version or alias of a reference to a function that there is; in AWS's two wordings."""
        if not reference.qualifier or await self.functions.find(reference) is not None:
            return
        if is_version(reference.qualifier) or "$" in reference.qualifier:
            raise errors.function_not_found(reference.arn)
        raise errors.alias_not_found(reference.arn)
