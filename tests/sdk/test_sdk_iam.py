"""IAM and STS as boto3 sees them."""

from __future__ import annotations

import json

from tests.support.aws import (
    ACCOUNT,
    ACCOUNT_TRUST,
    BASIC_EXECUTION,
    LAMBDA_TRUST,
    QUEUE_EXECUTION,
    Aws,
    allow,
    refused,
    unique,
)
from tests.support.server import Keys, ServerProcess

QUEUE_ARN = f"arn:aws:sqs:us-east-1:{ACCOUNT}:activity25"


def test_a_policy_is_created_read_listed_and_deleted(aws: Aws) -> None:
    name = unique("policy")
    policy = aws.iam.create_policy(PolicyName=name, PolicyDocument=allow("sqs:*", QUEUE_ARN))["Policy"]
    assert policy["Arn"] == f"arn:aws:iam::{ACCOUNT}:policy/{name}"
    assert policy["DefaultVersionId"] == "v1"
    assert policy["AttachmentCount"] == 0
    assert aws.iam.get_policy(PolicyArn=policy["Arn"])["Policy"]["PolicyName"] == name
    pages = aws.iam.get_paginator("list_policies").paginate(Scope="Local", PaginationConfig={"PageSize": 1})
    assert name in [listed["PolicyName"] for page in pages for listed in page["Policies"]]
    aws.iam.delete_policy(PolicyArn=policy["Arn"])
    with refused(404, "NoSuchEntity", f"Policy {policy['Arn']} was not found."):
        aws.iam.get_policy(PolicyArn=policy["Arn"])


def test_a_role_lives_with_its_policies(aws: Aws) -> None:
    name = unique("role")
    role = aws.iam.create_role(RoleName=name, AssumeRolePolicyDocument=LAMBDA_TRUST)["Role"]
    assert role["Arn"] == f"arn:aws:iam::{ACCOUNT}:role/{name}"
    assert role["RoleId"].startswith("AROA")
    got = aws.iam.get_role(RoleName=name)["Role"]
    assert got["AssumeRolePolicyDocument"] == json.loads(LAMBDA_TRUST)
    assert got["MaxSessionDuration"] == 3600
    pages = aws.iam.get_paginator("list_roles").paginate(PaginationConfig={"PageSize": 1})
    assert name in [listed["RoleName"] for page in pages for listed in page["Roles"]]

    policy_name = unique("policy")
    policy = aws.iam.create_policy(PolicyName=policy_name, PolicyDocument=allow("sqs:*", QUEUE_ARN))["Policy"]
    aws.iam.attach_role_policy(RoleName=name, PolicyArn=policy["Arn"])
    aws.iam.attach_role_policy(RoleName=name, PolicyArn=BASIC_EXECUTION)
    attached = aws.iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"]
    assert sorted(entry["PolicyName"] for entry in attached) == sorted(
        ["AWSLambdaBasicExecutionRole", policy_name]
    )
    assert aws.iam.get_policy(PolicyArn=policy["Arn"])["Policy"]["AttachmentCount"] == 1
    with refused(409, "DeleteConflict", "Cannot delete a policy attached to entities."):
        aws.iam.delete_policy(PolicyArn=policy["Arn"])
    with refused(409, "DeleteConflict", "Cannot delete entity, must detach all policies first."):
        aws.iam.delete_role(RoleName=name)

    aws.iam.detach_role_policy(RoleName=name, PolicyArn=policy["Arn"])
    aws.iam.detach_role_policy(RoleName=name, PolicyArn=BASIC_EXECUTION)
    aws.iam.put_role_policy(RoleName=name, PolicyName="inline", PolicyDocument=allow("s3:*", "*"))
    with refused(409, "DeleteConflict", "Cannot delete entity, must delete policies first."):
        aws.iam.delete_role(RoleName=name)
    aws.iam.delete_role_policy(RoleName=name, PolicyName="inline")
    aws.iam.delete_role(RoleName=name)
    with refused(404, "NoSuchEntity", f"The role with name {name} cannot be found."):
        aws.iam.get_role(RoleName=name)


def test_policy_documents_are_read_back(aws: Aws) -> None:
    document = json.loads(allow("sqs:*", QUEUE_ARN))
    policy = aws.iam.create_policy(PolicyName=unique("policy"), PolicyDocument=json.dumps(document))
    arn = policy["Policy"]["Arn"]
    [version] = aws.iam.list_policy_versions(PolicyArn=arn)["Versions"]
    assert (version["VersionId"], version["IsDefaultVersion"]) == ("v1", True)
    got = aws.iam.get_policy_version(PolicyArn=arn, VersionId="v1")["PolicyVersion"]
    assert got["Document"] == document

    role = aws.role(inline=json.dumps(document)).rpartition("/")[2]
    assert aws.iam.list_role_policies(RoleName=role)["PolicyNames"] == ["inline"]
    inline = aws.iam.get_role_policy(RoleName=role, PolicyName="inline")
    assert inline["PolicyDocument"] == document
    aws.iam.update_assume_role_policy(RoleName=role, PolicyDocument=ACCOUNT_TRUST)
    trusted = aws.iam.get_role(RoleName=role)["Role"]["AssumeRolePolicyDocument"]
    assert trusted == json.loads(ACCOUNT_TRUST)


def test_the_managed_policies_are_the_real_ones(aws: Aws) -> None:
    basic = aws.iam.get_policy(PolicyArn=BASIC_EXECUTION)["Policy"]
    assert (basic["PolicyName"], basic["Path"]) == ("AWSLambdaBasicExecutionRole", "/service-role/")
    queue = aws.iam.get_policy(PolicyArn=QUEUE_EXECUTION)["Policy"]
    version = aws.iam.get_policy_version(PolicyArn=QUEUE_EXECUTION, VersionId=queue["DefaultVersionId"])
    [statement] = version["PolicyVersion"]["Document"]["Statement"]
    assert (statement["Effect"], statement["Resource"]) == ("Allow", "*")
    assert sorted(statement["Action"]) == [
        "logs:CreateLogGroup",
        "logs:CreateLogStream",
        "logs:PutLogEvents",
        "sqs:DeleteMessage",
        "sqs:GetQueueAttributes",
        "sqs:ReceiveMessage",
    ]
    pages = aws.iam.get_paginator("list_policies").paginate(Scope="AWS")
    listed = {policy["Arn"] for page in pages for policy in page["Policies"]}
    assert {BASIC_EXECUTION, QUEUE_EXECUTION} <= listed


def test_what_does_not_exist_is_named(aws: Aws) -> None:
    with refused(404, "NoSuchEntity", "The role with name nobody cannot be found."):
        aws.iam.attach_role_policy(RoleName="nobody", PolicyArn=BASIC_EXECUTION)
    role = aws.role().rpartition("/")[2]
    missing = f"arn:aws:iam::{ACCOUNT}:policy/missing"
    with refused(404, "NoSuchEntity", f"Policy {missing} does not exist or is not attachable."):
        aws.iam.attach_role_policy(RoleName=role, PolicyArn=missing)
    with refused(409, "EntityAlreadyExists", f"Role with name {role} already exists."):
        aws.iam.create_role(RoleName=role, AssumeRolePolicyDocument=LAMBDA_TRUST)


def test_a_malformed_policy_is_refused(aws: Aws) -> None:
    for document, text in (
        ("{", "Syntax errors in policy."),
        (json.dumps({"Version": "2012-10-17"}), "Syntax errors in policy."),
        (
            json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sqs:*"}]}),
            "Policy statement must contain resources.",
        ),
        (allow("sqs:*", "activity25"), 'Resource activity25 must be in ARN format or "*".'),
    ):
        with refused(400, "MalformedPolicyDocument", text):
            aws.iam.create_policy(PolicyName=unique("bad"), PolicyDocument=document)


def test_the_caller_is_who_signed(aws: Aws) -> None:
    identity = aws.sts.get_caller_identity()
    assert identity["Account"] == ACCOUNT
    assert identity["UserId"] == ACCOUNT
    assert identity["Arn"] == f"arn:aws:iam::{ACCOUNT}:root"


def test_an_assumed_role_does_what_its_policy_allows_and_nothing_else(
    aws: Aws, server: ServerProcess
) -> None:
    url, arn = aws.queue()
    caller = aws.role(trusting=ACCOUNT_TRUST, assume=allow("sts:AssumeRole", "*"))
    sender = aws.role(trusting=ACCOUNT_TRUST, send=allow("sqs:SendMessage", arn))
    sts = server.client("sts", aws.assume(caller, "first"))
    assert sts.get_caller_identity()["Arn"] == session_arn(caller, "first")

    answer = sts.assume_role(RoleArn=sender, RoleSessionName="second", DurationSeconds=900)
    assert answer["AssumedRoleUser"]["Arn"] == session_arn(sender, "second")
    session = answer["Credentials"]
    keys = Keys(session["AccessKeyId"], session["SecretAccessKey"], session["SessionToken"])
    server.client("sqs", keys).send_message(QueueUrl=url, MessageBody="allowed")
    with refused(
        403,
        "AccessDenied",
        f"User: {session_arn(sender, 'second')} is not authorized to perform: sqs:receivemessage "
        f"on resource: {arn} because no identity-based policy allows the sqs:receivemessage action",
    ):
        server.client("sqs", keys).receive_message(QueueUrl=url)
    with refused(
        403,
        "AccessDenied",
        f"User: {session_arn(sender, 'second')} is not authorized to perform: iam:GetRole "
        f"on resource: role {caller.rpartition('/')[2]} "
        "because no identity-based policy allows the iam:GetRole action",
    ):
        server.client("iam", keys).get_role(RoleName=caller.rpartition("/")[2])


def test_an_explicit_deny_wins(aws: Aws, server: ServerProcess) -> None:
    url, arn = aws.queue()
    document = json.dumps(
        {
            "Version": "2012-10-17",
            "Statement": [
                {"Effect": "Allow", "Action": "sqs:*", "Resource": "*"},
                {"Effect": "Deny", "NotAction": "sqs:Get*", "Resource": arn},
            ],
        }
    )
    role = aws.role(trusting=ACCOUNT_TRUST, mixed=document)
    sqs = server.client("sqs", aws.assume(role, "session"))
    sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])
    with refused(
        403,
        "AccessDenied",
        f"User: {session_arn(role, 'session')} is not authorized to perform: sqs:sendmessage "
        f"on resource: {arn} with an explicit deny in an identity-based policy",
    ):
        sqs.send_message(QueueUrl=url, MessageBody="denied")


def test_a_role_that_does_not_trust_the_caller_cannot_be_assumed(aws: Aws, server: ServerProcess) -> None:
    role = aws.role(trusting=LAMBDA_TRUST)
    caller = aws.role(trusting=ACCOUNT_TRUST, assume=allow("sts:AssumeRole", "*"))
    with refused(
        403,
        "AccessDenied",
        f"User: {session_arn(caller, 'session')} is not authorized to perform: sts:AssumeRole "
        f"on resource: {role}",
    ):
        server.client("sts", aws.assume(caller, "session")).assume_role(
            RoleArn=role, RoleSessionName="target"
        )


def session_arn(role: str, session: str) -> str:
    return f"arn:aws:sts::{ACCOUNT}:assumed-role/{role.rpartition('/')[2]}/{session}"
