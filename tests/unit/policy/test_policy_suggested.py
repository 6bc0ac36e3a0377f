"""The smallest policy that allows what was called."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st
from tests.support.policies import identity_of

from noria.context import Principal
from noria.policy.document import parse_identity_policy
from noria.policy.evaluate import PolicyRequest, evaluate
from noria.policy.suggest import suggestion

ACCOUNT = "939096940193"
QUEUE = f"arn:aws:sqs:us-west-1:{ACCOUNT}:activity25"
GROUP = f"arn:aws:logs:us-west-1:{ACCOUNT}:log-group:/aws/lambda/producer:*"


def test_the_exercises_calls_become_the_few_actions_that_it_uses() -> None:
    calls = [
        ("sqs:SendMessage", QUEUE),
        ("sqs:ReceiveMessage", QUEUE),
        ("sqs:DeleteMessage", QUEUE),
        ("sqs:GetQueueAttributes", QUEUE),
        ("logs:CreateLogStream", GROUP),
        ("logs:PutLogEvents", GROUP),
    ]
    assert suggestion(calls) == {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Action": ["logs:CreateLogStream", "logs:PutLogEvents"], "Resource": GROUP},
            {
                "Effect": "Allow",
                "Action": [
                    "sqs:DeleteMessage",
                    "sqs:GetQueueAttributes",
                    "sqs:ReceiveMessage",
                    "sqs:SendMessage",
                ],
                "Resource": QUEUE,
            },
        ],
    }


def test_actions_on_other_resources_are_statements_of_their_own() -> None:
    calls = [("sqs:SendMessage", QUEUE), ("sqs:SendMessage", QUEUE + "2"), ("sqs:ListQueues", "*")]
    assert suggestion(calls) == {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Action": "sqs:ListQueues", "Resource": "*"},
            {"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": [QUEUE, QUEUE + "2"]},
        ],
    }


def test_nothing_called_is_no_policy() -> None:
    assert suggestion([]) is None


actions = st.sampled_from(["sqs:SendMessage", "sqs:DeleteMessage", "logs:PutLogEvents"])
resources = st.sampled_from([QUEUE, QUEUE + "2", f"arn:aws:logs:us-west-1:{ACCOUNT}:log-group:g:x"])
USER = Principal("user", ACCOUNT, f"arn:aws:iam::{ACCOUNT}:user/ann", "AIDA", "ann")


@given(st.sets(st.tuples(actions, resources), min_size=1), actions, resources)
def test_it_allows_what_was_called_and_nothing_else(
    calls: set[tuple[str, str]], action: str, resource: str
) -> None:
    identity = identity_of(parse_identity_policy(json.dumps(suggestion(calls))))
    decision = evaluate(PolicyRequest(USER, action, resource, {}), identity)
    assert decision.allowed is ((action, resource) in calls)
