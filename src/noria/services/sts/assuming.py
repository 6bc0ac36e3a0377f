"""What all ways to assume a role have in common: whether it lets, how long, with what, and the answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from noria.auth.credentials import Credentials
from noria.context import RequestContext
from noria.policy.match import ContextValue
from noria.services.ports import RoleDirectory, RolePermissions, RoleView
from noria.services.sts.narrowing import invalid, packed_percent, session_policies
from noria.services.sts.sessions import Session, session_principal, shown_credentials

TAG_SESSION = "sts:TagSession"
SET_SOURCE_IDENTITY = "sts:SetSourceIdentity"
SOURCE_IDENTITY = "aws:SourceIdentity"
DEFAULT_SESSION_S = 3600
CHAINED_SESSION_S = 3600  # a role's session that assumes another role gets no more, whatever the role allows


class Asked(msgspec.Struct, frozen=True):
    """What a request says of the session that it wants."""

    role_arn: str
    session_name: str
    duration_s: int | None
    policy: str | None
    policy_arns: list[dict[str, str]]


class Assuming:
    """Over IAM's roles."""

    def __init__(
        self, directory: RoleDirectory, credentials: Credentials, permissions: RolePermissions
    ) -> None:
        self._directory = directory
        self._credentials = credentials
        self._permissions = permissions

    async def permitted(
        self, ctx: RequestContext, action: str, role_arn: str, conditions: Mapping[str, ContextValue]
    ) -> RoleView | None:
        """The role, if it trusts the caller and the caller may."""
        role = await self._directory.role(role_arn)
        if role is None:
            return None
        tags = {
            f"{prefix}:ResourceTag/{key}": value
            for key, value in role.tags.items()
            for prefix in ("aws", "iam")
        }
        allowed = await self._permissions.allows_with_trust(
            ctx.principal, action, role.arn, role.trust, {**tags, **conditions}, ctx.request_id
        )
        return role if allowed else None

    async def answer(
        self, ctx: RequestContext, role: RoleView, asked: Asked, session: Session
    ) -> dict[str, Any]:
        """Credentials of the session, as AssumeRole and its sisters answer; the policies that narrow it are
        those asked for. Raises AwsError."""
        duration_s = _duration(ctx, role, asked.duration_s)
        policies = await session_policies(
            self._directory, ctx.operation, role.account, asked.policy, asked.policy_arns
        )
        session = msgspec.structs.replace(session, policies=policies)
        principal = session_principal(role, asked.session_name, session)
        issued = self._credentials.issue(principal, ctx.now_ms, duration_s)
        percent = packed_percent(issued.session_token)
        return {
            "Credentials": shown_credentials(issued),
            "AssumedRoleUser": {"AssumedRoleId": principal.user_id, "Arn": principal.arn},
            "PackedPolicySize": percent if policies or session.tags else None,
            "SourceIdentity": dict(session.conditions).get(SOURCE_IDENTITY),
        }


def session_conditions(session_name: str, duration_s: int | None) -> dict[str, ContextValue]:
    """The condition keys of the session that a request wants."""
    conditions: dict[str, ContextValue] = {"sts:RoleSessionName": session_name}
    if duration_s is not None:
        conditions["sts:DurationSeconds"] = str(duration_s)
    return conditions


def _duration(ctx: RequestContext, role: RoleView, asked_s: int | None) -> int:
    if asked_s is None:
        return DEFAULT_SESSION_S
    if ctx.principal.kind == "assumed-role" and asked_s > CHAINED_SESSION_S:
        limit = "the 1 hour session limit for roles assumed by role chaining"
        raise invalid(f"The requested DurationSeconds exceeds {limit}.")
    if asked_s > role.max_session_s:
        limit = "the MaxSessionDuration set for this role"
        raise invalid(f"The requested DurationSeconds exceeds {limit}.")
    return asked_s


def check_arn(arn: str) -> None:
    """AWS refuses what is no ARN before it looks for a role: every part but region and account is needed."""
    parts = arn.split(":", 5)
    if len(parts) < 6 or parts[0] != "arn" or not (parts[1] and parts[2] and parts[5]):
        raise invalid(f"{arn} is invalid")
