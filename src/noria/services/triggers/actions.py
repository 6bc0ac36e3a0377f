"""IAM's side of event source mappings; denials are worded by Lambda's own `actions.DENIAL`."""

from __future__ import annotations

from noria.auth.authorize import Action, Params
from noria.auth.conditions import request_tags
from noria.context import RequestContext
from noria.errors import AwsError
from noria.policy.match import ContextValue
from noria.services.triggers.mapping import mapping_arn
from noria.services.triggers.names import function_arn


def _any(ctx: RequestContext, params: Params) -> str:
    return "*"


def _mapping(ctx: RequestContext, params: Params) -> str:
    return mapping_arn(ctx.account, ctx.region, params["uuid"])


def _function(ctx: RequestContext, params: Params) -> dict[str, str]:
    """The operation itself answers what is wrong with a name; no policy can have meant it."""
    if "function_name" not in params:
        return {}
    try:
        return {"lambda:FunctionArn": function_arn(ctx, params["function_name"])}
    except AwsError:
        return {}


def _creation(ctx: RequestContext, params: Params) -> dict[str, ContextValue]:
    return {**_function(ctx, params), **request_tags(params.get("tags"))}


def _with_tags(params: Params) -> tuple[str, ...]:
    return ("lambda:TagResource",) if params.get("tags") else ()


ACTIONS: dict[str, Action] = {
    "CreateEventSourceMapping": Action("lambda:CreateEventSourceMapping", _any, _creation, also=_with_tags),
    "ListEventSourceMappings": Action("lambda:ListEventSourceMappings", _any),
    "GetEventSourceMapping": Action("lambda:GetEventSourceMapping", _mapping),
    "UpdateEventSourceMapping": Action("lambda:UpdateEventSourceMapping", _mapping, _function),
    "DeleteEventSourceMapping": Action("lambda:DeleteEventSourceMapping", _mapping),
}
