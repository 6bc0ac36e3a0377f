"""IAM's side of Insights' operations."""

from __future__ import annotations

from noria.auth.authorize import Action, Params
from noria.context import RequestContext
from noria.services.logs.models import stream_arn


def _first_group(ctx: RequestContext, params: Params) -> str:
    """Of StartQuery's groups; the others are authorized by the operation, see `api`."""
    group = params.get("log_group_name") or params.get("log_group_identifier")
    if group is None:
        group = next(iter(params.get("log_group_names") or params.get("log_group_identifiers") or ()), "")
    if group.startswith("arn:"):
        return f"{group}:log-stream:"
    return stream_arn(ctx.account, ctx.region, group, "")


ACTIONS: dict[str, Action] = {
    name: Action(f"logs:{name}", _first_group) for name in ("StartQuery", "GetLogGroupFields")
} | {
    name: Action(f"logs:{name}", lambda ctx, params: "*")
    for name in (
        "DeleteQueryDefinition",
        "DescribeQueries",
        "DescribeQueryDefinitions",
        "GetQueryResults",
        "ListLogGroupsForQuery",
        "PutQueryDefinition",
        "StopQuery",
    )
}
