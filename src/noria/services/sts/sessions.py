"""Sessions of roles: made for those who call AssumeRole, and for services that act as a role."""

from __future__ import annotations

from typing import Any

import msgspec

from noria.auth.credentials import Credentials, SessionCredentials
from noria.clock import Clock
from noria.context import Principal, service_principal
from noria.services.ports import RoleDirectory, RolePermissions, RoleSession, RoleView
from noria.store.cache import GenerationCache

ASSUME_ROLE = "sts:AssumeRole"
SERVICE_SESSION_S = 12 * 3600  # the longest that a role's session can be; its environment asks again before
ROLES_CACHED = 1024  # one account's quota


class Session(msgspec.Struct, frozen=True):
    """What a session is given beside its name, see `Principal`."""

    policies: tuple[str, ...] = ()
    tags: tuple[tuple[str, str], ...] = ()
    transitive_tags: tuple[str, ...] = ()
    conditions: tuple[tuple[str, str], ...] = ()
    federated_provider: str = ""


def session_principal(role: RoleView, session_name: str, given: Session) -> Principal:
    return Principal(
        "assumed-role",
        role.account,
        f"arn:aws:sts::{role.account}:assumed-role/{role.name}/{session_name}",
        f"{role.role_id}:{session_name}",
        role.name,
        given.policies,
        role.arn,
        given.tags,
        given.conditions,
        given.transitive_tags,
        federated_provider=given.federated_provider,
    )


def shown_credentials(issued: SessionCredentials) -> dict[str, Any]:
    """As STS's answers show them."""
    return {
        "AccessKeyId": issued.access_key_id,
        "SecretAccessKey": issued.secret_access_key,
        "SessionToken": issued.session_token,
        "Expiration": issued.expires_at_ms // 1000,
    }


class RoleSessions:
    """Implements `noria.services.ports.Roles`."""

    def __init__(
        self, directory: RoleDirectory, credentials: Credentials, permissions: RolePermissions, clock: Clock
    ) -> None:
        self._directory = directory
        self._credentials = credentials
        self._permissions = permissions
        self._clock = clock
        self._ids: GenerationCache[str, str] = GenerationCache(directory.generation, ROLES_CACHED)

    async def trusts(self, role_arn: str, service_principal_name: str, source_arn: str) -> bool:
        return await self._trusting(role_arn, service_principal_name, source_arn) is not None

    async def assume(
        self,
        role_arn: str,
        service_principal_name: str,
        session_name: str,
        source_arn: str,
        conditions: tuple[tuple[str, str], ...] = (),
    ) -> RoleSession | None:
        role = await self._trusting(role_arn, service_principal_name, source_arn)
        if role is None:
            return None
        principal = session_principal(role, session_name, Session(conditions=conditions))
        issued = self._credentials.issue(principal, self._clock.now_ms(), SERVICE_SESSION_S)
        return _session(issued, principal)

    async def is_outlived(self, role_arn: str, session: RoleSession) -> bool:
        role_id = self._ids.get(role_arn)
        if role_id is None:
            generation = self._ids.generation
            role = await self._directory.role(role_arn)
            if role is None:
                return False
            role_id = role.role_id
            self._ids.put(role_arn, role_id, generation)
        return role_id != session.principal.user_id.partition(":")[0]

    async def _trusting(self, role_arn: str, service: str, source_arn: str) -> RoleView | None:
        role = await self._directory.role(role_arn)
        if role is None:
            return None
        source = {"aws:SourceArn": source_arn, "aws:SourceAccount": source_arn.split(":")[4]}
        allowed = await self._permissions.allows_with_trust(
            service_principal(service), ASSUME_ROLE, role.arn, role.trust, source
        )
        return role if allowed else None


def _session(issued: SessionCredentials, principal: Principal) -> RoleSession:
    return RoleSession(
        issued.access_key_id,
        issued.secret_access_key,
        issued.session_token,
        issued.expires_at_ms,
        principal,
    )
