"""A queue's policy: the attribute, AddPermission and RemovePermission."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.support.sqs import SqsClient, refused

ARN = "arn:aws:sqs:us-east-1:000000000000:q"
INVALID = ("InvalidParameterValueException", "InvalidParameterValue", 400)


async def policy(sqs: SqsClient, url: str) -> dict[str, Any] | None:
    found = await sqs("get_queue_attributes", queue_url=url, attribute_names=["Policy"])
    return json.loads(found["Attributes"]["Policy"]) if found else None


async def add(sqs: SqsClient, url: str, **params: Any) -> None:
    call = {"label": "l", "aws_account_ids": ["111111111111"], "actions": ["SendMessage"], **params}
    await sqs("add_permission", queue_url=url, **call)


async def test_add_permission_writes_a_statement_that_remove_permission_takes_out(sqs: SqsClient) -> None:
    url = await sqs.queue()
    await add(sqs, url)
    await add(
        sqs,
        url,
        label="two",
        aws_account_ids=["111111111111", "222222222222"],
        actions=["ReceiveMessage", "DeleteMessage"],
    )
    one = {
        "Sid": "l",
        "Effect": "Allow",
        "Principal": {"AWS": "arn:aws:iam::111111111111:root"},
        "Action": "SQS:SendMessage",
        "Resource": ARN,
    }
    two = {
        "Sid": "two",
        "Effect": "Allow",
        "Principal": {"AWS": ["arn:aws:iam::111111111111:root", "arn:aws:iam::222222222222:root"]},
        "Action": ["SQS:ReceiveMessage", "SQS:DeleteMessage"],
        "Resource": ARN,
    }
    head = {"Version": "2008-10-17", "Id": f"{ARN}/SQSDefaultPolicy"}
    assert await policy(sqs, url) == {**head, "Statement": [one, two]}
    await sqs("remove_permission", queue_url=url, label="l")
    assert await policy(sqs, url) == {**head, "Statement": [two]}
    await sqs("remove_permission", queue_url=url, label="two")
    assert await policy(sqs, url) is None


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({"label": ""}, "The request must contain the parameter Label."),
        ({"aws_account_ids": []}, "The request must contain the parameter AWSAccountIds."),
        ({"actions": []}, "The request must contain the parameter Actions."),
        (
            {"aws_account_ids": ["123"]},
            "Value [123] for parameter PrincipalId is invalid. Reason: Unable to verify.",
        ),
        (
            {"actions": ["DeleteQueue"]},
            "Value SQS:DeleteQueue for parameter ActionName is invalid."
            " Reason: Only the queue owner is allowed to invoke this action.",
        ),
        (
            {"actions": ["Nope"]},
            "Value SQS:Nope for parameter ActionName is invalid."
            " Reason: Please refer to the appropriate WSDL for a list of valid actions.",
        ),
        ({"label": "known"}, "Value known for parameter Label is invalid. Reason: Already exists."),
        ({"actions": ["*"] * 8}, "8 Actions were found, maximum allowed is 7."),
    ],
)
async def test_permissions_that_are_refused(sqs: SqsClient, params: dict[str, Any], expected: str) -> None:
    url = await sqs.queue()
    await add(sqs, url, label="known")
    assert (await refused(add(sqs, url, **params)))[3] == expected


async def test_removing_what_is_not_there(sqs: SqsClient) -> None:
    url = await sqs.queue()
    assert await refused(sqs("remove_permission", queue_url=url, label="l")) == (
        *INVALID,
        "Value l for parameter Label is invalid. Reason: can't find label on existing policy.",
    )


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"Statement":[{"Effect":"Allow"}]}', " " * 9000])
async def test_policies_that_are_refused(sqs: SqsClient, text: str) -> None:
    assert await refused(sqs.queue("q", Policy=text)) == (
        "InvalidAttributeValue",
        "InvalidAttributeValue",
        400,
        "Invalid value for the parameter Policy.",
    )
