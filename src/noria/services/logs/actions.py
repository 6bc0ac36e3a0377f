"""IAM's side of CloudWatch Logs' operations."""

from __future__ import annotations

from noria.auth.authorize import Action, Denial, Params
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


ACTIONS: dict[str, Action] = {
    name: Action(f"logs:{name}", _resource)
    for name in (
        "CreateLogGroup",
        "CreateLogStream",
        "DeleteLogGroup",
        "DeleteLogStream",
        "DescribeLogStreams",
        "FilterLogEvents",
        "GetLogEvents",
        "PutLogEvents",
    )
} | {
    "DescribeLogGroups": Action("logs:DescribeLogGroups", _no_group),
    "TestMetricFilter": Action("logs:TestMetricFilter", lambda ctx, params: "*"),
}
