"""Inline policies of users, groups and roles: the same for all three."""

from __future__ import annotations

from typing import Any

import msgspec

from noria.context import RequestContext
from noria.policy.document import parse_identity_policy, size
from noria.services.iam import errors, limits
from noria.services.iam.models import Group, Holder, Role, User, encoded
from noria.services.iam.paging import page
from noria.services.iam.repository import Entities, Repository
from noria.services.iam.review import log_findings

Answer = dict[str, Any]


class InlinePolicyOperations:
    """One method an operation; see `noria.gateway` for how they are called."""

    def __init__(self, store: Repository) -> None:
        self._store = store

    async def put_user_policy(
        self, ctx: RequestContext, *, user_name: str, policy_name: str, policy_document: str
    ) -> None:
        await _put(self._store.users, ctx.account, user_name, policy_name, policy_document)

    async def put_group_policy(
        self, ctx: RequestContext, *, group_name: str, policy_name: str, policy_document: str
    ) -> None:
        await _put(self._store.groups, ctx.account, group_name, policy_name, policy_document)

    async def put_role_policy(
        self, ctx: RequestContext, *, role_name: str, policy_name: str, policy_document: str
    ) -> None:
        await _put(self._store.roles, ctx.account, role_name, policy_name, policy_document)

    async def get_user_policy(self, ctx: RequestContext, *, user_name: str, policy_name: str) -> Answer:
        user = await self._store.users.get(ctx.account, user_name)
        return {"UserName": user.name} | _shown(user, policy_name)

    async def get_group_policy(self, ctx: RequestContext, *, group_name: str, policy_name: str) -> Answer:
        group = await self._store.groups.get(ctx.account, group_name)
        return {"GroupName": group.name} | _shown(group, policy_name)

    async def get_role_policy(self, ctx: RequestContext, *, role_name: str, policy_name: str) -> Answer:
        role = await self._store.roles.get(ctx.account, role_name)
        return {"RoleName": role.name} | _shown(role, policy_name)

    async def list_user_policies(
        self, ctx: RequestContext, *, user_name: str, marker: str | None = None, max_items: int | None = None
    ) -> Answer:
        return _names(await self._store.users.get(ctx.account, user_name), marker, max_items)

    async def list_group_policies(
        self, ctx: RequestContext, *, group_name: str, marker: str | None = None, max_items: int | None = None
    ) -> Answer:
        return _names(await self._store.groups.get(ctx.account, group_name), marker, max_items)

    async def list_role_policies(
        self, ctx: RequestContext, *, role_name: str, marker: str | None = None, max_items: int | None = None
    ) -> Answer:
        return _names(await self._store.roles.get(ctx.account, role_name), marker, max_items)

    async def delete_user_policy(self, ctx: RequestContext, *, user_name: str, policy_name: str) -> None:
        await _delete(self._store.users, ctx.account, user_name, policy_name)

    async def delete_group_policy(self, ctx: RequestContext, *, group_name: str, policy_name: str) -> None:
        await _delete(self._store.groups, ctx.account, group_name, policy_name)

    async def delete_role_policy(self, ctx: RequestContext, *, role_name: str, policy_name: str) -> None:
        await _delete(self._store.roles, ctx.account, role_name, policy_name)


async def _put(holders: Entities[Holder], account: str, name: str, policy_name: str, document: str) -> None:
    errors.check_modifiable(await holders.get(account, name))
    limit = limits.INLINE_POLICIES_CHARS[holders.kind]
    if size(document) > limit:
        raise errors.inline_size_exceeded(limit, holders.kind, name)
    parse_identity_policy(document)

    def put(holder: Holder) -> Holder:
        inline = holder.inline | {policy_name: document}
        if sum(size(text) for text in inline.values()) > limit:
            raise errors.inline_size_exceeded(limit, holders.kind, name)
        return msgspec.structs.replace(holder, inline=inline)

    await holders.change(account, name, put)
    log_findings(account, f"{holders.kind} {name}, policy {policy_name}", document)


def _shown(holder: User | Group | Role, policy_name: str) -> Answer:
    document = holder.inline.get(policy_name)
    if document is None:
        raise errors.no_such_inline_policy(holder.kind, policy_name)
    return {"PolicyName": policy_name, "PolicyDocument": encoded(document)}


def _names(holder: User | Group | Role, marker: str | None, max_items: int | None) -> Answer:
    shown, more = page(list(holder.inline), str, marker, max_items)
    return {"PolicyNames": shown} | more


async def _delete(holders: Entities[Holder], account: str, name: str, policy_name: str) -> None:
    def delete(holder: Holder) -> Holder:
        errors.check_modifiable(holder)
        if policy_name not in holder.inline:
            raise errors.no_such_inline_policy(holder.kind, policy_name)
        rest = {other: document for other, document in holder.inline.items() if other != policy_name}
        return msgspec.structs.replace(holder, inline=rest)

    await holders.change(account, name, delete)
