"""IAM's side of CloudWatch Logs' operations."""

from __future__ import annotations

from collections.abc import Sequence

from noria.auth.authorize import Action, Denial, Params
from noria.auth.conditions import request_tags
from noria.context import RequestContext
from noria.services.logs.models import stream_arn

DENIAL = Denial("AccessDeniedException", 400)


def _resource(ctx: RequestContext, params: Params) -> str:
    """AWS checks every operation on a stream's ARN, whose name is empty where a whole group is meant."""
    group = params.get("log_group_name") or params.get("log_group_identifier") or ""
    stream = params.get("log_stream_name") or ""
    if group.startswith("arn:"):
        return f"{group}:log-stream:{stream}"
    return stream_arn(ctx.account, ctx.region, group, stream)


def _no_group(ctx: RequestContext, params: Params) -> str:
    return stream_arn(ctx.account, ctx.region, "", "")


def _arn(ctx: RequestContext, params: Params) -> str:
    return str(params.get("resource_arn") or "")


def _unmasking(params: Params) -> Sequence[str]:
    return ("logs:Unmask",) if params.get("unmask") else ()


ACTIONS: dict[str, Action] = (
    {
        name: Action(f"logs:{name}", _resource)
        for name in (
            "CreateLogStream",
            "DeleteLogGroup",
            "DeleteLogStream",
            "DeleteMetricFilter",
            "DeleteRetentionPolicy",
            "DeleteSubscriptionFilter",
            "DescribeLogStreams",
            "DescribeSubscriptionFilters",
            "ListTagsLogGroup",
            "PutLogEvents",
            "PutLogGroupDeletionProtection",
            "PutMetricFilter",
            "PutRetentionPolicy",
        )
    }
    | {
        "CreateLogGroup": Action(
            "logs:CreateLogGroup",
            _resource,
            lambda ctx, params: request_tags(params.get("tags")),
            also=lambda params: ("logs:TagResource",) if params.get("tags") else (),
        ),
        "FilterLogEvents": Action("logs:FilterLogEvents", _resource, also=_unmasking),
        "GetLogEvents": Action("logs:GetLogEvents", _resource, also=_unmasking),
        "GetLogRecord": Action("logs:GetLogRecord", lambda ctx, params: "*", also=_unmasking),
        "DescribeLogGroups": Action("logs:DescribeLogGroups", _no_group),
        "DescribeMetricFilters": Action("logs:DescribeMetricFilters", _resource),
        "ListLogGroups": Action("logs:ListLogGroups", _no_group),
        "ListTagsForResource": Action("logs:ListTagsForResource", _arn),
        "TagLogGroup": Action(
            "logs:TagLogGroup", _resource, lambda ctx, params: request_tags(params.get("tags"))
        ),
        "TagResource": Action("logs:TagResource", _arn, lambda ctx, params: request_tags(params.get("tags"))),
        "UntagLogGroup": Action(
            "logs:UntagLogGroup",
            _resource,
            lambda ctx, params: {"aws:TagKeys": list(params.get("tags") or ())},
        ),
        "UntagResource": Action(
            "logs:UntagResource",
            _arn,
            lambda ctx, params: {"aws:TagKeys": list(params.get("tag_keys") or ())},
        ),
        "PutSubscriptionFilter": Action(
            "logs:PutSubscriptionFilter",
            _resource,
            lambda ctx, params: {"logs:DestinationArn": str(params.get("destination_arn"))},
        ),
    }
    | {
        name: Action(f"logs:{name}", lambda ctx, params: "*")
        for name in (
            "DeleteResourcePolicy",
            "DescribeResourcePolicies",
            "PutResourcePolicy",
            "TestMetricFilter",
        )
    }
)
