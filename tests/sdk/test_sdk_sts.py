"""STS as boto3 and the wire see it: sessions of every kind, and what they cannot do."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.support.aws import ACCOUNT, ACCOUNT_TRUST, Aws, allow, refused, unique
from tests.support.server import Keys, ServerProcess

INVALID = (403, "InvalidClientTokenId", "The security token included in the request is invalid.")


def keys_of(answer: dict[str, Any]) -> Keys:
    keys = answer["Credentials"]
    return Keys(keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"])


def user(aws: Aws, *actions: str) -> tuple[str, Keys]:
    name = unique("user")
    arn: str = aws.iam.create_user(UserName=name)["User"]["Arn"]
    aws.iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=allow(list(actions), "*"))
    key = aws.iam.create_access_key(UserName=name)["AccessKey"]
    return arn, Keys(key["AccessKeyId"], key["SecretAccessKey"])


def test_a_users_session_is_the_user_but_not_for_iam(aws: Aws, server: ServerProcess) -> None:
    arn, keys = user(aws, "sqs:*", "iam:*", "sts:*")
    url, _ = aws.queue()
    session = keys_of(server.client("sts", keys).get_session_token(DurationSeconds=900))
    assert server.client("sts", session).get_caller_identity()["Arn"] == arn
    server.client("sqs", session).send_message(QueueUrl=url, MessageBody="x")
    server.client("iam", keys).get_user()
    with refused(*INVALID):
        server.client("iam", session).get_user()
    with refused(403, "AccessDenied", "Cannot call GetSessionToken with session credentials"):
        server.client("sts", session).get_session_token()
    with refused(403, "AccessDenied", "Cannot call GetFederationToken with session credentials"):
        server.client("sts", session).get_federation_token(Name="bob")


def test_a_federated_user_does_what_both_policies_allow(aws: Aws, server: ServerProcess) -> None:
    _, keys = user(aws, "sts:GetFederationToken", "sqs:*")
    url, arn = aws.queue()
    answer = server.client("sts", keys).get_federation_token(Name="bob", Policy=allow("sqs:SendMessage", arn))
    bob = f"arn:aws:sts::{ACCOUNT}:federated-user/bob"
    assert answer["FederatedUser"] == {"FederatedUserId": f"{ACCOUNT}:bob", "Arn": bob}
    session = keys_of(answer)
    assert server.client("sts", session).get_caller_identity()["Arn"] == bob
    sqs = server.client("sqs", session)
    sqs.send_message(QueueUrl=url, MessageBody="x")
    with refused(
        403,
        "AccessDenied",
        f"User: {bob} is not authorized to perform: sqs:receivemessage on resource: {arn} because no session"
        " policy allows the sqs:receivemessage action",
    ):
        sqs.receive_message(QueueUrl=url)
    with refused(*INVALID):
        server.client("iam", session).list_roles()


def test_a_tagged_session(aws: Aws, server: ServerProcess) -> None:
    trust = json.loads(ACCOUNT_TRUST)
    trust["Statement"][0]["Action"] = ["sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"]
    statement = {
        "Effect": "Allow",
        "Action": "sqs:*",
        "Resource": "arn:aws:sqs:*:*:${aws:PrincipalTag/queue}",
    }
    own = json.dumps({"Version": "2012-10-17", "Statement": statement})
    role = aws.role(trusting=json.dumps(trust), own=own)
    url, arn = aws.queue()
    answer = aws.sts.assume_role(
        RoleArn=role,
        RoleSessionName="session",
        Tags=[{"Key": "queue", "Value": arn.rpartition(":")[2]}],
        TransitiveTagKeys=["queue"],
        SourceIdentity="alice",
    )
    assert answer["SourceIdentity"] == "alice"
    assert 0 < answer["PackedPolicySize"] <= 100
    session = server.client("sqs", keys_of(answer))
    session.send_message(QueueUrl=url, MessageBody="x")
    other, _ = aws.queue()
    with pytest.raises(session.exceptions.ClientError, match="is not authorized"):
        session.send_message(QueueUrl=other, MessageBody="x")


def test_what_can_be_told_of_a_key_and_of_a_message(aws: Aws, server: ServerProcess) -> None:
    _, keys = user(aws, "sqs:*")
    assert aws.sts.get_access_key_info(AccessKeyId=keys.access_key_id)["Account"] == ACCOUNT
    with refused(400, "InvalidAuthorizationMessageException", "Message is not valid"):
        aws.sts.decode_authorization_message(EncodedMessage="x" * 50)


def test_a_roles_session_ends_with_the_role(aws: Aws, server: ServerProcess) -> None:
    """Whatever a queue's policy says: by the known session (SQS) and by one that is looked up (STS)."""
    url, arn = aws.queue()
    everyone = {"Effect": "Allow", "Principal": "*", "Action": "sqs:*", "Resource": arn}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [everyone]})
    aws.sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
    role = aws.role(trusting=ACCOUNT_TRUST)
    keys = aws.assume(role, "orphan")
    sqs, sts = server.client("sqs", keys), server.client("sts", keys)
    sqs.send_message(QueueUrl=url, MessageBody="x")
    sqs.send_message(QueueUrl=url, MessageBody="x")
    aws.iam.delete_role(RoleName=role.rpartition("/")[2])
    with refused(403, "InvalidClientTokenId", INVALID[2]):
        sqs.send_message(QueueUrl=url, MessageBody="x")
    with refused(*INVALID):
        sts.get_caller_identity()
