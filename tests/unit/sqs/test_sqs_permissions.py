"""A queue's policy: the attribute, AddPermission and RemovePermission."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore import xform_name
from tests.support.policies import identity_of, identity_policy
from tests.support.sqs import SqsClient, refused

from noria.auth.authorize import Authorizer
from noria.context import Principal, RequestContext, service_principal
from noria.policy.evaluate import Identity
from noria.services.sqs import actions
from noria.services.sqs.resources import QueueResources

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


class World:
    """A foreign user, whose own policies allow everything, and the evaluator over the queues' policies."""

    def __init__(self, sqs: SqsClient) -> None:
        self.sqs = sqs
        everything = {"Effect": "Allow", "Action": "sqs:*", "Resource": "*"}
        self._identity = identity_of(identity_policy(everything))
        self.authorizer = Authorizer(self, "enforce", {"sqs": actions.DENIAL}, sqs.clock)
        self.authorizer.resources["sqs"] = QueueResources(sqs.store.records)

    async def identity(self, principal: Principal) -> Identity:
        return self._identity

    async def entity_arn(self, arn: str) -> str:
        return arn

    def generation(self) -> int:
        return self.sqs.store.records.generation()

    async def __call__(self, operation: str, **params: Any) -> Any:
        """As the gateway does it, for a user of account 111111111111."""
        principal = Principal("user", "111111111111", "arn:aws:iam::111111111111:user/u", "AIDA", "u")
        ctx = RequestContext(
            "r", "sqs", operation, "111111111111", "us-east-1", principal, self.sqs.clock.now_ms()
        )
        await self.authorizer.authorize(ctx, actions.ACTIONS[operation], params)
        return await getattr(self.sqs.api, xform_name(operation))(ctx, **params)


async def test_another_account_may_do_what_the_queues_policy_allows(sqs: SqsClient) -> None:
    url = await sqs.queue()
    call = World(sqs)
    denial = (
        "AccessDeniedException",
        "AccessDenied",
        403,
        "User: arn:aws:iam::111111111111:user/u is not authorized to perform: sqs:sendmessage on resource: "
        f"{ARN} because no resource-based policy allows the sqs:sendmessage action",
    )
    assert await refused(call("SendMessage", queue_url=url, message_body="m")) == denial
    await add(sqs, url, actions=["SendMessage", "GetQueueUrl"])
    owner = {"queue_name": "q", "queue_owner_aws_account_id": "000000000000"}
    found = (await call("GetQueueUrl", **owner))["QueueUrl"]
    await call("SendMessage", queue_url=found, message_body="from abroad")
    assert [message["Body"] for message in await sqs.receive(url)] == ["from abroad"]
    assert (await refused(call("ReceiveMessage", queue_url=url)))[2] == 403
    await sqs("remove_permission", queue_url=url, label="l")
    assert await refused(call("SendMessage", queue_url=url, message_body="m")) == denial


async def test_what_is_the_owners_alone_no_policy_gives_away(sqs: SqsClient) -> None:
    everybody = {"Effect": "Allow", "Principal": "*", "Action": "sqs:*", "Resource": "*"}
    url = await sqs.queue("q", Policy=json.dumps({"Version": "2012-10-17", "Statement": [everybody]}))
    call = World(sqs)
    await call("GetQueueAttributes", queue_url=url)
    for operation, params in [("DeleteQueue", {}), ("TagQueue", {"tags": {"a": "b"}})]:
        assert (await refused(call(operation, queue_url=url, **params)))[1:3] == ("AccessDenied", 403)


async def test_a_service_sends_for_the_sources_that_the_policy_names(sqs: SqsClient) -> None:
    topic = "arn:aws:sns:us-east-1:000000000000:topic"
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "sns.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": ARN,
        "Condition": {"ArnEquals": {"aws:SourceArn": topic}},
    }
    await sqs.queue("q", Policy=json.dumps({"Version": "2012-10-17", "Statement": [statement]}))
    authorizer = World(sqs).authorizer
    sns = service_principal("sns.amazonaws.com")
    assert await authorizer.allows(sns, "sqs:SendMessage", ARN, {"aws:SourceArn": topic})
    assert not await authorizer.allows(sns, "sqs:SendMessage", ARN, {"aws:SourceArn": topic + "2"})
