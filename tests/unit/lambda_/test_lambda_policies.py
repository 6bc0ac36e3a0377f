"""Function policies: AddPermission and its like; expected answers are AWS's recorded ones."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.unit.lambda_.conftest import ACCOUNT, Lambda
from tests.unit.lambda_.support import ARN, active, conflict, invalid, not_found, publish, refused

from noria.services.lambda_.resources import FunctionResources

S3 = {"principal": "s3.amazonaws.com", "source_arn": "arn:aws:s3:::bucket"}


async def add(service: Lambda, statement_id: str = "s3", **members: Any) -> Any:
    request = {"function_name": "f", "action": "lambda:InvokeFunction", **S3, **members}
    answer = await service.api.add_permission(service.ctx(), statement_id=statement_id, **request)
    return json.loads(answer["Statement"])


async def policy(service: Lambda, **members: Any) -> tuple[Any, str]:
    answer = await service.api.get_policy(service.ctx(), **{"function_name": "f", **members})
    return json.loads(answer["Policy"]), answer["RevisionId"]


async def test_permissions_make_a_policy_in_their_order(service: Lambda) -> None:
    await active(service)
    first = await add(service)
    assert first == {
        "Sid": "s3",
        "Effect": "Allow",
        "Principal": {"Service": "s3.amazonaws.com"},
        "Action": "lambda:InvokeFunction",
        "Resource": ARN,
        "Condition": {"ArnLike": {"AWS:SourceArn": "arn:aws:s3:::bucket"}},
    }
    document, revision = await policy(service)
    assert document == {"Version": "2012-10-17", "Id": "default", "Statement": [first]}
    second = await add(service, "kinesis", principal="kinesis.amazonaws.com", source_arn=None)
    assert second == {
        "Sid": "kinesis",
        "Effect": "Allow",
        "Principal": {"Service": "kinesis.amazonaws.com"},
        "Action": "lambda:InvokeFunction",
        "Resource": ARN,
    }
    document, new_revision = await policy(service)
    assert document["Statement"] == [first, second]
    assert new_revision != revision


@pytest.mark.parametrize(
    ("members", "principal", "condition"),
    [
        (
            {"principal": "lambda.amazonaws.com", "source_account": ACCOUNT},
            {"Service": "lambda.amazonaws.com"},
            {"StringEquals": {"AWS:SourceAccount": ACCOUNT}},
        ),
        ({"principal": ACCOUNT}, {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, None),
        (
            {"principal": f"arn:aws:iam::{ACCOUNT}:user/u"},
            {"AWS": f"arn:aws:iam::{ACCOUNT}:user/u"},
            None,
        ),
        (
            {"principal": "*", "source_account": ACCOUNT},
            "*",
            {"StringEquals": {"AWS:SourceAccount": ACCOUNT}},
        ),
        (
            {"principal": "*", "event_source_token": "amzn1.ask.skill.x"},
            "*",
            {"StringEquals": {"lambda:EventSourceToken": "amzn1.ask.skill.x"}},
        ),
        (
            {
                "principal": "*",
                "action": "lambda:InvokeFunctionUrl",
                "function_url_auth_type": "NONE",
                "source_arn": "arn:aws:s3:::b",
                "source_account": ACCOUNT,
                "principal_org_id": "o-1234567890",
            },
            "*",
            {
                "ArnLike": {"AWS:SourceArn": "arn:aws:s3:::b"},
                "StringEquals": {
                    "AWS:SourceAccount": ACCOUNT,
                    "aws:PrincipalOrgID": "o-1234567890",
                    "lambda:FunctionUrlAuthType": "NONE",
                },
            },
        ),
        (
            {"principal": "*", "invoked_via_function_url": True},
            "*",
            {"Bool": {"lambda:InvokedViaFunctionUrl": "true"}},
        ),
    ],
)
async def test_every_member_has_its_place_in_the_statement(
    service: Lambda, members: dict[str, Any], principal: Any, condition: Any
) -> None:
    await active(service)
    made = await add(service, **{"source_arn": None, **members})
    assert made["Principal"] == principal
    assert made.get("Condition") == condition


async def test_versions_and_aliases_have_policies_of_their_own(service: Lambda) -> None:
    await active(service)
    await add(service)
    await publish(service)
    nothing = policy(service, qualifier="1")
    assert await refused(nothing) == not_found("The resource you requested does not exist.")
    await service.api.create_alias(service.ctx(), function_name="f", name="live", function_version="1")
    for qualifier in ("1", "live"):
        assert (await add(service, qualifier=qualifier))["Resource"] == f"{ARN}:{qualifier}"
        assert len((await policy(service, qualifier=qualifier))[0]["Statement"]) == 1
    await service.api.delete_alias(service.ctx(), function_name="f", name="live")
    assert (await refused(policy(service, qualifier="live")))[:2] == ("ResourceNotFoundException", 404)


async def test_a_removed_permission_is_gone_and_the_last_takes_the_policy_with_it(service: Lambda) -> None:
    await active(service)
    await add(service)
    await add(service, "s3_2")
    api, ctx = service.api, service.ctx()
    await api.remove_permission(ctx, function_name="f", statement_id="s3")
    assert [each["Sid"] for each in (await policy(service))[0]["Statement"]] == ["s3_2"]
    missing = api.remove_permission(ctx, function_name="f", statement_id="s3")
    assert await refused(missing) == not_found("Statement s3 is not found in resource policy.")
    await api.remove_permission(ctx, function_name="f", statement_id="s3_2")
    assert await refused(policy(service)) == not_found("The resource you requested does not exist.")
    none = api.remove_permission(ctx, function_name="f", statement_id="s3")
    assert await refused(none) == not_found("No policy is associated with the given resource.")


async def test_a_revision_guards_the_policy(service: Lambda) -> None:
    await active(service)
    stale = (
        "PreconditionFailedException",
        412,
        "The Revision Id provided does not match the latest Revision Id. "
        "Call the GetPolicy API to retrieve the latest Revision Id",
    )
    assert await refused(add(service, revision_id="x")) == stale
    await add(service)
    _, revision = await policy(service)
    await add(service, "second", revision_id=revision)
    removed = service.api.remove_permission(
        service.ctx(), function_name="f", statement_id="s3", revision_id=revision
    )
    assert await refused(removed) == stale


@pytest.mark.parametrize(
    ("members", "error"),
    [
        ({"statement_id": "s3"}, conflict(
            "The statement id (s3) provided already exists. Please provide a new statement id, or remove the "
            "existing statement."
        )),
        ({"qualifier": "alias-doesnotexist"}, not_found(f"Cannot find alias arn: {ARN}:alias-doesnotexist")),
        ({"qualifier": "42"}, not_found(f"Function not found: {ARN}:42")),
        ({"qualifier": "valid-with-$-but-doesnotexist"}, not_found(
            f"Function not found: {ARN}:valid-with-$-but-doesnotexist"
        )),
        ({"qualifier": "$LATEST"}, invalid("We currently do not support adding policies for $LATEST.")),
        ({"function_name": "f:alias", "qualifier": "12345"}, invalid(
            "The derived qualifier from the function name does not match the specified qualifier."
        )),
        ({"function_name": "doesnotexist"}, not_found(
            f"Function not found: {ARN.removesuffix(':f')}:doesnotexist"
        )),
        ({"principal": "invalid.nonaws.com"}, invalid(
            "The provided principal was invalid. Please check the principal and try again."
        )),
    ],
)  # fmt: skip
async def test_what_cannot_be_permitted(
    service: Lambda, members: dict[str, Any], error: tuple[str, int, str]
) -> None:
    await active(service)
    await add(service)
    assert await refused(add(service, **{"statement_id": "other", **members})) == error


async def test_a_policy_without_a_function_is_not_found(service: Lambda) -> None:
    there = ARN.removesuffix(":f") + ":doesnotexist"
    api, ctx = service.api, service.ctx()
    assert await refused(policy(service, function_name="doesnotexist")) == not_found(
        "The resource you requested does not exist."
    )
    removed = api.remove_permission(ctx, function_name="doesnotexist", statement_id="s3")
    assert await refused(removed) == not_found(f"No policy found for: {there}")


async def test_a_policy_is_bounded(service: Lambda) -> None:
    await active(service)
    source = f"arn:aws:s3:::{'b' * 300}"
    for number in range(38):
        await add(service, f"s{number}", source_arn=source)
    code, status, text = await refused(add(service, "s99", source_arn=source))
    assert (code, status) == ("PolicyLengthExceededException", 400)
    assert text.endswith("is bigger than the limit (20480).")


async def test_the_evaluator_sees_the_policy_of_the_qualifier(service: Lambda) -> None:
    await active(service, tags={"team": "red"})
    await publish(service)
    await add(service, qualifier="1")
    resources = FunctionResources(service.store.records)
    function, version = await resources.resource(ARN), await resources.resource(f"{ARN}:1")
    assert function is not None
    assert function.policy is None
    assert function.tags == {"team": "red"}
    assert version is not None
    assert version.policy is not None
    assert await resources.resource(ARN.removesuffix(":f") + ":doesnotexist") is None
