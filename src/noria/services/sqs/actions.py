"""Operation → IAM action, resource and condition keys.

https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonsqs.html
"""

from __future__ import annotations

from noria.auth.authorize import Action, Denial, Params
from noria.context import RequestContext
from noria.services.sqs.queue import arn_of, split_url

DENIAL = Denial("AccessDeniedException", 403, "AccessDenied", lowercase_action=True)


def _by_url(ctx: RequestContext, params: Params) -> str:
    account, name = split_url(ctx, params.get("queue_url") or "")
    return arn_of(account, ctx.region, name)


def _by_name(ctx: RequestContext, params: Params) -> str:
    account = params.get("queue_owner_aws_account_id") or ctx.account
    return arn_of(account, ctx.region, params.get("queue_name") or "")


ACTIONS = {
    "ChangeMessageVisibility": Action("sqs:ChangeMessageVisibility", _by_url),
    "ChangeMessageVisibilityBatch": Action("sqs:ChangeMessageVisibility", _by_url),
    "CreateQueue": Action("sqs:CreateQueue", _by_name),
    "DeleteMessage": Action("sqs:DeleteMessage", _by_url),
    "DeleteMessageBatch": Action("sqs:DeleteMessage", _by_url),
    "DeleteQueue": Action("sqs:DeleteQueue", _by_url),
    "GetQueueAttributes": Action("sqs:GetQueueAttributes", _by_url),
    "GetQueueUrl": Action("sqs:GetQueueUrl", _by_name),
    "ListQueueTags": Action("sqs:ListQueueTags", _by_url),
    "ListQueues": Action("sqs:ListQueues", _by_name),  # a queue without a name: so AWS's denials have it
    "PurgeQueue": Action("sqs:PurgeQueue", _by_url),
    "ReceiveMessage": Action("sqs:ReceiveMessage", _by_url),
    "SendMessage": Action("sqs:SendMessage", _by_url),
    "SendMessageBatch": Action("sqs:SendMessage", _by_url),
    "SetQueueAttributes": Action("sqs:SetQueueAttributes", _by_url),
    "TagQueue": Action("sqs:TagQueue", _by_url),
    "UntagQueue": Action("sqs:UntagQueue", _by_url),
}
