"""AssumeRole: a session of a role, for those whom it trusts and who may."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from noria.auth.conditions import global_conditions
from noria.context import RequestContext
from noria.errors import AwsError
from noria.policy.match import ContextValue
from noria.services.ports import RoleView
from noria.services.sts.assuming import (
    SET_SOURCE_IDENTITY,
    SOURCE_IDENTITY,
    TAG_SESSION,
    Asked,
    Assuming,
    check_arn,
    session_conditions,
)
from noria.services.sts.narrowing import session_tags, tag_conditions
from noria.services.sts.sessions import ASSUME_ROLE, Session


class AssumeRoleOperations:
    """One method an operation; see `noria.gateway` for how they are called."""

    def __init__(self, assuming: Assuming) -> None:
        self._assuming = assuming

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
        check_arn(role_arn)
        asked, transitive = tags or [], transitive_tag_keys or []
        caller = ctx.principal
        inherited = tuple(tag for tag in caller.session_tags if tag[0] in caller.transitive_tags)
        all_tags = session_tags(asked, transitive, inherited)
        handed_on = {key.lower() for key in transitive} | {key.lower() for key, _ in inherited}
        conditions: dict[str, ContextValue] = {
            **global_conditions(ctx),
            **tag_conditions(asked, transitive),
            **session_conditions(role_session_name, duration_seconds),
        }
        if external_id is not None:
            conditions["sts:ExternalId"] = external_id
        inherited_identity = dict(caller.session_conditions).get(SOURCE_IDENTITY, "")
        identity = source_identity or inherited_identity
        if identity:
            conditions["sts:SourceIdentity"] = identity
        asked_for = Asked(role_arn, role_session_name, duration_seconds, policy, policy_arns or [])
        role = await self._permitted(ctx, ASSUME_ROLE, role_arn, conditions)
        if all_tags:
            await self._permitted(ctx, TAG_SESSION, role_arn, conditions)
        if identity:
            if inherited_identity not in ("", identity):
                raise _denied(ctx, SET_SOURCE_IDENTITY, role_arn)
            await self._permitted(ctx, SET_SOURCE_IDENTITY, role_arn, conditions)
        session = Session(
            tags=all_tags,
            transitive_tags=tuple(key for key, _ in all_tags if key.lower() in handed_on),
            conditions=((SOURCE_IDENTITY, identity),) if identity else (),
        )
        return await self._assuming.answer(ctx, role, asked_for, session)

    async def _permitted(
        self, ctx: RequestContext, action: str, role_arn: str, conditions: Mapping[str, ContextValue]
    ) -> RoleView:
        """AWS answers the same where there is no such role."""
        role = None
        if ctx.principal.kind != "federated-user":  # which may call no more than GetCallerIdentity
            role = await self._assuming.permitted(ctx, action, role_arn, conditions)
        if role is None:
            raise _denied(ctx, action, role_arn)
        return role


def _denied(ctx: RequestContext, action: str, role_arn: str) -> AwsError:
    text = f"User: {ctx.principal.arn} is not authorized to perform: {action} on resource: {role_arn}"
    return AwsError("AccessDenied", text, 403)
