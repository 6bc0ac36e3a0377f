"""`noria explain` and `noria suggest-policy`, against a real server."""

from __future__ import annotations

import json
import uuid

import pytest
from botocore.exceptions import ClientError
from tests.support.aws import ACCOUNT, ACCOUNT_TRUST, BASIC_EXECUTION, Aws, allow, eventually, unique
from tests.support.server import ServerProcess
from tests.support.shell import Shell

FORWARDER = """
import boto3
def handler(event, context):
    boto3.client("sqs").send_message(QueueUrl=event, MessageBody="hello")
"""


def test_a_denial_explains_itself(server: ServerProcess, aws: Aws, shell: Shell) -> None:
    url, arn = aws.queue()
    role = aws.role(trusting=ACCOUNT_TRUST, Reads=allow(["sqs:ReceiveMessage", "sqs:Get*"], arn))
    sqs = server.client("sqs", aws.assume(role, "me"))
    with pytest.raises(ClientError) as refused:
        sqs.send_message(QueueUrl=url, MessageBody="m")
    request_id = refused.value.response["ResponseMetadata"]["RequestId"]
    text = shell.output(f"noria explain {request_id}")
    name = role.rpartition("/")[2]
    assert text.splitlines()[:3] == [
        f"arn:aws:sts::{ACCOUNT}:assumed-role/{name}/me",
        f"  may not sqs:SendMessage on {arn}",
        "  because no identity-based policy allows the sqs:SendMessage action",
    ]
    assert "  identity-based, Reads, #1: Allow does not apply\n" in text
    assert "    Action sqs:ReceiveMessage, sqs:Get* does not cover sqs:SendMessage\n" in text
    assert f"  aws:principalarn = {role}\n" in text
    assert json.loads(shell.output(f"noria explain --json {request_id}"))["request_id"] == request_id
    assert request_id in shell.output("noria explain")


def test_an_allowed_request_explains_itself_too(server: ServerProcess, aws: Aws, shell: Shell) -> None:
    url, arn = aws.queue()
    role = aws.role(trusting=ACCOUNT_TRUST, Sends=allow("sqs:Send*", arn))
    sqs = server.client("sqs", aws.assume(role, "me"))
    for _ in range(3):  # the first is decided, the others are known to be allowed
        sent = sqs.send_message(QueueUrl=url, MessageBody="m")
        text = shell.output(f"noria explain {sent['ResponseMetadata']['RequestId']}")
        assert f"  may sqs:SendMessage on {arn}\n  because of identity-based, Sends, #1\n" in text
        assert "  identity-based, Sends, #1: Allow applies\n" in text


def test_assuming_a_role_that_does_not_trust_is_explained_too(
    server: ServerProcess, aws: Aws, shell: Shell
) -> None:
    own, other = aws.role(trusting=ACCOUNT_TRUST), aws.role()
    sts = server.client("sts", aws.assume(own, "me"))
    with pytest.raises(ClientError) as refused:
        sts.assume_role(RoleArn=other, RoleSessionName="me")
    text = shell.output(f"noria explain {refused.value.response['ResponseMetadata']['RequestId']}")
    assert f"  role trust, {other}, #1: Allow does not apply\n" in text


def test_an_unknown_request_has_nothing_to_explain(shell: Shell) -> None:
    request_id = uuid.uuid4()
    done = shell.run(f"noria explain {request_id}")
    assert done.returncode == 1
    assert f"No policy decided on the request {request_id}, or that was too long ago." in done.stderr


def test_a_typo_in_a_policy_is_said_when_it_is_made_and_in_the_status(
    server: ServerProcess, aws: Aws, shell: Shell
) -> None:
    name = unique("typo")
    aws.iam.create_policy(PolicyName=name, PolicyDocument=allow("sqs:SendMesage", "*"))
    found = f"policy {name}: Action sqs:SendMesage: there is no such action of sqs, but sqs:SendMessage"
    eventually(lambda: found in server.output(), "the warning on the console")
    assert f"  {found}" in shell.output("noria status").splitlines()


def test_the_suggested_policy_is_what_a_function_called_and_is_enough(aws: Aws, shell: Shell) -> None:
    url, arn = aws.queue()
    role = aws.role(BASIC_EXECUTION, Everything=allow("sqs:*", "*"))
    name = role.rpartition("/")[2]
    function = aws.function(FORWARDER, role)
    answer, _ = aws.invoke(function, url)
    assert "FunctionError" not in answer
    aws.log_of(function, 1)
    group = f"arn:aws:logs:us-east-1:{ACCOUNT}:log-group:/aws/lambda/{function}:*"
    suggested = shell.output(f"noria suggest-policy --role {name}")
    assert json.loads(suggested) == {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Action": ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"],
                "Resource": group,
            },
            {"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": arn},
        ],
    }
    aws.iam.put_role_policy(RoleName=name, PolicyName="Everything", PolicyDocument=suggested)
    aws.iam.detach_role_policy(RoleName=name, PolicyArn=BASIC_EXECUTION)
    answer, _ = aws.invoke(function, url)
    assert "FunctionError" not in answer
    aws.log_of(function, 2)


def test_what_was_denied_is_left_out_and_said(server: ServerProcess, aws: Aws, shell: Shell) -> None:
    url, arn = aws.queue()
    role = aws.role(trusting=ACCOUNT_TRUST)
    with pytest.raises(ClientError):
        server.client("sqs", aws.assume(role, "me")).send_message(QueueUrl=url, MessageBody="m")
    name = role.rpartition("/")[2]
    done = shell.run(f"noria suggest-policy --role {name}")
    assert done.returncode == 1
    assert done.stderr == (
        f"left out, since it was denied: sqs:SendMessage on {arn}\n"
        f"Error: no call of role/{name} is known that was allowed\n"
    )


def test_suggest_policy_wants_one_identity(shell: Shell) -> None:
    assert shell.run("noria suggest-policy").returncode == 2
    assert shell.run("noria suggest-policy --role a --user b").returncode == 2


def test_what_was_called_is_known_after_a_start(tmp_path_factory: pytest.TempPathFactory) -> None:
    home = tmp_path_factory.mktemp("calls")
    shell = Shell(home, home / "data")
    with ServerProcess(home / "data") as server:
        aws = Aws(server.client)
        role = aws.role(trusting=ACCOUNT_TRUST, P=allow("sqs:*", "*"))
        server.client("sqs", aws.assume(role, "me")).list_queues()
    with ServerProcess(home / "data"):
        suggested = eventually(
            lambda: shell.output(f"noria suggest-policy --role {role.rpartition('/')[2]}"), "a suggestion"
        )
    assert json.loads(suggested)["Statement"] == [
        {"Effect": "Allow", "Action": "sqs:ListQueues", "Resource": "*"}
    ]
