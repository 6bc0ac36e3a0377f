"""AssumeRole: a session of a role, for those whom it trusts and who may."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from noria.auth.authorize import global_conditions
from noria.auth.credentials import Credentials
from noria.context import RequestContext
from noria.errors import AwsError
from noria.policy.match import ContextValue
from noria.services.ports import RoleDirectory, RolePermissions, RoleView
from noria.services.sts.narrowing import (
    invalid,
    packed_percent,
    session_policies,
    session_tags,
    tag_conditions,
)
from noria.services.sts.sessions import ASSUME_ROLE, session_principal, shown_credentials

SOURCE_IDENTITY = "aws:SourceIdentity"
DEFAULT_SESSION_S = 3600
CHAINED_SESSION_S = 3600  # a role's session that assumes another role gets no more, whatever the role allows


class AssumeRoleOperations:
    """One method an operation; see `noria.gateway` for how they are called."""

    def __init__(
        self, directory: RoleDirectory, credentials: Credentials, permissions: RolePermissions
    ) -> None:
        self._directory = directory
        self._credentials = credentials
        self._permissions = permissions

    async def assume_role(
        self,
        ctx: RequestContext,
        *,
        role_arn: str,
        role_session_name: str,
        duration_seconds: int | None = None,
        policy: str | None = None,
        policy_arns: list[dict[str, str]] | None = None,
        external_id: str | None = None,
        tags: list[dict[str, str]] | None = None,
        transitive_tag_keys: list[str] | None = None,
        source_identity: str | None = None,
    ) -> dict[str, Any]:
        _check_arn(role_arn)
        asked, transitive = tags or [], transitive_tag_keys or []
        caller = ctx.principal
        inherited = tuple(tag for tag in caller.session_tags if tag[0] in caller.transitive_tags)
        all_tags = session_tags(asked, transitive, inherited)
        handed_on = {key.lower() for key in transitive} | {key.lower() for key, _ in inherited}
        conditions: dict[str, ContextValue] = {
            **global_conditions(ctx),
            **tag_conditions(asked, transitive),
            "sts:RoleSessionName": role_session_name,
        }
        if external_id is not None:
            conditions["sts:ExternalId"] = external_id
        if duration_seconds is not None:
            conditions["sts:DurationSeconds"] = str(duration_seconds)
        inherited_identity = dict(caller.session_conditions).get(SOURCE_IDENTITY, "")
        identity = source_identity or inherited_identity
        if identity:
            conditions["sts:SourceIdentity"] = identity
        role = await self._permitted(ctx, ASSUME_ROLE, role_arn, conditions)
        if all_tags:
            await self._permitted(ctx, "sts:TagSession", role_arn, conditions)
        if identity:
            if inherited_identity not in ("", identity):
                raise _denied(ctx, "sts:SetSourceIdentity", role_arn)
            await self._permitted(ctx, "sts:SetSourceIdentity", role_arn, conditions)
        duration_s = _duration(ctx, role, duration_seconds)
        policies = await session_policies(
            self._directory, "AssumeRole", role.account, policy, policy_arns or []
        )
        principal = session_principal(
            role,
            role_session_name,
            policies,
            all_tags,
            tuple(key for key, _ in all_tags if key.lower() in handed_on),
            ((SOURCE_IDENTITY, identity),) if identity else (),
        )
        issued = self._credentials.issue(principal, ctx.now_ms, duration_s)
        percent = packed_percent(issued.session_token)
        return {
            "Credentials": shown_credentials(issued),
            "AssumedRoleUser": {"AssumedRoleId": principal.user_id, "Arn": principal.arn},
            "PackedPolicySize": percent if policies or all_tags else None,
            "SourceIdentity": identity or None,
        }

    async def _permitted(
        self, ctx: RequestContext, action: str, role_arn: str, conditions: Mapping[str, ContextValue]
    ) -> RoleView:
        """The role, if it trusts the caller and the caller may; AWS answers the same where there is none."""
        role = await self._directory.role(role_arn)
        if (
            role is None or ctx.principal.kind == "federated-user"
        ):  # which may call no more than GetCallerIdentity
            raise _denied(ctx, action, role_arn)
        tags = {
            f"{prefix}:ResourceTag/{key}": value
            for key, value in role.tags.items()
            for prefix in ("aws", "iam")
        }
        if not await self._permissions.allows_with_trust(
            ctx.principal, action, role.arn, role.trust, {**tags, **conditions}, ctx.request_id
        ):
            raise _denied(ctx, action, role_arn)
        return role


def _denied(ctx: RequestContext, action: str, role_arn: str) -> AwsError:
    text = f"User: {ctx.principal.arn} is not authorized to perform: {action} on resource: {role_arn}"
    return AwsError("AccessDenied", text, 403)


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


def _check_arn(arn: str) -> None:
    """AWS refuses what is no ARN before it looks for a role: every part but region and account is needed."""
    parts = arn.split(":", 5)
    if len(parts) < 6 or parts[0] != "arn" or not (parts[1] and parts[2] and parts[5]):
        raise invalid(f"{arn} is invalid")
