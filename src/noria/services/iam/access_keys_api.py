"""Access keys: long-term keys of users, at most two of each so that they can be rotated."""

from __future__ import annotations

from typing import Any

import msgspec

from noria.auth.credentials import LONG_TERM, access_key_account, access_key_id, new_secret
from noria.context import RequestContext
from noria.errors import not_implemented
from noria.services.iam import errors, limits
from noria.services.iam.last_used import LastUsed
from noria.services.iam.models import AccessKey, User
from noria.services.iam.paging import page
from noria.services.iam.repository import Repository
from noria.services.iam.users_api import caller_name

Answer = dict[str, Any]

STATUS = {True: "Active", False: "Inactive"}


class AccessKeyOperations:
    """One method an operation; see `noria.gateway` for how they are called. Without a name: the caller."""

    def __init__(self, store: Repository, last_used: LastUsed) -> None:
        self._store = store
        self._last_used = last_used

    async def create_access_key(self, ctx: RequestContext, *, user_name: str | None = None) -> Answer:
        """The only answer that holds the secret."""
        name = _user(ctx, user_name)
        user = await self._store.users.get(ctx.account, name)
        key = AccessKey(access_key_id(LONG_TERM, ctx.account), new_secret(), ctx.now_ms // 1000)

        def add(user: User) -> User:
            if len(user.keys) >= limits.ACCESS_KEYS_PER_USER:
                raise errors.quota_exceeded("AccessKeysPerUser", limits.ACCESS_KEYS_PER_USER)
            return msgspec.structs.replace(user, keys=(*user.keys, key))

        add(user)  # before anything is written
        await self._store.own_key(ctx.account, key.key_id, name)
        await self._store.users.change(ctx.account, name, add)
        return {"AccessKey": _listed(name, key) | {"SecretAccessKey": key.secret}}

    async def list_access_keys(
        self,
        ctx: RequestContext,
        *,
        user_name: str | None = None,
        marker: str | None = None,
        max_items: int | None = None,
    ) -> Answer:
        if user_name is None and ctx.principal.kind == "root":
            return {"AccessKeyMetadata": [], "IsTruncated": False}
        user = await self._store.users.get(ctx.account, _user(ctx, user_name))
        shown, more = page(user.keys, lambda key: key.key_id, marker, max_items)
        return {"AccessKeyMetadata": [_listed(user.name, key) for key in shown]} | more

    async def update_access_key(
        self, ctx: RequestContext, *, access_key_id: str, status: str, user_name: str | None = None
    ) -> None:
        def update(user: User) -> User:
            key = _key(user, access_key_id)
            changed = msgspec.structs.replace(key, active=status == STATUS[True])
            return msgspec.structs.replace(
                user, keys=tuple(changed if other == key else other for other in user.keys)
            )

        await self._store.users.change(ctx.account, _user(ctx, user_name), update)

    async def delete_access_key(
        self, ctx: RequestContext, *, access_key_id: str, user_name: str | None = None
    ) -> None:
        def delete(user: User) -> User:
            key = _key(user, access_key_id)
            return msgspec.structs.replace(user, keys=tuple(other for other in user.keys if other != key))

        await self._store.users.change(ctx.account, _user(ctx, user_name), delete)
        await self._store.disown_key(ctx.account, access_key_id)

    async def get_access_key_last_used(self, ctx: RequestContext, *, access_key_id: str) -> Answer:
        same_account = access_key_account(access_key_id) == ctx.account
        user = await self._store.key_owner(ctx.account, access_key_id) if same_account else None
        if user is None:
            raise errors.no_such_access_key(access_key_id)
        used = await self._last_used.of(ctx.account, access_key_id)
        never = {"LastUsedDate": None, "ServiceName": "N/A", "Region": "N/A"}
        shown = (
            {"LastUsedDate": used.time_s, "ServiceName": used.service, "Region": used.region}
            if used
            else never
        )
        return {"UserName": user.name, "AccessKeyLastUsed": shown}


def _user(ctx: RequestContext, name: str | None) -> str:
    if name is None and ctx.principal.kind == "root":
        raise not_implemented("An access key of root other than the data directory's")
    return name or caller_name(ctx)


def _key(user: User, key_id: str) -> AccessKey:
    for key in user.keys:
        if key.key_id == key_id:
            return key
    raise errors.no_such_access_key(key_id)


def _listed(user: str, key: AccessKey) -> Answer:
    return {
        "UserName": user,
        "AccessKeyId": key.key_id,
        "Status": STATUS[key.active],
        "CreateDate": key.created_s,
    }
