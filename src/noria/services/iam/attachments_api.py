"""Managed policies attached to users, groups and roles: the same for all three."""

from __future__ import annotations

from typing import Any

import msgspec

from noria.context import RequestContext
from noria.services.iam import errors, limits
from noria.services.iam.models import Holder
from noria.services.iam.paging import page
from noria.services.iam.policies_api import policy_key
from noria.services.iam.repository import POLICY_ARN, Entities, Repository

Answer = dict[str, Any]


class AttachmentOperations:
    """One method an operation; see `noria.gateway` for how they are called."""

    def __init__(self, store: Repository) -> None:
        self._store = store

    async def attach_user_policy(self, ctx: RequestContext, *, user_name: str, policy_arn: str) -> None:
        await self._attach(self._store.users, ctx.account, user_name, policy_arn)

    async def attach_group_policy(self, ctx: RequestContext, *, group_name: str, policy_arn: str) -> None:
        await self._attach(self._store.groups, ctx.account, group_name, policy_arn)

    async def attach_role_policy(self, ctx: RequestContext, *, role_name: str, policy_arn: str) -> None:
        await self._attach(self._store.roles, ctx.account, role_name, policy_arn)

    async def detach_user_policy(self, ctx: RequestContext, *, user_name: str, policy_arn: str) -> None:
        await self._detach(self._store.users, ctx.account, user_name, policy_arn)

    async def detach_group_policy(self, ctx: RequestContext, *, group_name: str, policy_arn: str) -> None:
        await self._detach(self._store.groups, ctx.account, group_name, policy_arn)

    async def detach_role_policy(self, ctx: RequestContext, *, role_name: str, policy_arn: str) -> None:
        await self._detach(self._store.roles, ctx.account, role_name, policy_arn)

    async def list_attached_user_policies(
        self,
        ctx: RequestContext,
        *,
        user_name: str,
        path_prefix: str = "/",
        marker: str | None = None,
        max_items: int | None = None,
    ) -> Answer:
        user = await self._store.users.get(ctx.account, user_name)
        return _listed(user.attached, path_prefix, marker, max_items)

    async def list_attached_group_policies(
        self,
        ctx: RequestContext,
        *,
        group_name: str,
        path_prefix: str = "/",
        marker: str | None = None,
        max_items: int | None = None,
    ) -> Answer:
        group = await self._store.groups.get(ctx.account, group_name)
        return _listed(group.attached, path_prefix, marker, max_items)

    async def list_attached_role_policies(
        self,
        ctx: RequestContext,
        *,
        role_name: str,
        path_prefix: str = "/",
        marker: str | None = None,
        max_items: int | None = None,
    ) -> Answer:
        role = await self._store.roles.get(ctx.account, role_name)
        return _listed(role.attached, path_prefix, marker, max_items)

    async def _attach(self, holders: Entities[Holder], account: str, name: str, policy_arn: str) -> None:
        await self._store.attachable(policy_arn, account)

        def attach(holder: Holder) -> Holder:
            errors.check_modifiable(holder)
            if policy_arn in holder.attached:
                return holder
            if len(holder.attached) >= limits.MANAGED_POLICIES_PER_ENTITY:
                quota = f"PoliciesPer{holder.kind.capitalize()}"
                raise errors.quota_exceeded(quota, limits.MANAGED_POLICIES_PER_ENTITY)
            return msgspec.structs.replace(holder, attached=(*holder.attached, policy_arn))

        await holders.change(account, name, attach)

    async def _detach(self, holders: Entities[Holder], account: str, name: str, policy_arn: str) -> None:
        if POLICY_ARN.fullmatch(policy_arn) is None:
            raise errors.invalid_arn()

        def detach(holder: Holder) -> Holder:
            errors.check_modifiable(holder)
            if policy_arn not in holder.attached:
                raise errors.no_such_policy(policy_arn)
            rest = tuple(arn for arn in holder.attached if arn != policy_arn)
            return msgspec.structs.replace(holder, attached=rest)

        await holders.change(account, name, detach)


def attached_policies(arns: tuple[str, ...] | list[str]) -> list[dict[str, str]]:
    """As lists of attached policies show them."""
    return [{"PolicyName": arn.rpartition("/")[2], "PolicyArn": arn} for arn in arns]


def _listed(attached: tuple[str, ...], path_prefix: str, marker: str | None, max_items: int | None) -> Answer:
    arns = [arn for arn in attached if arn.partition(":policy")[2].startswith(path_prefix)]
    shown, more = page(arns, policy_key, marker, max_items)
    return {"AttachedPolicies": attached_policies(shown)} | more
