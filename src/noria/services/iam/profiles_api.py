"""Instance profiles: kept for the tools that make them; no machine in Noria takes a role from one."""

from __future__ import annotations

from typing import Any

import msgspec

from noria.auth.credentials import unique_id
from noria.context import RequestContext
from noria.services.iam import errors, limits
from noria.services.iam.checks import new_tags
from noria.services.iam.models import InstanceProfile, shown_tags
from noria.services.iam.paging import page
from noria.services.iam.repository import Repository
from noria.services.ports import Permissions

Answer = dict[str, Any]


class InstanceProfileOperations:
    """One method an operation; see `noria.gateway` for how they are called."""

    def __init__(self, store: Repository, permissions: Permissions) -> None:
        self._store = store
        self._permissions = permissions

    async def create_instance_profile(
        self,
        ctx: RequestContext,
        *,
        instance_profile_name: str,
        path: str = "/",
        tags: list[dict[str, str]] | None = None,
    ) -> Answer:
        profile = InstanceProfile(
            name=instance_profile_name,
            account=ctx.account,
            path=path,
            profile_id=unique_id("AIPA"),
            created_s=ctx.now_ms // 1000,
            tags=new_tags(tags),
        )
        await self._store.profiles.check_quota(ctx.account)
        if not await self._store.profiles.insert(profile):
            raise errors.instance_profile_exists(instance_profile_name)
        return {"InstanceProfile": await shown_profile(self._store, profile)}

    async def get_instance_profile(self, ctx: RequestContext, *, instance_profile_name: str) -> Answer:
        profile = await self._store.profiles.get(ctx.account, instance_profile_name)
        return {"InstanceProfile": await shown_profile(self._store, profile)}

    async def list_instance_profiles(
        self,
        ctx: RequestContext,
        *,
        path_prefix: str = "/",
        marker: str | None = None,
        max_items: int | None = None,
    ) -> Answer:
        profiles = await self._store.profiles.below(ctx.account, path_prefix)
        return await self._listed(profiles, marker, max_items)

    async def list_instance_profiles_for_role(
        self, ctx: RequestContext, *, role_name: str, marker: str | None = None, max_items: int | None = None
    ) -> Answer:
        await self._store.roles.get(ctx.account, role_name)
        profiles = [p for p in await self._store.profiles.all(ctx.account) if role_name in p.roles]
        return await self._listed(profiles, marker, max_items)

    async def add_role_to_instance_profile(
        self, ctx: RequestContext, *, instance_profile_name: str, role_name: str
    ) -> None:
        role = await self._store.roles.get(ctx.account, role_name)
        passed_to = {"iam:PassedToService": "ec2.amazonaws.com"}
        await self._permissions.require(ctx, "iam:PassRole", role.arn, passed_to)

        def add(profile: InstanceProfile) -> InstanceProfile:
            if len(profile.roles) >= limits.ROLES_PER_INSTANCE_PROFILE:
                quota = "InstanceSessionsPerInstanceProfile"
                raise errors.quota_exceeded(quota, limits.ROLES_PER_INSTANCE_PROFILE)
            return msgspec.structs.replace(profile, roles=(role_name,))

        await self._store.profiles.change(ctx.account, instance_profile_name, add)

    async def remove_role_from_instance_profile(
        self, ctx: RequestContext, *, instance_profile_name: str, role_name: str
    ) -> None:
        def remove(profile: InstanceProfile) -> InstanceProfile:
            if role_name not in profile.roles:
                raise errors.no_such_entity("role", role_name)
            return msgspec.structs.replace(profile, roles=())

        await self._store.profiles.change(ctx.account, instance_profile_name, remove)

    async def delete_instance_profile(self, ctx: RequestContext, *, instance_profile_name: str) -> None:
        def check(profile: InstanceProfile) -> None:
            if profile.roles:
                text = "Cannot delete entity, must remove roles from instance profile first."
                raise errors.delete_conflict(text)

        await self._store.profiles.delete(ctx.account, instance_profile_name, check)

    async def _listed(
        self, profiles: list[InstanceProfile], marker: str | None, max_items: int | None
    ) -> Answer:
        shown, more = page(profiles, lambda profile: profile.name, marker, max_items)
        return {"InstanceProfiles": [await shown_profile(self._store, profile) for profile in shown]} | more


async def shown_profile(store: Repository, profile: InstanceProfile) -> Answer:
    """With its roles as they are now."""
    roles = [await store.roles.find(profile.account, name) for name in profile.roles]
    shown = [role.listed() for role in roles if role is not None]
    return profile.listed(shown) | {"Tags": shown_tags(profile.tags) or None}
