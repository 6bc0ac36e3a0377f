"""Dead-letter queues: the attributes RedrivePolicy and RedriveAllowPolicy, and who may use which queue.

https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-dead-letter-queues.html
"""

from __future__ import annotations

import json
from typing import Any

from noria.errors import AwsError
from noria.services.sqs import errors
from noria.services.sqs.limits import MAX_ALLOWED_SOURCES, MAX_MAX_RECEIVE_COUNT
from noria.services.sqs.queue import ARN, Queue, QueueRecord, Queues

TARGET, MOST = "deadLetterTargetArn", "maxReceiveCount"


def parse(text: str) -> dict[str, Any]:
    """RedrivePolicy → fields of a QueueRecord; "" removes it. Raises InvalidParameterValue."""
    if not text:
        return {"dead_letters": "", "max_receives": 0}
    policy = _json_map(text)
    if policy is None:
        raise _invalid(text, "Redrive policy is not a valid JSON map.")
    for name in (TARGET, MOST):
        if name not in policy:
            raise _invalid(text, f"Redrive policy does not contain mandatory attribute: {name}.")
    if len(policy) > 2:
        raise _invalid(text, f"Only following attributes are supported: [{TARGET}, {MOST}].")
    most = policy[MOST]
    number = (
        int(most) if isinstance(most, str) and most.isascii() and most.isdigit() and len(most) < 9 else most
    )
    if type(number) is not int or not 1 <= number <= MAX_MAX_RECEIVE_COUNT:
        raise _invalid(
            text,
            f"Invalid value for {MOST}: {most}, valid values are from 1 to {MAX_MAX_RECEIVE_COUNT}"
            " both inclusive.",
        )
    if not (isinstance(policy[TARGET], str) and ARN.fullmatch(policy[TARGET])):
        raise _invalid(text, f"Invalid value for {TARGET}.")
    return {"dead_letters": policy[TARGET], "max_receives": number}


def parse_allow(text: str) -> dict[str, Any]:
    """RedriveAllowPolicy → fields of a QueueRecord; "" removes it. Raises InvalidParameterValue."""
    if not text:
        return {"redrive_allow": ""}
    policy = _json_map(text) or {}
    permission, sources = policy.get("redrivePermission"), policy.get("sourceQueueArns")
    good = permission in ("allowAll", "denyAll", "byQueue") and (sources is not None) == (
        permission == "byQueue"
    )
    if sources is not None:
        good = good and isinstance(sources, list) and 1 <= len(sources) <= MAX_ALLOWED_SOURCES
        good = good and all(isinstance(arn, str) and ARN.fullmatch(arn) for arn in sources)
    if not good or policy.keys() - {"redrivePermission", "sourceQueueArns"}:
        raise errors.invalid_value(
            text,
            "RedriveAllowPolicy",
            "Amazon SQS can't create the redrive allow policy, as it's not in the supported format.",
        )
    return {"redrive_allow": json.dumps(policy, separators=(",", ":"))}


def render(record: QueueRecord) -> str:
    if not record.dead_letters:
        return ""
    return json.dumps({TARGET: record.dead_letters, MOST: record.max_receives}, separators=(",", ":"))


async def check_target(queues: Queues, arn: str, record: QueueRecord) -> None:
    """Whether the queue `arn` may have the dead-letter queue that its record names. Raises AwsError."""
    if not record.dead_letters:
        return
    text = render(record)
    target = await queues.by_arn(record.dead_letters)
    _, _, _, region, account, _ = arn.split(":")
    if target is None or (target.region, target.account) != (region, account):
        raise _invalid(text, "Dead letter target does not exist.")
    if target.record.fifo != record.fifo:
        raise _invalid(text, "Dead-letter queue must be same type of queue as the source.")
    if not allows(target, arn):
        raise _invalid(text, "Dead-letter queue does not allow the source queue, see its RedriveAllowPolicy.")


def allows(target: Queue, source_arn: str) -> bool:
    if not target.record.redrive_allow:
        return True
    policy = json.loads(target.record.redrive_allow)
    return policy["redrivePermission"] == "allowAll" or source_arn in policy.get("sourceQueueArns", ())


def _json_map(text: str) -> dict[str, Any] | None:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _invalid(text: str, reason: str) -> AwsError:
    return errors.invalid_value(text, "RedrivePolicy", reason)
