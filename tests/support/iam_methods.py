"""IAM's methods called directly, for tests that look at what they return."""

from __future__ import annotations

import json
from typing import Any

from tests.support.iam import ACCOUNT, NOW_S, refused

from noria.context import RequestContext, root_principal
from noria.services.iam.api import IamApi

QUEUES = "arn:aws:iam::aws:policy/service-role/AWSLambdaSQSQueueExecutionRole"
TRUST = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
        ],
    }
)


def document(resource: str = "*", **more: Any) -> str:
    statement = {"Effect": "Allow", "Action": "sqs:*", "Resource": resource, **more}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def padded(length: int) -> str:
    """A valid policy of `length` characters."""
    return document("arn:aws:sqs:*:*:" + "q" * (length - len("".join(document("arn:aws:sqs:*:*:").split()))))


def ctx(account: str = ACCOUNT) -> RequestContext:
    return RequestContext("r", "iam", "Op", account, "us-east-1", root_principal(account), NOW_S * 1000)


def sent(shown: dict[str, Any]) -> dict[str, Any]:
    """Without the members that are not sent."""
    return {key: value for key, value in shown.items() if value is not None}


def no_role(name: str) -> refused:
    return refused(404, "NoSuchEntity", f"The role with name {name} cannot be found.")


def no_policy(arn: str) -> refused:
    return refused(404, "NoSuchEntity", f"Policy {arn} was not found.")


async def role(iam: IamApi, name: str = "R", **more: Any) -> dict[str, Any]:
    created: dict[str, Any] = await iam.create_role(
        ctx(), role_name=name, assume_role_policy_document=TRUST, **more
    )
    return sent(created["Role"])


async def policy(iam: IamApi, name: str = "P", **more: Any) -> dict[str, Any]:
    created = await iam.create_policy(ctx(), policy_name=name, policy_document=document(), **more)
    return sent(created["Policy"])
