"""The operations of STS. Sizes, patterns and ranges of members have been checked by the protocol."""

from __future__ import annotations

from typing import Any

from noria.auth.authorize import global_conditions
from noria.auth.credentials import Credentials
from noria.context import RequestContext
from noria.errors import AwsError, not_implemented
from noria.policy.document import parse_identity_policy
from noria.services.ports import RoleDirectory, RolePermissions, RoleView
from noria.services.sts.sessions import ASSUME_ROLE, session_principal

DEFAULT_SESSION_S = 3600
CHAINED_SESSION_S = 3600  # a role's session that assumes another role gets no more, whatever the role allows
SESSION_POLICIES_CHARS = 2048  # the inline policy and the ARNs, as AWS counts the plain text
SESSION_POLICY_ARNS = 10
PACKED_POLICIES_CHARS = 8192  # of the token: HTTP headers, and so tokens, must stay well under 16 KB


class StsApi:
    """One method an operation; see `noria.gateway` for how they are called."""

    def __init__(
        self, directory: RoleDirectory, credentials: Credentials, permissions: RolePermissions
    ) -> None:
        self._directory = directory
        self._credentials = credentials
        self._permissions = permissions

    async def get_caller_identity(self, ctx: RequestContext) -> dict[str, Any]:
        principal = ctx.principal
        return {"UserId": principal.user_id, "Account": principal.account, "Arn": principal.arn}

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
    ) -> dict[str, Any]:
        _check_arn(role_arn)
        role = await self._permitted(ctx, role_arn, role_session_name, external_id)
        duration_s = _duration(ctx, role, duration_seconds)
        policies = await self._session_policies(role, policy, policy_arns or [])
        principal = session_principal(role, role_session_name, policies)
        issued = self._credentials.issue(principal, ctx.now_ms, duration_s)
        packed_percent = len(issued.session_token) * 100 // PACKED_POLICIES_CHARS
        if packed_percent > 100:
            text = f"Packed size of session policies consumes {packed_percent}% of allotted space."
            raise AwsError("PackedPolicyTooLarge", text, 400)
        return {
            "Credentials": {
                "AccessKeyId": issued.access_key_id,
                "SecretAccessKey": issued.secret_access_key,
                "SessionToken": issued.session_token,
                "Expiration": issued.expires_at_ms // 1000,
            },
            "AssumedRoleUser": {"AssumedRoleId": principal.user_id, "Arn": principal.arn},
            "PackedPolicySize": packed_percent if policies else None,
        }

    async def _permitted(
        self, ctx: RequestContext, role_arn: str, session_name: str, external_id: str | None
    ) -> RoleView:
        """The role, if it trusts the caller and the caller may; AWS answers the same where there is none."""
        role = await self._directory.role(role_arn)
        conditions = {**global_conditions(ctx), "sts:RoleSessionName": session_name}
        if external_id is not None:
            conditions["sts:ExternalId"] = external_id
        if role is None or not await self._permissions.allows_with_trust(
            ctx.principal, ASSUME_ROLE, role.arn, role.trust, conditions, ctx.request_id
        ):
            what = f"{ASSUME_ROLE} on resource: {role_arn}"
            text = f"User: {ctx.principal.arn} is not authorized to perform: {what}"
            raise AwsError("AccessDenied", text, 403)
        return role

    async def _session_policies(
        self, role: RoleView, policy: str | None, policy_arns: list[dict[str, str]]
    ) -> tuple[str, ...]:
        """The documents that narrow the session. Managed ones are taken as they are now, as on AWS."""
        arns = []
        for item in policy_arns:
            if item.keys() != {"arn"}:
                raise not_implemented("AssumeRole's PolicyArns without arn")
            arns.append(item["arn"])
        if len(arns) > SESSION_POLICY_ARNS:
            text = f"The number of policy ARNs exceeds the limit of {SESSION_POLICY_ARNS}."
            raise AwsError("ValidationError", text, 400)
        if sum(map(len, arns)) + len(policy or "") > SESSION_POLICIES_CHARS:
            text = f"The plain text of the session policies exceeds {SESSION_POLICIES_CHARS} characters."
            raise AwsError("PackedPolicyTooLarge", text, 400)
        documents = []
        if policy is not None:
            parse_identity_policy(policy)
            documents.append(policy)
        for arn in arns:
            document = await self._directory.policy_document(arn, role.account)
            if document is None:
                raise AwsError("ValidationError", f"Policy {arn} does not exist or is not attachable.", 400)
            documents.append(document)
        return tuple(documents)


def _duration(ctx: RequestContext, role: RoleView, asked_s: int | None) -> int:
    if asked_s is None:
        return DEFAULT_SESSION_S
    if ctx.principal.kind == "assumed-role" and asked_s > CHAINED_SESSION_S:
        limit = "the 1 hour session limit for roles assumed by role chaining"
        raise AwsError("ValidationError", f"The requested DurationSeconds exceeds {limit}.", 400)
    if asked_s > role.max_session_s:
        limit = "the MaxSessionDuration set for this role"
        raise AwsError("ValidationError", f"The requested DurationSeconds exceeds {limit}.", 400)
    return asked_s


def _check_arn(arn: str) -> None:
    """AWS refuses what is no ARN before it looks for a role: every part but region and account is needed."""
    parts = arn.split(":", 5)
    if len(parts) < 6 or parts[0] != "arn" or not (parts[1] and parts[2] and parts[5]):
        raise AwsError("ValidationError", f"{arn} is invalid", 400)
