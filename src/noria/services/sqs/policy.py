"""A queue's policy: the attribute, and the statements that AddPermission writes into it.

What it allows is for `noria.policy.evaluate` to say.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from noria.errors import AwsError
from noria.policy.document import parse_resource_policy
from noria.services.sqs import errors
from noria.services.sqs.limits import (
    MAX_PERMISSION_ACTIONS,
    MAX_PERMISSION_LABEL_LENGTH,
    MAX_POLICY_BYTES,
)
from noria.services.sqs.queue import NAME, Queue
from noria.services.sqs.queue import OWNERS as QUEUE_OWNERS

SHARED = frozenset(
    (
        "ChangeMessageVisibility", "DeleteMessage", "GetQueueAttributes", "GetQueueUrl",
        "ListDeadLetterSourceQueues", "PurgeQueue", "ReceiveMessage", "SendMessage",
    )
)  # fmt: skip
"""The actions that other accounts may be allowed; the rest is the owner's alone (developer guide,
"Limitations of custom policies")."""
OWNERS = QUEUE_OWNERS | {
    "CancelMessageMoveTask",
    "CreateQueue",
    "ListMessageMoveTasks",
    "ListQueues",
    "StartMessageMoveTask",
}


def checked_policy(text: str) -> str:
    """The attribute's value as it is kept; "" removes the policy. Raises InvalidAttributeValue."""
    if not text:
        return ""
    try:
        if len(text.encode()) > MAX_POLICY_BYTES:
            raise errors.invalid_attribute_value("Policy")
        parse_resource_policy(text)
    except (AwsError, UnicodeEncodeError) as error:
        raise errors.invalid_attribute_value("Policy") from error
    return json.dumps(json.loads(text), separators=(",", ":"), ensure_ascii=False)


def with_statement(queue: Queue, label: str, accounts: Sequence[str], actions: Sequence[str]) -> str:
    """The queue's policy with a statement more. Raises AwsError."""
    if not label:
        raise errors.missing_parameter("Label")
    if not NAME.fullmatch(label) or len(label) > MAX_PERMISSION_LABEL_LENGTH:
        raise errors.invalid_value(
            label,
            "Label",
            "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length",
        )
    if not accounts:
        raise errors.missing_parameter("AWSAccountIds")
    if not actions:
        raise errors.missing_parameter("Actions")
    for account in accounts:
        if not (account.isascii() and account.isdigit() and len(account) == 12):
            raise errors.invalid_value(f"[{account}]", "PrincipalId", "Unable to verify.")
    if len(actions) > MAX_PERMISSION_ACTIONS:
        raise AwsError(
            "OverLimit",
            f"{len(actions)} Actions were found, maximum allowed is {MAX_PERMISSION_ACTIONS}.",
            403,
        )
    for action in actions:
        if action in OWNERS:
            raise errors.invalid_value(
                f"SQS:{action}", "ActionName", "Only the queue owner is allowed to invoke this action."
            )
        if action not in SHARED and action != "*":
            raise errors.invalid_value(
                f"SQS:{action}",
                "ActionName",
                "Please refer to the appropriate WSDL for a list of valid actions.",
            )
    policy = _document(queue)
    if any(statement.get("Sid") == label for statement in policy["Statement"]):
        raise errors.invalid_value(label, "Label", "Already exists.")
    policy["Statement"].append(
        {
            "Sid": label,
            "Effect": "Allow",
            "Principal": {"AWS": _one_or_all([f"arn:aws:iam::{account}:root" for account in accounts])},
            "Action": _one_or_all([f"SQS:{action}" for action in actions]),
            "Resource": queue.arn,
        }
    )
    return checked_policy(json.dumps(policy))


def without_statement(queue: Queue, label: str) -> str:
    """The queue's policy without that statement; "" when none is left. Raises InvalidParameterValue."""
    if not label:
        raise errors.missing_parameter("Label")
    policy = _document(queue)
    kept = [statement for statement in policy["Statement"] if statement.get("Sid") != label]
    if len(kept) == len(policy["Statement"]):
        raise errors.invalid_value(label, "Label", "can't find label on existing policy.")
    return checked_policy(json.dumps({**policy, "Statement": kept})) if kept else ""


def _document(queue: Queue) -> dict[str, Any]:
    if not queue.record.policy:
        return {"Version": "2008-10-17", "Id": f"{queue.arn}/SQSDefaultPolicy", "Statement": []}
    policy: dict[str, Any] = json.loads(queue.record.policy)
    statements = policy["Statement"]
    policy["Statement"] = statements if isinstance(statements, list) else [statements]
    return policy


def _one_or_all(values: Sequence[str]) -> str | Sequence[str]:
    return values[0] if len(values) == 1 else values
