"""Roles and their policies as the rest of Noria sees them: the evaluator's source, and STS's directory."""

from __future__ import annotations

from functools import lru_cache

from noria.context import Principal
from noria.policy.document import parse_identity_policy, parse_trust_policy
from noria.policy.evaluate import NOBODY, Attached, Identity
from noria.services.iam.models import Role
from noria.services.iam.repository import Repository
from noria.services.ports import RoleView
from noria.store.base import Records

ROLES_CACHED = 1024  # roles whose policies are kept compiled: one account's quota
DOCUMENTS_CACHED = 2048  # compiled documents, shared by roles and kept across changes elsewhere

_identity_policy = lru_cache(DOCUMENTS_CACHED)(parse_identity_policy)
_trust_policy = lru_cache(DOCUMENTS_CACHED)(parse_trust_policy)


class IamDirectory:
    """Implements `noria.auth.authorize.PolicySource` and `noria.services.ports.RoleDirectory`."""

    def __init__(self, records: Records) -> None:
        self._records = records
        self._repository = Repository(records)
        self._generation = -1
        self._cached: dict[tuple[str, str], Identity] = {}

    def generation(self) -> int:
        return self._records.generation()

    async def identity(self, principal: Principal) -> Identity:
        """Of the role behind a session; NOBODY once that very role is gone, whoever has its name now."""
        if principal.kind != "assumed-role":
            return NOBODY
        generation = self._records.generation()
        if generation != self._generation or len(self._cached) >= ROLES_CACHED:
            self._cached.clear()
            self._generation = generation
        role_id = principal.user_id.partition(":")[0]
        key = (principal.account, role_id)
        identity = self._cached.get(key)
        if identity is None:
            role = await self._repository.find_role(principal.account, principal.name)
            identity = await self._of_role(role) if role is not None and role.role_id == role_id else NOBODY
            if self._records.generation() == self._generation:  # nothing has changed meanwhile
                self._cached[key] = identity
        return identity

    async def _of_role(self, role: Role) -> Identity:
        policies = [Attached(_identity_policy(text), name) for name, text in role.inline.items()]
        for arn in role.attached:
            policy = await self._repository.find_policy(arn, role.account)
            if policy is not None:
                policies.append(Attached(_identity_policy(policy.document), policy.name, arn))
        return Identity(tuple(policies))

    async def role_arn(self, arn: str) -> str:
        account, _, name = arn.removeprefix("arn:aws:iam::").partition(":role/")
        role = await self._repository.find_role(account, name)
        return role.arn if role is not None else arn

    async def role(self, role_arn: str) -> RoleView | None:
        role = await self._repository.find_role_by_arn(role_arn)
        if role is None:
            return None
        trust = _trust_policy(role.trust)
        return RoleView(role.arn, role.account, role.name, role.role_id, trust, role.max_session_s)

    async def policy_document(self, policy_arn: str, account: str) -> str | None:
        """Raises ValidationError for what is no ARN of a managed policy."""
        policy = await self._repository.find_policy(policy_arn, account)
        return policy.document if policy is not None else None
