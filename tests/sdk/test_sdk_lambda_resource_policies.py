"""A function's policy as a whole, as boto3 puts it, and as the evaluator reads it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError
from tests.support.aws import ACCOUNT, ACCOUNT_TRUST, BASIC_EXECUTION, Aws, refused, unique
from tests.support.server import ServerProcess


def test_a_policy_lets_a_role_invoke_until_it_is_deleted(server: ServerProcess, aws: Aws) -> None:
    name = aws.function("def handler(event, context):\n    return 'done'\n", aws.role(BASIC_EXECUTION))
    arn = f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:{name}"
    role = aws.role(trusting=ACCOUNT_TRUST)
    client = server.client("lambda", aws.assume(role, unique("session")))
    policy: dict[str, Any] = {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"AWS": role},
                "Action": "lambda:InvokeFunction",
                "Resource": arn,
            }
        ],
    }
    put = aws.functions.put_resource_policy(ResourceArn=arn, Policy=json.dumps(policy))
    found = aws.functions.get_resource_policy(ResourceArn=arn)
    assert (json.loads(found["Policy"]), found["RevisionId"]) == (policy, put["RevisionId"])
    assert client.invoke(FunctionName=name)["Payload"].read() == b'"done"'
    aws.functions.delete_resource_policy(ResourceArn=arn, RevisionId=put["RevisionId"])
    with pytest.raises(ClientError, match=r"AccessDeniedException.*not authorized to perform: lambda:Invoke"):
        client.invoke(FunctionName=name)
    with refused(404, "ResourceNotFoundException", "The resource you requested does not exist."):
        aws.functions.get_resource_policy(ResourceArn=arn)
