"""Tags of users, roles, managed policies and instance profiles; permissions boundaries of users and roles."""

from __future__ import annotations

from typing import Any

import msgspec

from noria.context import RequestContext
from noria.services.iam import errors
from noria.services.iam.checks import with_tags, without_tags
from noria.services.iam.models import Role, Tags, User, shown_tags
from noria.services.iam.paging import page
from noria.services.iam.repository import Repository

Answer = dict[str, Any]
Added = list[dict[str, str]]


class TagOperations:
    """One method an operation; see `noria.gateway` for how they are called."""

    def __init__(self, store: Repository) -> None:
        self._store = store

    async def tag_user(self, ctx: RequestContext, *, user_name: str, tags: Added) -> None:
        await self._store.users.change(
            ctx.account, user_name, lambda it: msgspec.structs.replace(it, tags=with_tags(it.tags, tags))
        )

    async def untag_user(self, ctx: RequestContext, *, user_name: str, tag_keys: list[str]) -> None:
        await self._store.users.change(
            ctx.account,
            user_name,
            lambda it: msgspec.structs.replace(it, tags=without_tags(it.tags, tag_keys)),
        )

    async def list_user_tags(
        self, ctx: RequestContext, *, user_name: str, marker: str | None = None, max_items: int | None = None
    ) -> Answer:
        return _listed((await self._store.users.get(ctx.account, user_name)).tags, marker, max_items)

    async def tag_role(self, ctx: RequestContext, *, role_name: str, tags: Added) -> None:
        await self._store.roles.change(
            ctx.account, role_name, lambda it: msgspec.structs.replace(it, tags=with_tags(it.tags, tags))
        )

    async def untag_role(self, ctx: RequestContext, *, role_name: str, tag_keys: list[str]) -> None:
        await self._store.roles.change(
            ctx.account,
            role_name,
            lambda it: msgspec.structs.replace(it, tags=without_tags(it.tags, tag_keys)),
        )

    async def list_role_tags(
        self, ctx: RequestContext, *, role_name: str, marker: str | None = None, max_items: int | None = None
    ) -> Answer:
        return _listed((await self._store.roles.get(ctx.account, role_name)).tags, marker, max_items)

    async def tag_policy(self, ctx: RequestContext, *, policy_arn: str, tags: Added) -> None:
        await self._store.change_policy(
            policy_arn, ctx.account, lambda it: msgspec.structs.replace(it, tags=with_tags(it.tags, tags))
        )

    async def untag_policy(self, ctx: RequestContext, *, policy_arn: str, tag_keys: list[str]) -> None:
        await self._store.change_policy(
            policy_arn,
            ctx.account,
            lambda it: msgspec.structs.replace(it, tags=without_tags(it.tags, tag_keys)),
        )

    async def list_policy_tags(
        self, ctx: RequestContext, *, policy_arn: str, marker: str | None = None, max_items: int | None = None
    ) -> Answer:
        return _listed((await self._store.policy(policy_arn, ctx.account)).tags, marker, max_items)

    async def tag_instance_profile(
        self, ctx: RequestContext, *, instance_profile_name: str, tags: Added
    ) -> None:
        await self._store.profiles.change(
            ctx.account,
            instance_profile_name,
            lambda it: msgspec.structs.replace(it, tags=with_tags(it.tags, tags)),
        )

    async def untag_instance_profile(
        self, ctx: RequestContext, *, instance_profile_name: str, tag_keys: list[str]
    ) -> None:
        await self._store.profiles.change(
            ctx.account,
            instance_profile_name,
            lambda it: msgspec.structs.replace(it, tags=without_tags(it.tags, tag_keys)),
        )

    async def list_instance_profile_tags(
        self,
        ctx: RequestContext,
        *,
        instance_profile_name: str,
        marker: str | None = None,
        max_items: int | None = None,
    ) -> Answer:
        profile = await self._store.profiles.get(ctx.account, instance_profile_name)
        return _listed(profile.tags, marker, max_items)

    # Permissions boundaries

    async def put_user_permissions_boundary(
        self, ctx: RequestContext, *, user_name: str, permissions_boundary: str
    ) -> None:
        boundary = await self._store.boundary(permissions_boundary, ctx.account)
        await self._store.users.change(
            ctx.account, user_name, lambda it: msgspec.structs.replace(it, boundary=boundary)
        )

    async def put_role_permissions_boundary(
        self, ctx: RequestContext, *, role_name: str, permissions_boundary: str
    ) -> None:
        boundary = await self._store.boundary(permissions_boundary, ctx.account)

        def put(role: Role) -> Role:
            errors.check_modifiable(role)
            return msgspec.structs.replace(role, boundary=boundary)

        await self._store.roles.change(ctx.account, role_name, put)

    async def delete_user_permissions_boundary(self, ctx: RequestContext, *, user_name: str) -> None:
        def delete(user: User) -> User:
            if user.boundary is None:
                raise errors.no_such_boundary("user", user_name)
            return msgspec.structs.replace(user, boundary=None)

        await self._store.users.change(ctx.account, user_name, delete)

    async def delete_role_permissions_boundary(self, ctx: RequestContext, *, role_name: str) -> None:
        def delete(role: Role) -> Role:
            if role.boundary is None:
                raise errors.no_such_boundary("role", role_name)
            return msgspec.structs.replace(role, boundary=None)

        await self._store.roles.change(ctx.account, role_name, delete)


def _listed(tags: Tags, marker: str | None, max_items: int | None) -> Answer:
    shown, more = page(shown_tags(tags), lambda tag: tag["Key"], marker, max_items)
    return {"Tags": shown} | more
