"""AssumeRoleWithWebIdentity: a session of a role for somebody whom an identity provider knows."""

from __future__ import annotations

from typing import Any

import msgspec

from noria.auth.conditions import global_conditions
from noria.context import Principal, RequestContext
from noria.errors import AwsError
from noria.policy.match import ContextValue
from noria.services.ports import RoleDirectory, RoleView
from noria.services.sts.assuming import (
    SET_SOURCE_IDENTITY,
    SOURCE_IDENTITY,
    TAG_SESSION,
    Asked,
    Assuming,
    check_arn,
    session_conditions,
)
from noria.services.sts.issuers import IssuerKeys
from noria.services.sts.narrowing import session_tags, tag_conditions
from noria.services.sts.sessions import Session
from noria.services.sts.web_identity import WebIdentity, prove

ASSUME_ROLE_WITH_WEB_IDENTITY = "sts:AssumeRoleWithWebIdentity"


class WebIdentityOperations:
    """One method an operation; see `noria.gateway` for how they are called. Nobody signs these requests."""

    def __init__(self, assuming: Assuming, directory: RoleDirectory, keys: IssuerKeys) -> None:
        self._assuming = assuming
        self._providers = directory
        self._keys = keys

    async def assume_role_with_web_identity(
        self,
        ctx: RequestContext,
        *,
        role_arn: str,
        role_session_name: str,
        web_identity_token: str,
        policy_arns: list[dict[str, str]] | None = None,
        policy: str | None = None,
        duration_seconds: int | None = None,
    ) -> dict[str, Any]:
        check_arn(role_arn)
        account = role_arn.split(":")[4]
        found = await prove(self._providers, self._keys, account, web_identity_token, ctx.now_ms // 1000)
        tags = session_tags(found.tags, found.transitive, ())
        caller = Principal("web-identity", account, "", "", federated_provider=found.provider.arn)
        ctx = msgspec.structs.replace(ctx, account=account, principal=caller)
        conditions: dict[str, ContextValue] = {
            **global_conditions(ctx),
            **found.conditions,
            **tag_conditions(found.tags, found.transitive),
            **session_conditions(role_session_name, duration_seconds),
        }
        if found.source_identity:
            conditions["sts:SourceIdentity"] = found.source_identity
        role = await self._admitted(ctx, ASSUME_ROLE_WITH_WEB_IDENTITY, role_arn, conditions)
        if tags:
            await self._admitted(ctx, TAG_SESSION, role_arn, conditions)
        if found.source_identity:
            await self._admitted(ctx, SET_SOURCE_IDENTITY, role_arn, conditions)
        asked = Asked(role_arn, role_session_name, duration_seconds, policy, policy_arns or [])
        session = Session(
            tags=tags,
            transitive_tags=tuple(found.transitive),
            conditions=_kept_conditions(found),
            federated_provider=found.provider.arn,
        )
        return await self._assuming.answer(ctx, role, asked, session) | {
            "SubjectFromWebIdentityToken": found.subject,
            "Provider": found.provider.arn,
            "Audience": found.audience,
        }

    async def _admitted(
        self, ctx: RequestContext, action: str, role_arn: str, conditions: dict[str, ContextValue]
    ) -> RoleView:
        """AWS answers the same where there is no such role."""
        role = await self._assuming.permitted(ctx, action, role_arn, conditions)
        if role is None:
            raise AwsError("AccessDenied", f"Not authorized to perform {action}", 403)
        return role


def _kept_conditions(found: WebIdentity) -> tuple[tuple[str, str], ...]:
    """What the session's own requests have of it: the provider's ``aud`` and ``sub``, the source identity."""
    name = found.provider.name
    kept = ((f"{name}:aud", found.audience), (f"{name}:sub", found.subject))
    return (*kept, (SOURCE_IDENTITY, found.source_identity)) if found.source_identity else kept
