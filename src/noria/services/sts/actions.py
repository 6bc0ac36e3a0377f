"""STS's operations as IAM sees them.

https://docs.aws.amazon.com/service-authorization/latest/reference/list_awssecuritytokenservice.html
"""

from __future__ import annotations

from collections.abc import Mapping

from noria.auth.authorize import Action, Denial, Params
from noria.context import RequestContext
from noria.policy.match import ContextValue
from noria.services.sts.narrowing import tag_conditions

DENIAL = Denial("AccessDenied")


def _role(ctx: RequestContext, params: Params) -> str:
    arn: str = params["role_arn"]
    return arn


def _anything(ctx: RequestContext, params: Params) -> str:
    return "*"


def _federated_user(ctx: RequestContext, params: Params) -> str:
    return f"arn:aws:sts::{ctx.account}:federated-user/{params['name']}"


def _tags(ctx: RequestContext, params: Params) -> Mapping[str, ContextValue]:
    return tag_conditions(params.get("tags") or ())


ACTIONS: dict[str, Action] = {
    # AWS: "No permissions are required to perform this operation", even an explicit deny does not matter.
    "GetCallerIdentity": Action("sts:GetCallerIdentity", _anything, needs_permission=False),
    "GetSessionToken": Action("sts:GetSessionToken", _anything, needs_permission=False),
    # Trust and identity policies together decide, in the operation.
    "AssumeRole": Action("sts:AssumeRole", _role, needs_permission=False),
    "AssumeRoleWithWebIdentity": Action(
        "sts:AssumeRoleWithWebIdentity", _role, needs_permission=False, signed=False
    ),
    "GetFederationToken": Action("sts:GetFederationToken", _federated_user, _tags),
    "GetAccessKeyInfo": Action("sts:GetAccessKeyInfo", _anything),
    "DecodeAuthorizationMessage": Action("sts:DecodeAuthorizationMessage", _anything),
}
