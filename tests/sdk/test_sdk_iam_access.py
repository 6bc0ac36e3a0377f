"""Simulation and last access, as boto3 sees them: what is simulated is what is decided."""

from __future__ import annotations

import json

import pytest
from tests.support.aws import ACCOUNT, Aws, allow, unique
from tests.support.server import Keys, ServerProcess


def test_a_simulation_says_what_the_request_will_be_told(aws: Aws, server: ServerProcess) -> None:
    iam, name = aws.iam, unique("user")
    url, arn = aws.queue()
    user = iam.create_user(UserName=name)["User"]["Arn"]
    iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=allow("sqs:SendMessage", arn))
    pages = iam.get_paginator("simulate_principal_policy").paginate(
        PolicySourceArn=user,
        ActionNames=["sqs:SendMessage", "sqs:ReceiveMessage"],
        ResourceArns=[arn],
        PaginationConfig={"PageSize": 1},
    )
    told = {
        result["EvalActionName"]: result["EvalDecision"]
        for page in pages
        for result in page["EvaluationResults"]
    }
    assert told == {"sqs:SendMessage": "allowed", "sqs:ReceiveMessage": "implicitDeny"}
    key = iam.create_access_key(UserName=name)["AccessKey"]
    sqs = server.client("sqs", Keys(key["AccessKeyId"], key["SecretAccessKey"]))
    sqs.send_message(QueueUrl=url, MessageBody="x")
    with pytest.raises(sqs.exceptions.ClientError, match="is not authorized"):
        sqs.receive_message(QueueUrl=url)

    job = iam.generate_service_last_accessed_details(Arn=user)["JobId"]
    (used,) = iam.get_service_last_accessed_details(JobId=job)["ServicesLastAccessed"]
    assert (used["ServiceNamespace"], used["LastAuthenticatedEntity"]) == ("sqs", user)
    job = iam.generate_service_last_accessed_details(Arn=user, Granularity="SERVICE_LEVEL")["JobId"]
    named = {"JobId": job, "ServiceNamespace": "sqs"}
    (entity,) = iam.get_service_last_accessed_details_with_entities(**named)["EntityDetailsList"]
    assert (entity["EntityInfo"]["Name"], entity["EntityInfo"]["Type"]) == (name, "USER")
    granting = iam.list_policies_granting_service_access(Arn=user, ServiceNamespaces=["sqs"])
    (policy,) = granting["PoliciesGrantingServiceAccess"][0]["Policies"]
    assert (policy["PolicyName"], policy["PolicyType"], policy["EntityName"]) == ("p", "INLINE", name)


def test_policies_can_be_tried_before_they_are_made(aws: Aws) -> None:
    statement = {
        "Effect": "Allow",
        "Action": "iam:GetUser",
        "Resource": f"arn:aws:iam::{ACCOUNT}:user/${{aws:username}}",
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": statement})
    keys = aws.iam.get_context_keys_for_custom_policy(PolicyInputList=[policy])["ContextKeyNames"]
    assert keys == ["aws:username"]
    role = aws.role(own=policy)
    keys = aws.iam.get_context_keys_for_principal_policy(PolicySourceArn=role)["ContextKeyNames"]
    assert keys == ["aws:username"]
    decisions = [
        aws.iam.simulate_custom_policy(
            PolicyInputList=[policy],
            ActionNames=["iam:GetUser"],
            ResourceArns=[f"arn:aws:iam::{ACCOUNT}:user/alice"],
            ContextEntries=[
                {"ContextKeyName": "aws:username", "ContextKeyValues": [name], "ContextKeyType": "string"}
            ],
        )["EvaluationResults"][0]["EvalDecision"]
        for name in ("alice", "bob")
    ]
    assert decisions == ["allowed", "implicitDeny"]
