"""What IAM calls Lambda's operations, and what they are about (AWS's service authorization reference)."""

from __future__ import annotations

from typing import Any

from noria.auth.authorize import Action, Denial, Params, request_tags
from noria.context import RequestContext
from noria.errors import AwsError
from noria.policy.match import ContextValue
from noria.services.lambda_.models import function_arn
from noria.services.lambda_.names import resolve

DENIAL = Denial(code="AccessDeniedException", status=403)


def _function(ctx: RequestContext, params: Params) -> str:
    """The function's ARN, qualified where the request is. A name that cannot be resolved names no function
    of anybody's; the operation then answers what is wrong with it."""
    name: Any = params.get("function_name")
    try:
        return resolve(ctx, name, params.get("qualifier")).arn
    except AwsError:
        return function_arn(ctx.account, ctx.region, name)


def _any(ctx: RequestContext, params: Params) -> str:
    return "*"


def _tags(ctx: RequestContext, params: Params) -> dict[str, ContextValue]:
    return request_tags(params.get("tags"))


def _with_tags(params: Params) -> tuple[str, ...]:
    return ("lambda:TagResource",) if params.get("tags") else ()


ACTIONS: dict[str, Action] = {
    "CreateFunction": Action("lambda:CreateFunction", _function, _tags, also=_with_tags),
    "GetFunction": Action("lambda:GetFunction", _function),
    "GetFunctionConfiguration": Action("lambda:GetFunctionConfiguration", _function),
    "ListFunctions": Action("lambda:ListFunctions", _any),
    "UpdateFunctionCode": Action("lambda:UpdateFunctionCode", _function),
    "UpdateFunctionConfiguration": Action("lambda:UpdateFunctionConfiguration", _function),
    "DeleteFunction": Action("lambda:DeleteFunction", _function),
    "Invoke": Action("lambda:InvokeFunction", _function),
}
