"""Identities as the rest of Noria sees them: the evaluator's source, whose a key is, and STS's directory."""

from __future__ import annotations

from functools import lru_cache

import msgspec

from noria.auth.authorize import Resource
from noria.auth.credentials import Credential, access_key_account
from noria.context import Principal
from noria.policy.document import parse_trust_policy, stored_policy
from noria.policy.evaluate import GONE, NOBODY, Attached, Identity
from noria.policy.statement import Policy
from noria.services.iam.models import Bounded, InstanceProfile, PolicyHolder, Role, User
from noria.services.iam.repository import ENTITY_ARN, OIDC_ARN, POLICY_ARN, Repository
from noria.services.ports import IdentityProvider, RoleView
from noria.store.base import Records
from noria.store.cache import GenerationCache

CACHED = 1024  # identities whose policies are kept compiled, and keys: one account's quota of roles
DOCUMENTS_CACHED = 2048  # compiled documents, shared by identities and kept across changes elsewhere
ALLOW_ALL = '{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}'

_identity_policy = lru_cache(DOCUMENTS_CACHED)(stored_policy)
_trust_policy = lru_cache(DOCUMENTS_CACHED)(parse_trust_policy)


class IamDirectory:
    """Implements `PolicySource` and `Resources` of `noria.auth.authorize`, `AccessKeys` of
    `noria.auth.credentials`, and `noria.services.ports.RoleDirectory`.
    """

    def __init__(self, records: Records) -> None:
        self._records = records
        self._store = Repository(records)
        self.generation = records.generation
        self._identities: GenerationCache[tuple[str, str, str], Identity] = GenerationCache(
            records.generation, CACHED
        )
        self._keys: GenerationCache[str, Credential] = GenerationCache(records.generation, CACHED)
        self._there: GenerationCache[Principal, bool] = GenerationCache(records.generation, CACHED)

    # Who a key is

    async def access_key(self, key_id: str) -> Credential | None:
        """What is no active key is looked up each time, so that guessed ones do not push out others."""
        credential = self._keys.get(key_id)
        if credential is None:
            generation = self._keys.generation
            account = access_key_account(key_id)
            user = await self._store.key_owner(account, key_id) if account else None
            key = next((key for key in user.keys if key.key_id == key_id), None) if user else None
            if user is None or key is None or not key.active:
                return None
            credential = Credential(key.secret, user_principal(user))
            self._keys.put(key_id, credential, generation)
        return credential

    def known_key(self, key_id: str) -> Credential | None:
        return self._keys.get(key_id)

    async def is_there(self, principal: Principal) -> bool:
        if self._there.get(principal):
            return True
        generation = self._there.generation
        found = principal.kind == "root" or _of_root(principal) or await self._holder(principal) is not None
        if found:
            self._there.put(principal, True, generation)
        return found

    def known_to_be_there(self, principal: Principal) -> bool:
        return self._there.get(principal) is not None

    # What an identity may

    async def identity(self, principal: Principal) -> Identity:
        """Of the user, or of the role or user behind a session; GONE once that very one is."""
        if _of_root(principal):
            return (
                Identity((Attached(_identity_policy(ALLOW_ALL)),)) if principal.session_policies else NOBODY
            )
        identity = await self._known(principal)
        if principal.kind == "federated-user" and not principal.session_policies:
            return _without_allows(identity)  # AWS: "the resulting session has no permissions"
        return identity

    async def _known(self, principal: Principal) -> Identity:
        key = (principal.account, behind(principal), principal.role_arn or principal.arn)
        identity = self._identities.get(key)
        if identity is None:
            generation = self._identities.generation
            holder = await self._holder(principal)
            identity = await self._of(holder) if holder is not None else GONE
            self._identities.put(key, identity, generation)
        return identity

    async def _holder(self, principal: Principal) -> User | Role | None:
        """The user, or the role or user behind a session; not another that took its name, nor a user that has
        become another ARN since, for which policies that name the new one would not hold.
        """
        holder: User | Role | None
        if principal.kind == "assumed-role":
            holder = await self._store.roles.find(principal.account, principal.name)
        else:
            holder = await self._store.users.find(principal.account, principal.name)
            if holder is not None and holder.arn != (principal.role_arn or principal.arn):
                return None
        return holder if holder is not None and holder.unique_id == behind(principal) else None

    async def _of(self, holder: User | Role) -> Identity:
        policies = await self._policies(holder)
        for name in holder.groups if isinstance(holder, User) else ():
            group = await self._store.groups.find(holder.account, name)
            if group is not None:
                policies += await self._policies(group)
        boundary = await self._boundary(holder.boundary, holder.account) if holder.boundary else None
        return Identity(tuple(policies), boundary, holder.tags)

    async def _policies(self, holder: PolicyHolder) -> list[Attached]:
        found = [Attached(_identity_policy(text), name) for name, text in holder.inline.items()]
        for arn in holder.attached:
            attached = await self._managed(arn, holder.account)
            if attached is not None:
                found.append(attached)
        return found

    async def _managed(self, arn: str, account: str) -> Attached | None:
        policy = await self._store.find_policy(arn, account)
        return Attached(_identity_policy(policy.document), policy.name, arn) if policy is not None else None

    async def _boundary(self, arn: str, account: str) -> Attached:
        """One that is gone allows nothing."""
        return await self._managed(arn, account) or Attached(Policy(()), arn.rpartition("/")[2], arn)

    # What the entities are as resources

    async def entity_arn(self, arn: str) -> str:
        if parts := ENTITY_ARN.fullmatch(arn):
            account, kind, name = parts.groups()
            entity = await self._store.entities(kind).find(account, name)
            return entity.arn if entity is not None else arn
        prefix, _, key_id = arn.partition(":access-key/")
        owner = await self._store.key_owner(prefix.rpartition(":")[2], key_id) if key_id else None
        return owner.arn if owner is not None else arn

    async def resource(self, arn: str) -> Resource | None:
        """Its tags, and its permissions boundary as ``iam:PermissionsBoundary``."""
        boundary = None
        if parts := ENTITY_ARN.fullmatch(arn):
            entity = await self._store.entities(parts[2]).by_arn(arn)
            tags = entity.tags if isinstance(entity, Bounded | InstanceProfile) else {}
            boundary = entity.boundary if isinstance(entity, Bounded) else None
        elif parts := POLICY_ARN.fullmatch(arn):
            policy = await self._store.find_policy(arn, parts[1])
            tags = policy.tags if policy is not None else {}
        elif parts := OIDC_ARN.fullmatch(arn):
            provider = await self._store.oidc_providers.find(parts[1], parts[2])
            tags = provider.tags if provider is not None else {}
        else:
            return None
        conditions = {f"iam:ResourceTag/{key}": value for key, value in tags.items()}
        if boundary is not None:
            conditions["iam:PermissionsBoundary"] = boundary
        return Resource(tags=tags, conditions=conditions)

    # For STS

    async def role(self, role_arn: str) -> RoleView | None:
        role = await self._store.roles.by_arn(role_arn)
        if role is None:
            return None
        trust = _trust_policy(role.trust)
        return RoleView(role.arn, role.account, role.name, role.role_id, trust, role.max_session_s, role.tags)

    async def identity_provider(self, account: str, issuer: str) -> IdentityProvider | None:
        found = await self._store.oidc_providers.find(account, issuer.partition("://")[2])
        if found is None or found.url != issuer:
            return None
        return IdentityProvider(found.arn, found.name, found.url, found.client_ids, found.thumbprints)

    async def policy_document(self, policy_arn: str, account: str) -> str | None:
        """Raises ValidationError for what is no ARN of a managed policy."""
        policy = await self._store.find_policy(policy_arn, account)
        return policy.document if policy is not None else None


def user_principal(user: User) -> Principal:
    return Principal("user", user.account, user.arn, user.user_id, user.name)


def _of_root(principal: Principal) -> bool:
    """Whether root made the federated user."""
    return principal.kind == "federated-user" and not principal.name


def _without_allows(identity: Identity) -> Identity:
    """Of a user who federates without a policy: what is denied to the user is denied to the session, too."""
    denying = [
        msgspec.structs.replace(attached, policy=Policy(attached.policy.denies))
        for attached in identity.policies
        if attached.policy.denies
    ]
    return msgspec.structs.replace(identity, policies=tuple(denying))


def behind(principal: Principal) -> str:
    """The unique id of the role or user whose policies apply."""
    return principal.federating_id or principal.user_id.partition(":")[0]
