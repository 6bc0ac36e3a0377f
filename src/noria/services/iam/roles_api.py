"""Roles, and whom they trust."""

from __future__ import annotations

from typing import Any

import msgspec

from noria.auth.credentials import unique_id
from noria.context import RequestContext
from noria.services.iam import errors, limits
from noria.services.iam.checks import check_trust, new_tags
from noria.services.iam.last_used import LastUsed
from noria.services.iam.models import InstanceProfile, Role
from noria.services.iam.paging import page
from noria.services.iam.repository import Repository
from noria.services.iam.review import log_findings

Answer = dict[str, Any]


class RoleOperations:
    """One method an operation; see `noria.gateway` for how they are called."""

    def __init__(self, store: Repository, last_used: LastUsed) -> None:
        self._store = store
        self._last_used = last_used

    async def create_role(
        self,
        ctx: RequestContext,
        *,
        role_name: str,
        assume_role_policy_document: str,
        path: str = "/",
        description: str | None = None,
        max_session_duration: int | None = None,
        permissions_boundary: str | None = None,
        tags: list[dict[str, str]] | None = None,
    ) -> Answer:
        await check_trust(self._store, assume_role_policy_document)
        boundary = await self._store.boundary(permissions_boundary, ctx.account)
        role = Role(
            name=role_name,
            account=ctx.account,
            path=path,
            role_id=unique_id("AROA"),
            created_s=ctx.now_ms // 1000,
            trust=assume_role_policy_document,
            max_session_s=max_session_duration or limits.DEFAULT_SESSION_S,
            description=description,
            boundary=boundary,
            tags=new_tags(tags),
        )
        await self._store.roles.check_quota(ctx.account)
        if not await self._store.roles.insert(role):
            raise errors.entity_exists("role", role_name)
        log_findings(ctx.account, f"role {role_name}, trust policy", role.trust)
        # Unlike GetRole, AWS says nothing of a duration that was not asked for.
        return {"Role": role.listed() | role.details() | {"MaxSessionDuration": max_session_duration}}

    async def get_role(self, ctx: RequestContext, *, role_name: str) -> Answer:
        role = await self._store.roles.get(ctx.account, role_name)
        used = await self._last_used.of(ctx.account, role.role_id)
        shown = {"LastUsedDate": used.time_s, "Region": used.region} if used else {}
        return {"Role": role.listed() | role.details() | {"RoleLastUsed": shown}}

    async def list_roles(
        self,
        ctx: RequestContext,
        *,
        path_prefix: str = "/",
        marker: str | None = None,
        max_items: int | None = None,
    ) -> Answer:
        roles = await self._store.roles.below(ctx.account, path_prefix)
        shown, more = page(roles, lambda role: role.name, marker, max_items)
        return {"Roles": [role.listed() for role in shown]} | more

    async def update_role(
        self,
        ctx: RequestContext,
        *,
        role_name: str,
        description: str | None = None,
        max_session_duration: int | None = None,
    ) -> None:
        """What is left out goes back to its default, as on AWS."""

        def update(role: Role) -> Role:
            errors.check_modifiable(role)
            return msgspec.structs.replace(
                role,
                description=description,
                max_session_s=max_session_duration or limits.DEFAULT_SESSION_S,
            )

        await self._store.roles.change(ctx.account, role_name, update)

    async def update_role_description(
        self, ctx: RequestContext, *, role_name: str, description: str
    ) -> Answer:
        role = await self._store.roles.change(
            ctx.account, role_name, lambda role: msgspec.structs.replace(role, description=description)
        )
        return {"Role": role.listed()}

    async def update_assume_role_policy(
        self, ctx: RequestContext, *, role_name: str, policy_document: str
    ) -> None:
        errors.check_modifiable(await self._store.roles.get(ctx.account, role_name))
        await check_trust(self._store, policy_document)
        await self._store.roles.change(
            ctx.account, role_name, lambda role: msgspec.structs.replace(role, trust=policy_document)
        )
        log_findings(ctx.account, f"role {role_name}, trust policy", policy_document)

    async def delete_role(self, ctx: RequestContext, *, role_name: str) -> None:
        errors.check_modifiable(await self._store.roles.get(ctx.account, role_name))
        if await self._profiles_of(ctx.account, role_name):
            raise errors.delete_conflict(
                "Cannot delete entity, must remove roles from instance profile first."
            )
        await self._store.roles.delete(ctx.account, role_name, errors.check_without_policies)
        for profile in await self._profiles_of(ctx.account, role_name):  # that took it meanwhile
            await self._store.profiles.change(
                ctx.account, profile.name, lambda profile: msgspec.structs.replace(profile, roles=())
            )

    async def _profiles_of(self, account: str, role_name: str) -> list[InstanceProfile]:
        return [profile for profile in await self._store.profiles.all(account) if role_name in profile.roles]
