"""Roles and their policies as the rest of Noria sees them: the evaluator's source, and STS's directory."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from noria.context import Principal
from noria.policy.document import Policy, parse_identity_policy, parse_trust_policy
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
        self._cached: dict[tuple[str, str], tuple[Policy, ...]] = {}

    def generation(self) -> int:
        return self._records.generation()

    async def identity_policies(self, principal: Principal) -> Sequence[Policy]:
        """Of the role behind a session; none once that very role is gone, whoever has its name now."""
        if principal.kind != "assumed-role":
            return ()
        generation = self._records.generation()
        if generation != self._generation or len(self._cached) >= ROLES_CACHED:
            self._cached.clear()
            self._generation = generation
        role_id = principal.user_id.partition(":")[0]
        key = (principal.account, role_id)
        policies = self._cached.get(key)
        if policies is None:
            role = await self._repository.find_role(principal.account, principal.name)
            policies = await self._compiled(role) if role is not None and role.role_id == role_id else ()
            if self._records.generation() == self._generation:  # nothing has changed meanwhile
                self._cached[key] = policies
        return policies

    async def _compiled(self, role: Role) -> tuple[Policy, ...]:
        documents = list(role.inline.values())
        for arn in role.attached:
            policy = await self._repository.find_policy(arn, role.account)
            if policy is not None:
                documents.append(policy.document)
        return tuple(_identity_policy(document) for document in documents)

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
