"""What the linter says of queues' policies."""

from __future__ import annotations

import json
import logging

import pytest
from tests.support.sqs import ACCOUNT, SqsClient

from noria.services.sqs.policy_review import WARNINGS_SHOWN, QueuePolicyReview


def policy(queue: str, *actions: str) -> str:
    arn = f"arn:aws:sqs:us-east-1:{ACCOUNT}:{queue}"
    statement = {"Effect": "Allow", "Principal": "*", "Action": actions, "Resource": arn}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


async def test_it_is_said_when_a_policy_is_set_and_in_the_status(
    sqs: SqsClient, caplog: pytest.LogCaptureFixture
) -> None:
    made = await sqs("create_queue", queue_name="a", attributes={"Policy": policy("a", "sqs:SendMesage")})
    caplog.clear()
    with caplog.at_level(logging.WARNING):
        elsewhere = {"Policy": policy("b", "sqs:SendMessage")}
        await sqs("set_queue_attributes", queue_url=made["QueueUrl"], attributes=elsewhere)
    own, other = (f"arn:aws:sqs:us-east-1:{ACCOUNT}:{name}" for name in "ab")
    text = f"Resource {other}: the policy is asked about {own} only"
    assert caplog.messages == [f"{ACCOUNT}, policy of queue a: {text}"]
    review = QueuePolicyReview(sqs.store.records)
    found = [(it.account, it.where, it.text) for it in await review.warnings()]
    assert found == [(ACCOUNT, "policy of queue a", text)]
    await sqs("set_queue_attributes", queue_url=made["QueueUrl"], attributes={"Policy": ""})
    assert await review.warnings() == []


async def test_a_typo_is_said_when_a_queue_is_made(sqs: SqsClient, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        await sqs("create_queue", queue_name="a", attributes={"Policy": policy("a", "sqs:SendMesage")})
    text = "Action sqs:SendMesage: there is no such action of sqs, but sqs:SendMessage"
    assert caplog.messages == [f"{ACCOUNT}, policy of queue a: {text}"]


async def test_what_is_shown_is_bounded(sqs: SqsClient) -> None:
    typos = [f"sqs:Nope{number}" for number in range(20)]
    for number in range(6):
        name = f"q{number}"
        await sqs("create_queue", queue_name=name, attributes={"Policy": policy(name, *typos)})
    assert len(await QueuePolicyReview(sqs.store.records).warnings()) == WARNINGS_SHOWN
