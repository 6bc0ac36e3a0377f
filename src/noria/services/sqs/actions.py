"""Operation → IAM action, resource and condition keys.

https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonsqs.html
"""

from __future__ import annotations

from functools import lru_cache

from noria.auth.authorize import Action, Denial, Params
from noria.auth.conditions import request_tags
from noria.context import RequestContext
from noria.policy.match import ContextValue
from noria.services.sqs.limits import MAX_CACHED_QUEUES
from noria.services.sqs.move_tasks import parse_handle
from noria.services.sqs.queue import arn_of, split_url

MAX_URL_CHARS = 512  # of those that are remembered; no queue's is as long

DENIAL = Denial("AccessDeniedException", 403, "AccessDenied", lowercase_action=True)


def _by_url(ctx: RequestContext, params: Params) -> str:
    url = params.get("queue_url") or ""
    if len(url) > MAX_URL_CHARS:
        return _arn_of_url.__wrapped__(ctx.account, ctx.region, url)
    return _arn_of_url(ctx.account, ctx.region, url)


@lru_cache(maxsize=MAX_CACHED_QUEUES)
def _arn_of_url(account: str, region: str, url: str) -> str:
    account, name = split_url(account, url)
    return arn_of(account, region, name)


def _by_name(ctx: RequestContext, params: Params) -> str:
    account = params.get("queue_owner_aws_account_id") or ctx.account
    return arn_of(account, ctx.region, params.get("queue_name") or "")


def _tags(ctx: RequestContext, params: Params) -> dict[str, ContextValue]:
    return request_tags(params.get("tags"))


def _tag_keys(ctx: RequestContext, params: Params) -> dict[str, ContextValue]:
    return {"aws:TagKeys": list(params.get("tag_keys") or ())}


def _with_tags(params: Params) -> tuple[str, ...]:
    return ("sqs:TagQueue",) if params.get("tags") else ()


def _by_source(ctx: RequestContext, params: Params) -> str:
    return params.get("source_arn") or arn_of(ctx.account, ctx.region, "")


def _by_handle(ctx: RequestContext, params: Params) -> str:
    parsed = parse_handle(params.get("task_handle") or "")
    return parsed[1] if parsed is not None else arn_of(ctx.account, ctx.region, "")


def _moving(params: Params) -> tuple[str, ...]:
    """What a move task does with the queue that it moves from, as whoever starts it."""
    return "sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"


ACTIONS = {
    "AddPermission": Action("sqs:AddPermission", _by_url),
    "CancelMessageMoveTask": Action("sqs:CancelMessageMoveTask", _by_handle),
    "ChangeMessageVisibility": Action("sqs:ChangeMessageVisibility", _by_url),
    "ChangeMessageVisibilityBatch": Action("sqs:ChangeMessageVisibility", _by_url),
    "CreateQueue": Action("sqs:CreateQueue", _by_name, _tags, also=_with_tags),
    "DeleteMessage": Action("sqs:DeleteMessage", _by_url),
    "DeleteMessageBatch": Action("sqs:DeleteMessage", _by_url),
    "DeleteQueue": Action("sqs:DeleteQueue", _by_url),
    "GetQueueAttributes": Action("sqs:GetQueueAttributes", _by_url),
    "GetQueueUrl": Action("sqs:GetQueueUrl", _by_name),
    "ListDeadLetterSourceQueues": Action("sqs:ListDeadLetterSourceQueues", _by_url),
    "ListMessageMoveTasks": Action("sqs:ListMessageMoveTasks", _by_source),
    "ListQueueTags": Action("sqs:ListQueueTags", _by_url),
    "ListQueues": Action("sqs:ListQueues", _by_name),  # a queue without a name: so AWS's denials have it
    "PurgeQueue": Action("sqs:PurgeQueue", _by_url),
    "ReceiveMessage": Action("sqs:ReceiveMessage", _by_url),
    "RemovePermission": Action("sqs:RemovePermission", _by_url),
    "SendMessage": Action("sqs:SendMessage", _by_url),
    "SendMessageBatch": Action("sqs:SendMessage", _by_url),
    "SetQueueAttributes": Action("sqs:SetQueueAttributes", _by_url),
    "StartMessageMoveTask": Action("sqs:StartMessageMoveTask", _by_source, also=_moving),
    "TagQueue": Action("sqs:TagQueue", _by_url, _tags),
    "UntagQueue": Action("sqs:UntagQueue", _by_url, _tag_keys),
}
