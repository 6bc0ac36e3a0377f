"""PutResourcePolicy and its like: a function's policy as a whole."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.unit.lambda_.conftest import ACCOUNT, REGION, Lambda
from tests.unit.lambda_.support import ARN, active, invalid, not_found, refused

from noria.services.lambda_.resources import FunctionResources

OTHER = "arn:aws:iam::444455556666:root"
STATEMENT = {
    "Sid": "other",
    "Effect": "Allow",
    "Principal": {"AWS": OTHER},
    "Action": "lambda:InvokeFunction",
    "Resource": ARN,
}
POLICY = {"Version": "2012-10-17", "Id": "mine", "Statement": [STATEMENT]}
OTHER_REVISION = "00000000-0000-4000-8000-000000000000"


async def put(service: Lambda, policy: Any, arn: str = ARN, **members: Any) -> dict[str, Any]:
    text = policy if isinstance(policy, str) else json.dumps(policy)
    answer: dict[str, Any] = await service.api.put_resource_policy(
        service.ctx(), resource_arn=arn, policy=text, **members
    )
    return answer


async def get(service: Lambda) -> dict[str, Any]:
    answer: dict[str, Any] = await service.api.get_resource_policy(service.ctx(), resource_arn=ARN)
    return answer


async def test_a_policy_takes_the_place_of_what_was_added(service: Lambda) -> None:
    await active(service)
    await service.api.add_permission(
        service.ctx(), function_name="f", statement_id="s3", action="lambda:*", principal="s3.amazonaws.com"
    )
    answer = await put(service, POLICY)
    assert json.loads(answer["Policy"]) == POLICY
    assert await get(service) == answer
    assert await service.api.get_policy(service.ctx(), function_name="f") == answer
    resource = await FunctionResources(service.store.records).resource(ARN)
    assert resource is not None
    assert resource.policy is not None
    await service.api.add_permission(
        service.ctx(), function_name="f", statement_id="s3", action="lambda:*", principal="s3.amazonaws.com"
    )
    document = json.loads((await get(service))["Policy"])
    assert (document["Id"], [each["Sid"] for each in document["Statement"]]) == ("mine", ["other", "s3"])
    await service.api.remove_permission(service.ctx(), function_name="f", statement_id="s3")
    assert json.loads((await get(service))["Policy"]) == POLICY


async def test_it_is_deleted_at_a_revision(service: Lambda) -> None:
    await active(service)
    revision = (await put(service, POLICY))["RevisionId"]
    mismatch = (
        "PreconditionFailedException",
        412,
        "The Revision Id provided does not match the latest Revision Id. Call the GetResourcePolicy API to "
        "retrieve the latest Revision Id",
    )
    assert await refused(put(service, POLICY, revision_id=OTHER_REVISION)) == mismatch
    delete = service.api.delete_resource_policy
    assert await refused(delete(service.ctx(), resource_arn=ARN, revision_id=OTHER_REVISION)) == mismatch
    await delete(service.ctx(), resource_arn=ARN, revision_id=revision)
    gone = not_found("The resource you requested does not exist.")
    assert await refused(get(service)) == gone
    assert await refused(delete(service.ctx(), resource_arn=ARN)) == gone


@pytest.mark.parametrize(
    "policy",
    [
        "{",
        "[]",
        {"Version": "2012-10-17"},
        {**POLICY, "Statement": []},
        {**POLICY, "Statement": ["Allow"]},
        {**POLICY, "Version": 2012},
        {**POLICY, "Statement": [{**STATEMENT, "Effect": "Perhaps"}]},
        {**POLICY, "Statement": [{**STATEMENT, "Principal": None}]},
        {**POLICY, "Statement": [{**STATEMENT, "Resource": "*"}]},
    ],
)
async def test_what_is_no_policy_is_refused(service: Lambda, policy: Any) -> None:
    await active(service)
    code, status, text = await refused(put(service, policy))
    assert (code, status) == ("InvalidParameterValueException", 400)
    assert text.startswith("The policy is not valid: ")


async def test_only_what_is_there_has_one(service: Lambda) -> None:
    assert await refused(put(service, POLICY)) == not_found(f"Function not found: {ARN}")
    await active(service)
    assert await refused(put(service, POLICY, f"{ARN}:7")) == not_found(f"Function not found: {ARN}:7")
    latest = put(service, POLICY, f"{ARN}:$LATEST")
    assert await refused(latest) == invalid("We currently do not support adding policies for $LATEST.")
    runtime = f"arn:aws:lambda:{REGION}:{ACCOUNT}:runtime/python3.12"
    assert (await refused(put(service, POLICY, runtime)))[:2] == ("NotImplemented", 501)


async def test_it_is_no_longer_than_aws_allows(service: Lambda) -> None:
    await active(service)
    long = {**STATEMENT, "Condition": {"StringEquals": {"aws:username": ["x" * 20_480]}}}
    code, status, _ = await refused(put(service, {**POLICY, "Statement": [long]}))
    assert (code, status) == ("PolicyLengthExceededException", 400)
