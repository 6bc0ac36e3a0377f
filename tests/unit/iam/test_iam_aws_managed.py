"""AWS's own policies: real documents, versions and dates."""

from __future__ import annotations

import json

import pytest

from noria.policy.document import stored_policy
from noria.services.iam.aws_managed import aws_managed

PREFIX = "arn:aws:iam::aws:policy"

POLICIES: list[tuple[str, str, str, int]] = [
    ("service-role/AWSLambdaBasicExecutionRole", "ANPAJNCQGXC42545SKXIK", "v1", 1428591823),
    ("service-role/AWSLambdaSQSQueueExecutionRole", "ANPAJFWJZI6JNND4TSELK", "v1", 1529013045),
    ("AdministratorAccess", "ANPAIWMBCKSKIEE64ZLYK", "v1", 1423247986),
    ("AmazonSQSFullAccess", "ANPAI65L554VRJ33ECQS6", "v1", 1423248067),
    ("IAMFullAccess", "ANPAI7XKCFMBPM3QQRRVQ", "v2", 1423248038),
]


@pytest.mark.parametrize(("name", "policy_id", "version_id", "created_s"), POLICIES)
def test_known_policies_have_awss_ids_versions_and_dates(
    name: str, policy_id: str, version_id: str, created_s: int
) -> None:
    policy = aws_managed()[f"{PREFIX}/{name}"]
    assert (policy.policy_id, policy.version_id, policy.created_s) == (policy_id, version_id, created_s)


def test_the_whole_lambda_family_is_there() -> None:
    names = {policy.name for policy in aws_managed().values()}
    assert names >= {
        "AWSLambdaBasicExecutionRole",
        "AWSLambdaDynamoDBExecutionRole",
        "AWSLambdaENIManagementAccess",
        "AWSLambdaKinesisExecutionRole",
        "AWSLambdaMSKExecutionRole",
        "AWSLambdaRole",
        "AWSLambdaSQSQueueExecutionRole",
        "AWSLambdaVPCAccessExecutionRole",
        "AWSLambda_FullAccess",
        "AWSLambda_ReadOnlyAccess",
        "AmazonSQSReadOnlyAccess",
        "CloudWatchLogsFullAccess",
        "IAMReadOnlyAccess",
    }
    assert len(names) > 1500


def test_the_exercises_policy_is_awss_word_for_word() -> None:
    policy = aws_managed()[f"{PREFIX}/service-role/AWSLambdaBasicExecutionRole"]
    assert json.loads(policy.document) == {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Action": ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"],
                "Resource": "*",
            }
        ],
    }
    assert policy.description == "Provides write permissions to CloudWatch Logs."


def test_every_one_can_be_evaluated_and_no_two_share_an_id() -> None:
    for policy in aws_managed().values():
        assert stored_policy(policy.document).statements
    assert len({policy.policy_id for policy in aws_managed().values()}) == len(aws_managed())
