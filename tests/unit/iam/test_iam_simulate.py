"""Simulation: what policies would decide, by which statements, and what they ask for."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.support.iam import ACCOUNT, BASIC, IamClient, document
from tests.support.sqs import refused

QUEUE = f"arn:aws:sqs:us-east-1:{ACCOUNT}:q"
USER = f"arn:aws:iam::{ACCOUNT}:user/U"


def entry(name: str, *values: str, kind: str = "string") -> dict[str, Any]:
    return {"ContextKeyName": name, "ContextKeyValues": list(values), "ContextKeyType": kind}


async def custom(client: IamClient, *policies: str, **members: Any) -> list[dict[str, Any]]:
    members = {"ActionNames": ["sqs:SendMessage"], "ResourceArns": [QUEUE]} | members
    answer = await client("SimulateCustomPolicy", PolicyInputList=list(policies), **members)
    results: list[dict[str, Any]] = answer["EvaluationResults"]
    return results


async def decision(client: IamClient, *policies: str, **members: Any) -> str:
    (result,) = await custom(client, *policies, **members)
    word: str = result["EvalDecision"]
    return word


async def test_a_decision_comes_with_the_statements_that_made_it(client: IamClient) -> None:
    text = '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sqs:*","Resource":"*"}]}'
    assert await custom(client, document("logs:*"), text) == [
        {
            "EvalActionName": "sqs:SendMessage",
            "EvalResourceName": QUEUE,
            "EvalDecision": "allowed",
            "MatchedStatements": [
                {
                    "SourcePolicyId": "PolicyInputList.2",
                    "SourcePolicyType": "IAM Policy",
                    "StartPosition": {"Line": 1, "Column": 38},
                    "EndPosition": {"Line": 1, "Column": 88},
                }
            ],
            "MissingContextValues": [],
        }
    ]


async def test_a_deny_is_the_only_statement_told(client: IamClient) -> None:
    deny = json.dumps(
        {
            "Version": "2012-10-17",
            "Statement": [
                {"Effect": "Allow", "Action": "*", "Resource": "*"},
                {"Effect": "Deny", "Action": "sqs:Send*", "Resource": QUEUE},
            ],
        },
        indent=2,
    )
    (result,) = await custom(client, document(), deny)
    assert result["EvalDecision"] == "explicitDeny"
    (matched,) = result["MatchedStatements"]
    assert matched["SourcePolicyId"] == "PolicyInputList.2"
    assert matched["StartPosition"] == {"Line": 9, "Column": 5}


async def test_what_nothing_allows_is_denied_implicitly(client: IamClient) -> None:
    (result,) = await custom(client, document("logs:*"))
    assert (result["EvalDecision"], result["MatchedStatements"]) == ("implicitDeny", [])


async def test_every_action_on_every_resource_in_pages(client: IamClient) -> None:
    members: dict[str, Any] = {
        "PolicyInputList": [document("sqs:SendMessage", QUEUE)],
        "ActionNames": ["sqs:SendMessage", "sqs:ReceiveMessage"],
        "ResourceArns": [QUEUE, f"{QUEUE}2"],
    }
    first = await client("SimulateCustomPolicy", MaxItems=3, **members)
    rest = await client("SimulateCustomPolicy", Marker=first["Marker"], **members)
    told = [
        (result["EvalActionName"], result["EvalResourceName"], result["EvalDecision"])
        for result in first["EvaluationResults"] + rest["EvaluationResults"]
    ]
    assert told == [
        ("sqs:SendMessage", QUEUE, "allowed"),
        ("sqs:SendMessage", f"{QUEUE}2", "implicitDeny"),
        ("sqs:ReceiveMessage", QUEUE, "implicitDeny"),
        ("sqs:ReceiveMessage", f"{QUEUE}2", "implicitDeny"),
    ]


async def test_context_decides_and_what_is_missing_is_told(client: IamClient) -> None:
    policy = document(
        "sqs:*",
        Condition={
            "IpAddress": {"aws:SourceIp": "10.0.0.0/8"},
            "ForAnyValue:StringEquals": {"aws:TagKeys": ["a"]},
        },
    )
    (result,) = await custom(client, policy)
    assert result["EvalDecision"] == "implicitDeny"
    assert result["MissingContextValues"] == ["aws:SourceIp", "aws:TagKeys"]
    given = [entry("aws:SourceIp", "10.1.2.3", kind="ip"), entry("aws:tagkeys", "a", "b", kind="stringList")]
    (result,) = await custom(client, policy, ContextEntries=given)
    assert (result["EvalDecision"], result["MissingContextValues"]) == ("allowed", [])


async def test_a_boundary_limits(client: IamClient) -> None:
    (result,) = await custom(
        client, document("*"), PermissionsBoundaryPolicyInputList=[document("sqs:SendMessage")]
    )
    assert result["EvalDecision"] == "allowed"
    assert result["PermissionsBoundaryDecisionDetail"] == {"AllowedByPermissionsBoundary": True}
    (result,) = await custom(client, document("*"), PermissionsBoundaryPolicyInputList=[document("logs:*")])
    assert result["EvalDecision"] == "implicitDeny"
    assert result["PermissionsBoundaryDecisionDetail"] == {"AllowedByPermissionsBoundary": False}


async def test_a_resources_policy_counts(client: IamClient) -> None:
    statement = {"Effect": "Allow", "Principal": {"AWS": USER}, "Action": "sqs:*", "Resource": QUEUE}
    policy = json.dumps({"Version": "2012-10-17", "Statement": statement})
    (result,) = await custom(client, document("logs:*"), ResourcePolicy=policy, CallerArn=USER)
    assert result["EvalDecision"] == "allowed"
    (matched,) = result["MatchedStatements"]
    assert (matched["SourcePolicyId"], matched["SourcePolicyType"]) == ("ResourcePolicy", "Resource Policy")
    other = f"{USER}2"
    assert (
        await decision(client, document("logs:*"), ResourcePolicy=policy, CallerArn=other) == "implicitDeny"
    )
    asked = custom(client, document(), ResourcePolicy=policy)
    assert (await refused(asked))[0] == "InvalidInput"


@pytest.mark.parametrize(
    "members",
    [
        {"ActionNames": ["SendMessage"]},
        {"PermissionsBoundaryPolicyInputList": [document(), document()]},
        {"CallerArn": f"arn:aws:iam::{ACCOUNT}:role/R"},
        {"ResourcePolicy": "{", "CallerArn": USER},
        {"ContextEntries": [{"ContextKeyName": "aws:SourceIp"}]},
        {"ActionNames": ["sqs:A"] * 101, "ResourceArns": [QUEUE] * 100},
    ],
)
async def test_what_cannot_be_simulated_is_invalid(client: IamClient, members: dict[str, Any]) -> None:
    assert (await refused(custom(client, document(), **members)))[::2] == ("InvalidInput", 400)
    assert (await refused(custom(client, "{")))[::3] == ("InvalidInput", "Syntax errors in policy.")


async def test_an_identitys_own_policies_are_simulated(client: IamClient) -> None:
    await client.user()
    await client("CreateGroup", GroupName="G")
    await client("AddUserToGroup", GroupName="G", UserName="U")
    await client("PutGroupPolicy", GroupName="G", PolicyName="P", PolicyDocument=document("sqs:SendMessage"))
    await client("PutUserPolicy", UserName="U", PolicyName="P", PolicyDocument=document("sqs:GetQueueUrl"))
    await client("AttachUserPolicy", UserName="U", PolicyArn=BASIC)
    answer = await client(
        "SimulatePrincipalPolicy",
        PolicySourceArn=USER,
        ActionNames=["sqs:SendMessage", "sqs:GetQueueUrl", "logs:PutLogEvents", "sqs:ReceiveMessage"],
        PolicyInputList=[document("sqs:ReceiveMessage")],
    )
    told = [
        (result["EvalDecision"], [matched["SourcePolicyId"] for matched in result["MatchedStatements"]])
        for result in answer["EvaluationResults"]
    ]
    assert told == [
        ("allowed", ["group_G_P"]),
        ("allowed", ["user_U_P"]),
        ("allowed", ["AWSLambdaBasicExecutionRole"]),
        ("allowed", ["PolicyInputList.1"]),
    ]
    await client("PutUserPermissionsBoundary", UserName="U", PermissionsBoundary=BASIC)
    answer = await client(
        "SimulatePrincipalPolicy", PolicySourceArn=USER, ActionNames=["sqs:SendMessage", "logs:PutLogEvents"]
    )
    assert [result["EvalDecision"] for result in answer["EvaluationResults"]] == ["implicitDeny", "allowed"]


async def test_whose_policies_must_be_there(client: IamClient) -> None:
    asked = client("SimulatePrincipalPolicy", PolicySourceArn=USER, ActionNames=["sqs:A"])
    assert (await refused(asked))[::3] == ("NoSuchEntity", "The user with name U cannot be found.")
    for arn in (f"arn:aws:iam::{ACCOUNT}:policy/P", "arn:aws:iam::222222222222:user/U", "x" * 20):
        asked = client("SimulatePrincipalPolicy", PolicySourceArn=arn, ActionNames=["sqs:A"])
        assert (await refused(asked))[0] == "InvalidInput"


async def test_the_keys_that_policies_look_at(client: IamClient) -> None:
    first = document("sqs:*", "arn:aws:sqs:*:*:${aws:username}-${aws:PrincipalTag/team, 'none'}")
    second = document("sqs:*", Condition={"StringLike": {"aws:SourceArn": "arn:aws:*:*:${aws:userid}:*"}})
    keys = ["aws:PrincipalTag/team", "aws:SourceArn", "aws:userid", "aws:username"]
    answer = await client("GetContextKeysForCustomPolicy", PolicyInputList=[first, second])
    assert answer == {"ContextKeyNames": keys}
    await client.user()
    await client("PutUserPolicy", UserName="U", PolicyName="P", PolicyDocument=first)
    answer = await client("GetContextKeysForPrincipalPolicy", PolicySourceArn=USER, PolicyInputList=[second])
    assert answer == {"ContextKeyNames": keys}
    answer = await client("GetContextKeysForPrincipalPolicy", PolicySourceArn=USER)
    assert answer == {"ContextKeyNames": ["aws:PrincipalTag/team", "aws:username"]}
