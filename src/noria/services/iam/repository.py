"""Roles and managed policies in the store, named in lower case: their names are unique whatever the case."""

from __future__ import annotations

import re
from collections.abc import Callable

import msgspec

from noria.services.iam import errors, limits
from noria.services.iam.aws_managed import AWS_MANAGED
from noria.services.iam.models import AWS_ACCOUNT, ManagedPolicy, Role
from noria.store.base import Records

ROLE_KIND = "iam-role"
POLICY_KIND = "iam-policy"
REGION = ""  # IAM is global

ROLE_ARN = re.compile(r"arn:aws:iam::([0-9]{12}):role/(?:.*/)?([^/]+)")
POLICY_ARN = re.compile(r"arn:aws:iam::(aws|[0-9]{12}):policy/(?:.*/)?([^/]+)")


class Repository:
    """Typed access to IAM's records."""

    def __init__(self, records: Records) -> None:
        self._records = records

    async def find_role(self, account: str, name: str) -> Role | None:
        raw = await self._records.get(ROLE_KIND, account, REGION, name.lower())
        role = msgspec.json.decode(raw, type=Role) if raw is not None else None
        return role if role is not None and role.name == name else None

    async def find_role_by_arn(self, arn: str) -> Role | None:
        parts = ROLE_ARN.fullmatch(arn)
        role = await self.find_role(parts[1], parts[2]) if parts else None
        return role if role is not None and role.arn == arn else None

    async def role(self, account: str, name: str) -> Role:
        """Raises NoSuchEntity."""
        role = await self.find_role(account, name)
        if role is None:
            raise errors.no_such_role(name)
        return role

    async def roles(self, account: str) -> list[Role]:
        """All of an account, by name."""
        found = await self._records.list(ROLE_KIND, account, REGION, limit=limits.ROLES_PER_ACCOUNT)
        return [msgspec.json.decode(raw, type=Role) for _, raw in found]

    async def insert_role(self, role: Role) -> bool:
        """False where the name is taken."""
        raw = msgspec.json.encode(role)
        return await self._records.insert(ROLE_KIND, role.account, REGION, role.name.lower(), raw)

    async def change_role(self, account: str, name: str, change: Callable[[Role], Role]) -> None:
        """Apply `change`, anew if another came between. Raises NoSuchEntity and what `change` raises."""
        while True:
            raw = await self._records.get(ROLE_KIND, account, REGION, name.lower())
            role = msgspec.json.decode(raw, type=Role) if raw is not None else None
            if raw is None or role is None or role.name != name:
                raise errors.no_such_role(name)
            changed = change(role)
            if changed == role or await self._records.replace(
                ROLE_KIND, account, REGION, name.lower(), msgspec.json.encode(changed), expected=raw
            ):
                return

    async def delete_role(self, account: str, name: str) -> None:
        await self._records.delete(ROLE_KIND, account, REGION, name.lower())

    async def find_policy(self, arn: str, account: str) -> ManagedPolicy | None:
        """A policy that `account` may use, its own or AWS's. Raises ValidationError for a broken ARN."""
        parts = POLICY_ARN.fullmatch(arn)
        if parts is None:
            raise errors.invalid_arn()
        if parts[1] == AWS_ACCOUNT:
            return AWS_MANAGED.get(arn)
        if parts[1] != account:
            return None
        raw = await self._records.get(POLICY_KIND, account, REGION, parts[2].lower())
        policy = msgspec.json.decode(raw, type=ManagedPolicy) if raw is not None else None
        return policy if policy is not None and policy.arn == arn else None

    async def policies(self, account: str) -> list[ManagedPolicy]:
        """An account's own, by name."""
        found = await self._records.list(POLICY_KIND, account, REGION, limit=limits.POLICIES_PER_ACCOUNT)
        return [msgspec.json.decode(raw, type=ManagedPolicy) for _, raw in found]

    async def insert_policy(self, policy: ManagedPolicy) -> bool:
        """False where the name is taken."""
        raw = msgspec.json.encode(policy)
        return await self._records.insert(POLICY_KIND, policy.account, REGION, policy.name.lower(), raw)

    async def delete_policy(self, policy: ManagedPolicy) -> None:
        await self._records.delete(POLICY_KIND, policy.account, REGION, policy.name.lower())

    async def attachments(self, account: str) -> dict[str, int]:
        """Managed policy ARN → how many roles of the account it is attached to."""
        counts: dict[str, int] = {}
        for role in await self.roles(account):
            for arn in role.attached:
                counts[arn] = counts.get(arn, 0) + 1
        return counts
