"""Who is asking, and sessions of users: with all that the user may, or for somebody else with less."""

from __future__ import annotations

from typing import Any

from noria.auth.credentials import TEMPORARY, Credentials, access_key_account
from noria.context import Principal, RequestContext
from noria.errors import AwsError
from noria.services.ports import RoleDirectory, RolePermissions
from noria.services.sts.narrowing import (
    invalid,
    packed_percent,
    session_policies,
    session_tags,
    tag_conditions,
)
from noria.services.sts.sessions import shown_credentials

DEFAULT_TOKEN_S = 12 * 3600
ROOT_TOKEN_S = 3600  # the most that root gets, whatever it asks for


class TokenOperations:
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

    async def get_session_token(
        self, ctx: RequestContext, *, duration_seconds: int = DEFAULT_TOKEN_S
    ) -> dict[str, Any]:
        _check_long_term(ctx)
        issued = self._credentials.issue(ctx.principal, ctx.now_ms, _duration(ctx, duration_seconds))
        return {"Credentials": shown_credentials(issued)}

    async def get_federation_token(
        self,
        ctx: RequestContext,
        *,
        name: str,
        policy: str | None = None,
        policy_arns: list[dict[str, str]] | None = None,
        duration_seconds: int = DEFAULT_TOKEN_S,
        tags: list[dict[str, str]] | None = None,
    ) -> dict[str, Any]:
        """The user's own policies and those given here must both allow what the session does."""
        _check_long_term(ctx)
        asked = tags or []
        arn = f"arn:aws:sts::{ctx.account}:federated-user/{name}"
        given = session_tags(asked, (), ())
        if given:
            await self._permissions.require(ctx, "sts:TagSession", arn, tag_conditions(asked))
        policies = await session_policies(
            self._directory, "GetFederationToken", ctx.account, policy, policy_arns or []
        )
        principal = Principal(
            "federated-user",
            ctx.account,
            arn,
            f"{ctx.account}:{name}",
            ctx.principal.name,
            policies,
            ctx.principal.arn,
            given,
            federating_id=ctx.principal.user_id,
        )
        issued = self._credentials.issue(principal, ctx.now_ms, _duration(ctx, duration_seconds))
        percent = packed_percent(issued.session_token)
        return {
            "Credentials": shown_credentials(issued),
            "FederatedUser": {"FederatedUserId": principal.user_id, "Arn": arn},
            "PackedPolicySize": percent if policies or given else 0,
        }

    async def get_access_key_info(self, ctx: RequestContext, *, access_key_id: str) -> dict[str, Any]:
        """The account is a part of the key's id, whether the key is there or not."""
        root = self._credentials.root
        account = root.account if access_key_id == root.access_key_id else access_key_account(access_key_id)
        if account is None:
            raise invalid(f"{access_key_id} is not a valid access key ID")
        return {"Account": account}

    async def decode_authorization_message(
        self, ctx: RequestContext, *, encoded_message: str
    ) -> dict[str, Any]:
        """None of the services here answers with an encoded message, so that none can be decoded."""
        raise AwsError("InvalidAuthorizationMessageException", "Message is not valid", 400)


def _check_long_term(ctx: RequestContext) -> None:
    """Temporary credentials do not make others. Raises AccessDenied."""
    if ctx.access_key_id.startswith(TEMPORARY):
        raise AwsError("AccessDenied", f"Cannot call {ctx.operation} with session credentials", 403)


def _duration(ctx: RequestContext, asked_s: int) -> int:
    return min(asked_s, ROOT_TOKEN_S) if ctx.principal.kind == "root" else asked_s
