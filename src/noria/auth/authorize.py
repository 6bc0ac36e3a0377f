"""From an operation to a decision: IAM action, resource and condition keys, one evaluator, AWS's denial."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import msgspec

from noria.config import AuthMode
from noria.context import Principal, RequestContext
from noria.errors import AwsError
from noria.policy.document import Policy
from noria.policy.evaluate import Decision, PolicyRequest, evaluate

Params = Mapping[str, Any]


class Action(msgspec.Struct, frozen=True):
    """What AWS's service authorization reference says of an operation.

    name: the IAM action, e.g. ``sqs:SendMessage``.
    resource: the ARN that the decoded request is about, ``*`` for actions without a resource.
    conditions: further condition keys and their values, e.g. ``iam:PassedToService``.
    needs_permission: False for what anyone signed may do (sts:GetCallerIdentity), or for what the operation
        decides itself (sts:AssumeRole: trust and identity policies together).
    """

    name: str
    resource: Callable[[RequestContext, Params], str]
    conditions: Callable[[RequestContext, Params], Mapping[str, str]] | None = None
    needs_permission: bool = True


class Denial(msgspec.Struct, frozen=True):
    """How a service words an access-denied error; the text itself is the same everywhere.

    lowercase_action: SQS writes ``sqs:sendmessage``.
    """

    code: str
    status: int = 403
    query_code: str | None = None
    lowercase_action: bool = False


class PolicySource(Protocol):
    """Where a principal's identity policies come from. Implemented by IAM."""

    async def identity_policies(self, principal: Principal) -> Sequence[Policy]: ...


class Authorizer:
    """Decides. `permissive` lets everything through, as the server says at its start."""

    def __init__(self, policies: PolicySource, mode: AuthMode, denials: Mapping[str, Denial]) -> None:
        """denials: by service name."""
        self._policies = policies
        self._mode = mode
        self._denials = denials

    async def decide(
        self, principal: Principal, action: str, resource: str, conditions: Mapping[str, str]
    ) -> Decision:
        identity = await self._policies.identity_policies(principal)
        return evaluate(PolicyRequest(principal, action, resource, conditions), identity)

    async def allows(
        self,
        principal: Principal,
        action: str,
        resource: str,
        conditions: Mapping[str, str] | None = None,
    ) -> bool:
        if self._mode == "permissive" or principal.kind == "root":
            return True
        return (await self.decide(principal, action, resource, conditions or {})).allowed

    async def require(
        self, ctx: RequestContext, action: str, resource: str, conditions: Mapping[str, str] | None = None
    ) -> None:
        if self._mode == "permissive" or ctx.principal.kind == "root":
            return
        context = {**global_conditions(ctx), **(conditions or {})}
        decision = await self.decide(ctx.principal, action, resource, context)
        if not decision.allowed:
            raise self._denied(ctx, action, resource, decision)

    def _denied(self, ctx: RequestContext, action: str, resource: str, decision: Decision) -> AwsError:
        denial = self._denials[ctx.service]
        name = action.lower() if denial.lowercase_action else action
        text = f"User: {ctx.principal.arn} is not authorized to perform: {name}"
        if resource != "*" or ctx.service != "iam":
            text += f" on resource: {resource}"
        return AwsError(
            denial.code,
            f"{text} {decision.because(name)}",
            denial.status,
            query_code=denial.query_code,
        )


def global_conditions(ctx: RequestContext) -> dict[str, str]:
    """The ``aws:`` condition keys of a request; times are rendered by the evaluator from ``aws:EpochTime``."""
    principal = ctx.principal
    conditions = {
        "aws:PrincipalArn": principal.arn,
        "aws:PrincipalAccount": principal.account,
        "aws:userid": principal.user_id,
        "aws:RequestedRegion": ctx.region,
        "aws:EpochTime": str(ctx.now_ms // 1000),
        "aws:SecureTransport": "true" if ctx.base_url.startswith("https:") else "false",
        "aws:ViaAWSService": "false",
    }
    if ctx.via_service:
        conditions["aws:CalledViaLast"] = ctx.via_service
    else:
        conditions["aws:SourceIp"] = ctx.source_ip
    if principal.kind == "user":
        conditions["aws:username"] = principal.name
    return conditions
