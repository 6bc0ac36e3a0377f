"""IAM's side of CloudWatch's operations: none is about a resource."""

from __future__ import annotations

from noria.auth.authorize import Action, Denial, Params
from noria.context import RequestContext

DENIAL = Denial("AccessDeniedException", 403, query_code="AccessDenied")


def _any(ctx: RequestContext, params: Params) -> str:
    return "*"


def _namespace(ctx: RequestContext, params: Params) -> dict[str, str]:
    return {"cloudwatch:namespace": params.get("namespace") or ""}


def _unnamed(ctx: RequestContext, params: Params) -> str:
    return ""


ACTIONS: dict[str, Action] = {
    name: Action(f"cloudwatch:{name}", _any, resource_text=_unnamed)
    for name in ("GetMetricData", "GetMetricStatistics", "ListMetrics")
} | {"PutMetricData": Action("cloudwatch:PutMetricData", _any, _namespace, resource_text=_unnamed)}
