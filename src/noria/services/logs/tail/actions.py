"""IAM's side of Live Tail."""

from __future__ import annotations

from noria.auth.authorize import Action, Params
from noria.context import RequestContext


def _first_group(ctx: RequestContext, params: Params) -> str:
    """The others are authorized by the operation, see `api`."""
    return f"{params['log_group_identifiers'][0]}:log-stream:"


ACTIONS: dict[str, Action] = {"StartLiveTail": Action("logs:StartLiveTail", _first_group)}
