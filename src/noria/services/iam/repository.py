"""IAM's records, named in lower case: their names are unique whatever the case."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import Any, Generic, TypeVar

import msgspec

from noria.errors import AwsError
from noria.services.iam import errors, limits
from noria.services.iam.aws_managed import aws_managed
from noria.services.iam.models import (
    AWS_ACCOUNT,
    Bounded,
    Entity,
    Group,
    InstanceProfile,
    ManagedPolicy,
    OidcProvider,
    PolicyHolder,
    Role,
    User,
)
from noria.store.base import Records

POLICY_KIND = "iam-policy"
KEY_KIND = "iam-access-key"  # access key id → its user's name
ALIAS_KIND = "iam-alias"
EVERYONE = ""  # the account of records that all accounts share
REGION = ""  # IAM is global

ENTITY_ARN = re.compile(r"arn:aws:iam::([0-9]{12}):(user|group|role|instance-profile)/(?:.*/)?([^/]+)")
OIDC_ARN = re.compile(r"arn:aws:iam::([0-9]{12}):oidc-provider/(.+)")
POLICY_ARN = re.compile(r"arn:aws:iam::(aws|[0-9]{12}):policy/(?:.*/)?([^/]+)")

E = TypeVar("E", bound=Entity)


class Entities(Generic[E]):
    """The users, groups, roles or instance profiles of all accounts."""

    def __init__(
        self,
        records: Records,
        entity_type: type[E],
        quota: str,
        limit: int,
        missing: Callable[[str], AwsError],
    ) -> None:
        """limit: how many an account may have; quota: AWS's name for that. missing: the error for a name that
        nothing has."""
        self._records = records
        self._type = entity_type
        self._kind = f"iam-{entity_type.kind}"
        self.kind = entity_type.kind
        self.quota = quota
        self.limit = limit
        self.missing = missing

    async def find(self, account: str, name: str) -> E | None:
        return (await self._raw(account, name))[0]

    async def _raw(self, account: str, name: str) -> tuple[E | None, bytes]:
        raw = await self._records.get(self._kind, account, REGION, name.lower())
        entity = msgspec.json.decode(raw, type=self._type) if raw is not None else None
        return (entity, raw or b"") if entity is not None and entity.name == name else (None, b"")

    async def get(self, account: str, name: str) -> E:
        """Raises NoSuchEntity."""
        entity = await self.find(account, name)
        if entity is None:
            raise self.missing(name)
        return entity

    async def by_arn(self, arn: str) -> E | None:
        parts = ENTITY_ARN.fullmatch(arn)
        entity = await self.find(parts[1], parts[3]) if parts and parts[2] == self.kind else None
        return entity if entity is not None and entity.arn == arn else None

    async def all(self, account: str) -> list[E]:
        """By name."""
        found = await self._records.list(self._kind, account, REGION, limit=self.limit)
        return [msgspec.json.decode(raw, type=self._type) for _, raw in found]

    async def below(self, account: str, path_prefix: str) -> list[E]:
        return [entity for entity in await self.all(account) if entity.path.startswith(path_prefix)]

    async def check_quota(self, account: str) -> None:
        """Raises LimitExceeded where the account may not have one more."""
        if len(await self._records.list(self._kind, account, REGION, limit=self.limit)) >= self.limit:
            raise errors.quota_exceeded(self.quota, self.limit)

    async def insert(self, entity: E) -> bool:
        """False where the name is taken."""
        raw = msgspec.json.encode(entity)
        return await self._records.insert(self._kind, entity.account, REGION, entity.name.lower(), raw)

    async def change(self, account: str, name: str, change: Callable[[E], E]) -> E:
        """Apply `change`, anew if another came between. Raises NoSuchEntity and what `change` raises."""
        while True:
            entity, raw = await self._raw(account, name)
            if entity is None:
                raise self.missing(name)
            changed = change(entity)
            if changed == entity or await self._records.replace(
                self._kind, account, REGION, name.lower(), msgspec.json.encode(changed), expected=raw
            ):
                return changed

    async def rename(
        self,
        account: str,
        name: str,
        new_name: str,
        change: Callable[[E], E],
        before_the_old_goes: Callable[[], Awaitable[None]],
    ) -> E:
        """`change` gives it `new_name`, too, which is another than `name` whatever the case. What others
        change of it meanwhile comes along. Raises NoSuchEntity, EntityAlreadyExists."""
        while True:
            entity, raw = await self._raw(account, name)
            if entity is None:
                raise self.missing(name)
            moved = change(entity)
            if not await self.insert(moved):
                raise errors.entity_exists(self.kind, new_name)
            await before_the_old_goes()
            if await self._delete(account, name, raw):
                return moved
            await self._delete(account, new_name, msgspec.json.encode(moved))

    async def delete(self, account: str, name: str, check: Callable[[E], None]) -> E:
        """check: raises where what there is now may not be deleted. Raises NoSuchEntity, too."""
        while True:
            entity, raw = await self._raw(account, name)
            if entity is None:
                raise self.missing(name)
            check(entity)
            if await self._delete(account, name, raw):
                return entity

    async def discard(self, account: str, name: str) -> None:
        """Whatever it is by now, and if it is there."""
        await self._records.delete(self._kind, account, REGION, name.lower())

    async def _delete(self, account: str, name: str, expected: bytes) -> bool:
        return await self._records.delete(self._kind, account, REGION, name.lower(), expected=expected)


AnyEntities = Entities[User] | Entities[Group] | Entities[Role] | Entities[InstanceProfile]


class Repository:
    """Typed access to all of them."""

    def __init__(self, records: Records) -> None:
        self._records = records
        self.users = Entities(records, User, "UsersPerAccount", limits.USERS_PER_ACCOUNT, _missing("user"))
        self.groups = Entities(
            records, Group, "GroupsPerAccount", limits.GROUPS_PER_ACCOUNT, _missing("group")
        )
        self.roles = Entities(records, Role, "RolesPerAccount", limits.ROLES_PER_ACCOUNT, _missing("role"))
        self.profiles = Entities(
            records,
            InstanceProfile,
            "InstanceProfilesPerAccount",
            limits.INSTANCE_PROFILES_PER_ACCOUNT,
            errors.no_such_instance_profile,
        )
        self.oidc_providers = Entities(
            records,
            OidcProvider,
            "OpenIdConnectProvidersPerAccount",
            limits.OIDC_PROVIDERS_PER_ACCOUNT,
            errors.no_such_oidc_provider,
        )

    def entities(self, kind: str) -> AnyEntities:
        """kind: as ARNs have it."""
        every: tuple[AnyEntities, ...] = (self.users, self.groups, self.roles, self.profiles)
        return next(entities for entities in every if entities.kind == kind)

    # Managed policies

    async def find_policy(self, arn: str, account: str) -> ManagedPolicy | None:
        """A policy that `account` may use, its own or AWS's. Raises ValidationError for a broken ARN."""
        parts = POLICY_ARN.fullmatch(arn)
        if parts is None:
            raise errors.invalid_arn()
        if parts[1] == AWS_ACCOUNT:
            return aws_managed().get(arn)
        return (await self._raw_policy(arn))[0] if parts[1] == account else None

    async def _raw_policy(self, arn: str) -> tuple[ManagedPolicy | None, bytes]:
        parts = POLICY_ARN.fullmatch(arn)
        assert parts is not None  # looked at by the callers
        raw = await self._records.get(POLICY_KIND, parts[1], REGION, parts[2].lower())
        policy = msgspec.json.decode(raw, type=ManagedPolicy) if raw is not None else None
        return (policy, raw or b"") if policy is not None and policy.arn == arn else (None, b"")

    async def policy(self, arn: str, account: str) -> ManagedPolicy:
        """Raises NoSuchEntity."""
        policy = await self.find_policy(arn, account)
        if policy is None:
            raise errors.no_such_policy(arn)
        return policy

    async def own_policy(self, arn: str, account: str) -> ManagedPolicy:
        """One that the account may change. Raises NoSuchEntity, AccessDenied."""
        policy = await self.policy(arn, account)
        if policy.account == AWS_ACCOUNT:
            raise errors.not_your_own(arn)
        return policy

    async def policies(self, account: str) -> list[ManagedPolicy]:
        """An account's own, by name."""
        found = await self._records.list(POLICY_KIND, account, REGION, limit=limits.POLICIES_PER_ACCOUNT)
        return [msgspec.json.decode(raw, type=ManagedPolicy) for _, raw in found]

    async def insert_policy(self, policy: ManagedPolicy) -> bool:
        """False where the name is taken."""
        raw = msgspec.json.encode(policy)
        return await self._records.insert(POLICY_KIND, policy.account, REGION, policy.name.lower(), raw)

    async def change_policy(
        self, arn: str, account: str, change: Callable[[ManagedPolicy], ManagedPolicy]
    ) -> ManagedPolicy:
        """As `Entities.change`, of one that the account may change."""
        await self.own_policy(arn, account)
        while True:
            policy, raw = await self._raw_policy(arn)
            if policy is None:
                raise errors.no_such_policy(arn)
            changed = change(policy)
            if changed == policy or await self._records.replace(
                POLICY_KIND, account, REGION, policy.name.lower(), msgspec.json.encode(changed), expected=raw
            ):
                return changed

    async def delete_policy(self, arn: str, account: str, check: Callable[[ManagedPolicy], None]) -> None:
        """As `Entities.delete`, of one that the account may change. Nobody is left attached to it, who would
        be to the next of its name; a boundary that is gone allows nothing."""
        await self.own_policy(arn, account)
        while True:
            policy, raw = await self._raw_policy(arn)
            if policy is None:
                raise errors.no_such_policy(arn)
            check(policy)
            name = policy.name.lower()
            if await self._records.delete(POLICY_KIND, policy.account, REGION, name, expected=raw):
                break

        def _detached(holder: PolicyHolder) -> PolicyHolder:
            rest = tuple(other for other in holder.attached if other != arn)
            return msgspec.structs.replace(holder, attached=rest)

        for holder in await self.holders(account):
            if arn in holder.attached:  # since the caller looked
                held: Entities[Any] = self.entities(holder.kind)
                await held.change(account, holder.name, _detached)

    async def attachable(self, arn: str, account: str) -> None:
        """Raises ValidationError, and NoSuchEntity for a policy that is not there to attach."""
        if await self.find_policy(arn, account) is None:
            raise errors.not_attachable(arn)

    async def boundary(self, arn: str | None, account: str) -> str | None:
        """`arn`, if it can be a permissions boundary. Raises as `attachable`."""
        if arn is not None:
            await self.attachable(arn, account)
        return arn

    # OpenID Connect providers

    async def find_oidc_provider(self, arn: str, account: str) -> OidcProvider | None:
        """Raises ValidationError for a broken ARN."""
        parts = OIDC_ARN.fullmatch(arn)
        if parts is None:
            raise errors.invalid_arn()
        return await self.oidc_providers.find(account, parts[2]) if parts[1] == account else None

    async def oidc_provider(self, arn: str, account: str) -> OidcProvider:
        """Raises ValidationError, NoSuchEntity."""
        provider = await self.find_oidc_provider(arn, account)
        if provider is None:
            raise errors.no_such_oidc_provider(arn)
        return provider

    async def change_oidc_provider(
        self, arn: str, account: str, change: Callable[[OidcProvider], OidcProvider]
    ) -> None:
        provider = await self.oidc_provider(arn, account)
        await self.oidc_providers.change(account, provider.name, change)

    async def members(self, account: str, group: str) -> list[User]:
        return [user for user in await self.users.all(account) if group in user.groups]

    async def holders(self, account: str) -> list[PolicyHolder]:
        """Every user, group and role of an account."""
        return [
            *await self.users.all(account),
            *await self.groups.all(account),
            *await self.roles.all(account),
        ]

    async def policy_uses(self, account: str) -> tuple[dict[str, int], dict[str, int]]:
        """Managed policy ARN → to how many entities it is attached; and of how many it is the boundary."""
        attached: dict[str, int] = {}
        boundaries: dict[str, int] = {}
        for holder in await self.holders(account):
            for arn in holder.attached:
                attached[arn] = attached.get(arn, 0) + 1
            if isinstance(holder, Bounded) and holder.boundary:
                boundaries[holder.boundary] = boundaries.get(holder.boundary, 0) + 1
        return attached, boundaries

    # The account's alias: a record of the account, and one that keeps others from taking it.

    async def alias(self, account: str) -> str | None:
        raw = await self._records.get(ALIAS_KIND, account, REGION, "alias")
        return raw.decode() if raw is not None else None

    async def set_alias(self, account: str, alias: str) -> bool:
        """In place of the one that there is; False where another account has it."""
        if await self.alias(account) == alias:
            return True
        if not await self._records.insert(ALIAS_KIND, EVERYONE, REGION, alias, account.encode()):
            return False
        await self.delete_alias(account)
        return await self._records.insert(ALIAS_KIND, account, REGION, "alias", alias.encode())

    async def delete_alias(self, account: str) -> None:
        alias = await self.alias(account)
        if alias is not None:
            await self._records.delete(ALIAS_KIND, EVERYONE, REGION, alias)
            await self._records.delete(ALIAS_KIND, account, REGION, "alias")

    # Access keys: the user holds them, and a record of its own says whose a key is.

    async def key_owner(self, account: str, key_id: str) -> User | None:
        """The user that has the key now."""
        name = await self._records.get(KEY_KIND, account, REGION, key_id)
        user = await self.users.find(account, name.decode()) if name is not None else None
        has = user is not None and any(key.key_id == key_id for key in user.keys)
        return user if has else None

    async def own_key(self, account: str, key_id: str, user_name: str) -> None:
        """Say whose a key is, before it is made and when its user gets another name."""
        await self.disown_key(account, key_id)
        await self._records.insert(KEY_KIND, account, REGION, key_id, user_name.encode())

    async def disown_key(self, account: str, key_id: str) -> None:
        await self._records.delete(KEY_KIND, account, REGION, key_id)


def _missing(kind: str) -> Callable[[str], AwsError]:
    return lambda name: errors.no_such_entity(kind, name)
