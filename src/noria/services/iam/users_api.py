"""Users."""

from __future__ import annotations

from typing import Any

import msgspec

from noria.auth.credentials import unique_id
from noria.context import RequestContext
from noria.services.iam import errors
from noria.services.iam.checks import new_tags
from noria.services.iam.models import User
from noria.services.iam.paging import page
from noria.services.iam.repository import Repository

Answer = dict[str, Any]


class UserOperations:
    """One method an operation; see `noria.gateway` for how they are called."""

    def __init__(self, store: Repository) -> None:
        self._store = store

    async def create_user(
        self,
        ctx: RequestContext,
        *,
        user_name: str,
        path: str = "/",
        permissions_boundary: str | None = None,
        tags: list[dict[str, str]] | None = None,
    ) -> Answer:
        boundary = await self._store.boundary(permissions_boundary, ctx.account)
        user = User(
            name=user_name,
            account=ctx.account,
            path=path,
            user_id=unique_id("AIDA"),
            created_s=ctx.now_ms // 1000,
            boundary=boundary,
            tags=new_tags(tags),
        )
        await self._store.users.check_quota(ctx.account)
        if not await self._store.users.insert(user):
            raise errors.entity_exists("user", user_name)
        return {"User": user.listed() | user.details()}

    async def get_user(self, ctx: RequestContext, *, user_name: str | None = None) -> Answer:
        """Without a name: the caller."""
        if user_name is None and ctx.principal.kind == "root":
            root = {"UserId": ctx.account, "Arn": f"arn:aws:iam::{ctx.account}:root", "CreateDate": 0}
            return {"User": root}
        user = await self._store.users.get(ctx.account, user_name or caller_name(ctx))
        return {"User": user.listed() | user.details()}

    async def list_users(
        self,
        ctx: RequestContext,
        *,
        path_prefix: str = "/",
        marker: str | None = None,
        max_items: int | None = None,
    ) -> Answer:
        users = await self._store.users.below(ctx.account, path_prefix)
        shown, more = page(users, lambda user: user.name, marker, max_items)
        return {"Users": [user.listed() for user in shown]} | more

    async def update_user(
        self,
        ctx: RequestContext,
        *,
        user_name: str,
        new_path: str | None = None,
        new_user_name: str | None = None,
    ) -> None:
        users = self._store.users
        name = new_user_name or user_name

        def moved(user: User) -> User:
            return msgspec.structs.replace(user, name=name, path=new_path or user.path)

        async def own_keys() -> None:
            user = await users.get(ctx.account, name)
            for key in user.keys:
                await self._store.own_key(ctx.account, key.key_id, name)

        if name.lower() != user_name.lower():
            await users.rename(ctx.account, user_name, name, moved, own_keys)
            return
        await users.change(ctx.account, user_name, moved)
        if name != user_name:
            await own_keys()

    async def delete_user(self, ctx: RequestContext, *, user_name: str) -> None:
        await self._store.users.delete(ctx.account, user_name, _check_empty)


def _check_empty(user: User) -> None:
    if user.groups:
        raise errors.delete_conflict("Cannot delete entity, must remove users from group first.")
    errors.check_without_policies(user)
    if user.keys:
        raise errors.delete_conflict("Cannot delete entity, must delete access keys first.")
    if user.service_credentials:
        raise errors.delete_conflict("Cannot delete entity, must delete service specific credentials first.")


def caller_name(ctx: RequestContext) -> str:
    """The name of the user who asks. Raises ValidationError where no user does."""
    if ctx.principal.kind != "user":
        raise errors.not_a_user()
    return ctx.principal.name
