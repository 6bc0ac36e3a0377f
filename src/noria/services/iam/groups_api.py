"""Groups, and who is in them."""

from __future__ import annotations

from typing import Any

import msgspec

from noria.auth.credentials import unique_id
from noria.context import RequestContext
from noria.services.iam import errors, limits
from noria.services.iam.models import Group, User
from noria.services.iam.paging import page
from noria.services.iam.repository import Repository

Answer = dict[str, Any]


class GroupOperations:
    """One method an operation; see `noria.gateway` for how they are called."""

    def __init__(self, store: Repository) -> None:
        self._store = store

    async def create_group(self, ctx: RequestContext, *, group_name: str, path: str = "/") -> Answer:
        group = Group(
            name=group_name,
            account=ctx.account,
            path=path,
            group_id=unique_id("AGPA"),
            created_s=ctx.now_ms // 1000,
        )
        await self._store.groups.check_quota(ctx.account)
        if not await self._store.groups.insert(group):
            raise errors.entity_exists("group", group_name)
        return {"Group": group.listed()}

    async def get_group(
        self, ctx: RequestContext, *, group_name: str, marker: str | None = None, max_items: int | None = None
    ) -> Answer:
        group = await self._store.groups.get(ctx.account, group_name)
        members = await self._store.members(ctx.account, group_name)
        shown, more = page(members, lambda user: user.name, marker, max_items)
        return {"Group": group.listed(), "Users": [user.listed() for user in shown]} | more

    async def list_groups(
        self,
        ctx: RequestContext,
        *,
        path_prefix: str = "/",
        marker: str | None = None,
        max_items: int | None = None,
    ) -> Answer:
        groups = await self._store.groups.below(ctx.account, path_prefix)
        shown, more = page(groups, lambda group: group.name, marker, max_items)
        return {"Groups": [group.listed() for group in shown]} | more

    async def list_groups_for_user(
        self, ctx: RequestContext, *, user_name: str, marker: str | None = None, max_items: int | None = None
    ) -> Answer:
        user = await self._store.users.get(ctx.account, user_name)
        shown, more = page(user.groups, str, marker, max_items)
        groups = [await self._store.groups.find(ctx.account, name) for name in shown]
        return {"Groups": [group.listed() for group in groups if group is not None]} | more

    async def update_group(
        self,
        ctx: RequestContext,
        *,
        group_name: str,
        new_path: str | None = None,
        new_group_name: str | None = None,
    ) -> None:
        groups = self._store.groups
        name = new_group_name or group_name

        def moved(group: Group) -> Group:
            return msgspec.structs.replace(group, name=name, path=new_path or group.path)

        async def move_members() -> None:
            await self._move_members(ctx.account, group_name, name)

        if name.lower() != group_name.lower():
            # Before the old one goes: nobody is ever without the group's policies.
            await groups.rename(ctx.account, group_name, name, moved, move_members)
        else:
            await groups.change(ctx.account, group_name, moved)
        if name != group_name:
            await move_members()  # also who came in meanwhile

    async def delete_group(self, ctx: RequestContext, *, group_name: str) -> None:
        group = await self._store.groups.get(ctx.account, group_name)
        if await self._store.members(ctx.account, group_name):
            raise errors.delete_conflict("Cannot delete entity, must remove users from group first.")
        await self._store.groups.delete(ctx.account, group_name, errors.check_without_policies)
        await self._move_members(ctx.account, group.name)  # who came in meanwhile

    async def _move_members(self, account: str, group: str, *instead: str) -> None:
        for user in await self._store.members(account, group):
            await self._store.users.change(account, user.name, lambda user: _moved(user, group, *instead))

    async def add_user_to_group(self, ctx: RequestContext, *, group_name: str, user_name: str) -> None:
        await self._store.groups.get(ctx.account, group_name)

        def add(user: User) -> User:
            if group_name in user.groups:
                return user
            if len(user.groups) >= limits.GROUPS_PER_USER:
                raise errors.quota_exceeded("GroupsPerUser", limits.GROUPS_PER_USER)
            return msgspec.structs.replace(user, groups=(*user.groups, group_name))

        await self._store.users.change(ctx.account, user_name, add)

    async def remove_user_from_group(self, ctx: RequestContext, *, group_name: str, user_name: str) -> None:
        """Also of a user that is not in it."""
        await self._store.groups.get(ctx.account, group_name)
        await self._store.users.change(ctx.account, user_name, lambda user: _moved(user, group_name))


def _moved(user: User, group: str, *instead: str) -> User:
    """The user without the group, or in another in its place."""
    if group not in user.groups:
        return user
    rest = [name for name in user.groups if name != group]
    return msgspec.structs.replace(user, groups=(*rest, *instead))
