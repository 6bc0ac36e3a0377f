"""How fast decisions are, without a server: the evaluator alone, on the exercise's policy."""

from __future__ import annotations

import json
import time

from noria.context import Principal
from noria.policy.document import parse_identity_policy
from noria.policy.evaluate import Attached, Identity, PolicyRequest, evaluate

ACCOUNT = "939096940193"
QUEUE = f"arn:aws:sqs:us-west-1:{ACCOUNT}:activity25"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/Activity25Role"
EXERCISE = {
    "Version": "2012-10-17",
    "Statement": [{"Sid": "VisualEditor0", "Effect": "Allow", "Action": "sqs:*", "Resource": QUEUE}],
}
BASIC_EXECUTION = {
    "Version": "2012-10-17",
    "Statement": {
        "Effect": "Allow",
        "Action": ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"],
        "Resource": "*",
    },
}
DECISIONS = 1_000_000


def evaluation_s() -> float:
    """Seconds of CPU time for a million decisions about Activity25Role, each from the documents."""
    documents = (EXERCISE, BASIC_EXECUTION)
    identity = Identity(tuple(Attached(parse_identity_policy(json.dumps(text))) for text in documents))
    session = f"arn:aws:sts::{ACCOUNT}:assumed-role/Activity25Role/producer"
    principal = Principal(
        "assumed-role", ACCOUNT, session, "AROAEXAMPLE:producer", "Activity25Role", role_arn=ROLE
    )
    began = time.process_time()
    for _ in range(DECISIONS):
        if not evaluate(PolicyRequest(principal, "sqs:SendMessage", QUEUE, {}), identity).allowed:
            raise AssertionError("the exercise's policy allows this")
    return time.process_time() - began
