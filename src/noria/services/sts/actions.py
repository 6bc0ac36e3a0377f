"""STS's operations as IAM sees them: neither is refused by the caller's policies alone."""

from __future__ import annotations

from noria.auth.authorize import Action, Denial, Params
from noria.context import RequestContext

DENIAL = Denial("AccessDenied")


def _role(ctx: RequestContext, params: Params) -> str:
    arn: str = params["role_arn"]
    return arn


ACTIONS: dict[str, Action] = {
    # AWS: "No permissions are required to perform this operation", even an explicit deny does not matter.
    "GetCallerIdentity": Action("sts:GetCallerIdentity", lambda ctx, params: "*", needs_permission=False),
    # Trust and identity policies together decide, in the operation.
    "AssumeRole": Action("sts:AssumeRole", _role, needs_permission=False),
}
