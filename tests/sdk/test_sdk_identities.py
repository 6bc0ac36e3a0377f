"""Users and what they may do, as boto3 sees it: real keys, real signatures, policies that decide."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.support.aws import ACCOUNT, ACCOUNT_TRUST, BASIC_EXECUTION, Aws, allow, refused, unique
from tests.support.server import Keys, ServerProcess

INVALID = (403, "InvalidClientTokenId", "The security token included in the request is invalid.")


class User:
    """A user with a key of its own."""

    def __init__(self, aws: Aws, server: ServerProcess, **inline: str) -> None:
        self.iam = aws.iam
        self.name = unique("user")
        self.arn: str = aws.iam.create_user(UserName=self.name)["User"]["Arn"]
        for policy, document in inline.items():
            self.iam.put_user_policy(UserName=self.name, PolicyName=policy, PolicyDocument=document)
        self._server = server
        self.key_id, self.secret = self.new_key()

    def new_key(self) -> tuple[str, str]:
        key = self.iam.create_access_key(UserName=self.name)["AccessKey"]
        return key["AccessKeyId"], key["SecretAccessKey"]

    def client(self, service: str) -> Any:
        return self._server.client(service, Keys(self.key_id, self.secret))


def denied(user: User, action: str, resource: str) -> tuple[int, str, str]:
    text = f"User: {user.arn} is not authorized to perform: {action} on resource: {resource}"
    return 403, "AccessDenied", f"{text} because no identity-based policy allows the {action} action"


def test_a_users_key_proves_the_user(aws: Aws, server: ServerProcess) -> None:
    user = User(aws, server)
    identity = user.client("sts").get_caller_identity()
    assert identity["Arn"] == user.arn == f"arn:aws:iam::{ACCOUNT}:user/{user.name}"
    assert identity["UserId"].startswith("AIDA")


def test_a_user_does_what_its_policies_allow_and_nothing_else(aws: Aws, server: ServerProcess) -> None:
    url, arn = aws.queue()
    user = User(aws, server, send=allow("sqs:SendMessage", arn))
    user.client("sqs").send_message(QueueUrl=url, MessageBody="x")
    with refused(
        403,
        "AccessDenied",
        f"User: {user.arn} is not authorized to perform: sqs:receivemessage on resource: {arn} because no"
        " identity-based policy allows the sqs:receivemessage action",
    ):
        user.client("sqs").receive_message(QueueUrl=url)


def test_a_users_groups_count_and_a_change_is_effective_at_once(aws: Aws, server: ServerProcess) -> None:
    url, arn = aws.queue()
    user, group = User(aws, server), unique("group")
    aws.iam.create_group(GroupName=group)
    aws.iam.put_group_policy(GroupName=group, PolicyName="p", PolicyDocument=allow("sqs:*", arn))
    sqs = user.client("sqs")
    for _ in range(2):
        with pytest.raises(sqs.exceptions.ClientError, match="is not authorized"):
            sqs.send_message(QueueUrl=url, MessageBody="x")
        aws.iam.add_user_to_group(GroupName=group, UserName=user.name)
        sqs.send_message(QueueUrl=url, MessageBody="x")
        aws.iam.remove_user_from_group(GroupName=group, UserName=user.name)
    with pytest.raises(sqs.exceptions.ClientError, match="is not authorized"):
        sqs.send_message(QueueUrl=url, MessageBody="x")


def test_keys_are_rotated_switched_off_and_deleted_with_the_next_request(
    aws: Aws, server: ServerProcess
) -> None:
    user = User(aws, server)
    old = user.client("sts")
    old_id = user.key_id
    user.key_id, user.secret = user.new_key()
    new = user.client("sts")
    for sts in (old, new):
        assert sts.get_caller_identity()["Arn"] == user.arn
    aws.iam.update_access_key(UserName=user.name, AccessKeyId=old_id, Status="Inactive")
    with refused(*INVALID):
        old.get_caller_identity()
    aws.iam.update_access_key(UserName=user.name, AccessKeyId=old_id, Status="Active")
    old.get_caller_identity()
    aws.iam.delete_access_key(UserName=user.name, AccessKeyId=old_id)
    with refused(*INVALID):
        old.get_caller_identity()
    assert new.get_caller_identity()["Arn"] == user.arn


def test_a_wrong_secret_proves_nobody(aws: Aws, server: ServerProcess) -> None:
    user = User(aws, server)
    user.secret = "x" * 40
    with pytest.raises(Exception, match="SignatureDoesNotMatch"):
        user.client("sts").get_caller_identity()


def test_when_a_key_and_a_role_were_last_used(aws: Aws, server: ServerProcess) -> None:
    user = User(aws, server, role=allow("sts:AssumeRole", "*"))
    never = aws.iam.get_access_key_last_used(AccessKeyId=user.key_id)
    assert never["AccessKeyLastUsed"] == {"ServiceName": "N/A", "Region": "N/A"}
    role = aws.role(trusting=ACCOUNT_TRUST)
    name = role.rpartition("/")[2]
    assert aws.iam.get_role(RoleName=name)["Role"]["RoleLastUsed"] == {}
    keys = user.client("sts").assume_role(RoleArn=role, RoleSessionName="session")["Credentials"]
    used = aws.iam.get_access_key_last_used(AccessKeyId=user.key_id)
    assert used["UserName"] == user.name
    assert (used["AccessKeyLastUsed"]["ServiceName"], used["AccessKeyLastUsed"]["Region"]) == (
        "sts",
        "us-east-1",
    )
    session = Keys(keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"])
    server.client("sts", session).get_caller_identity()
    assert aws.iam.get_role(RoleName=name)["Role"]["RoleLastUsed"]["Region"] == "us-east-1"


def test_a_user_manages_its_own_keys_if_a_policy_says_so(aws: Aws, server: ServerProcess) -> None:
    own = allow(
        ["iam:GetUser", "iam:CreateAccessKey", "iam:ListAccessKeys"], "arn:aws:iam::*:user/${aws:username}"
    )
    user, other = User(aws, server, own=own), User(aws, server)
    iam = user.client("iam")
    assert iam.get_user()["User"]["UserName"] == user.name
    assert iam.create_access_key()["AccessKey"]["UserName"] == user.name
    assert len(iam.list_access_keys()["AccessKeyMetadata"]) == 2
    with refused(*denied(user, "iam:GetUser", f"user {other.name}")):
        iam.get_user(UserName=other.name)
    with refused(*denied(user, "iam:ListUsers", f"arn:aws:iam::{ACCOUNT}:user/")):
        iam.list_users()


def test_tags_of_what_is_asked_for_and_of_who_asks_decide(aws: Aws, server: ServerProcess) -> None:
    statement = {
        "Effect": "Allow",
        "Action": "iam:TagUser",
        "Resource": "*",
        "Condition": {
            "StringEquals": {
                "aws:ResourceTag/team": "${aws:PrincipalTag/team}",
                "aws:RequestTag/mood": "good",
            }
        },
    }
    user = User(aws, server, tag=json.dumps({"Version": "2012-10-17", "Statement": statement}))
    target = User(aws, server)
    good, bad = [{"Key": "mood", "Value": "good"}], [{"Key": "mood", "Value": "bad"}]
    iam = user.client("iam")
    with refused(*denied(user, "iam:TagUser", f"user {target.name}")):
        iam.tag_user(UserName=target.name, Tags=good)
    for name in (user.name, target.name):
        aws.iam.tag_user(UserName=name, Tags=[{"Key": "team", "Value": "a"}])
    iam.tag_user(UserName=target.name, Tags=good)
    with refused(*denied(user, "iam:TagUser", f"user {target.name}")):
        iam.tag_user(UserName=target.name, Tags=bad)


def test_a_boundary_must_be_set_where_a_policy_asks_for_one(aws: Aws, server: ServerProcess) -> None:
    statement = {
        "Effect": "Allow",
        "Action": ["iam:CreateUser", "iam:AttachUserPolicy"],
        "Resource": "*",
        "Condition": {"StringEquals": {"iam:PermissionsBoundary": BASIC_EXECUTION}},
    }
    admin = User(aws, server, delegate=json.dumps({"Version": "2012-10-17", "Statement": statement}))
    iam, name, free = admin.client("iam"), unique("user"), User(aws, server).name
    with refused(*denied(admin, "iam:CreateUser", f"arn:aws:iam::{ACCOUNT}:user/{name}")):
        iam.create_user(UserName=name)
    iam.create_user(UserName=name, PermissionsBoundary=BASIC_EXECUTION)
    iam.attach_user_policy(UserName=name, PolicyArn=BASIC_EXECUTION)
    with refused(*denied(admin, "iam:AttachUserPolicy", f"user {free}")):
        iam.attach_user_policy(UserName=free, PolicyArn=BASIC_EXECUTION)


def test_a_boundary_limits_what_a_user_may(aws: Aws, server: ServerProcess) -> None:
    url, arn = aws.queue()
    user = User(aws, server, all=allow("*", "*"))
    boundary = aws.iam.create_policy(PolicyName=unique("b"), PolicyDocument=allow("sqs:SendMessage", "*"))
    aws.iam.put_user_permissions_boundary(UserName=user.name, PermissionsBoundary=boundary["Policy"]["Arn"])
    user.client("sqs").send_message(QueueUrl=url, MessageBody="x")
    with refused(
        403,
        "AccessDenied",
        f"User: {user.arn} is not authorized to perform: sqs:receivemessage on resource: {arn} because no"
        " permissions boundary allows the sqs:receivemessage action",
    ):
        user.client("sqs").receive_message(QueueUrl=url)


def test_keys_and_users_survive_a_killed_server(tmp_path_factory: pytest.TempPathFactory) -> None:
    with ServerProcess(tmp_path_factory.mktemp("killed") / "data") as server:
        user = User(Aws(server.client), server)
        server.kill()
        server.start()
        assert user.client("sts").get_caller_identity()["Arn"] == user.arn


def test_lists_are_paginated(aws: Aws) -> None:
    path = f"/{unique('path')}/"
    names = [unique("user") for _ in range(3)]
    for name in names:
        aws.iam.create_user(UserName=name, Path=path)
    pages = aws.iam.get_paginator("list_users").paginate(PathPrefix=path, PaginationConfig={"PageSize": 2})
    assert [user["UserName"] for page in pages for user in page["Users"]] == sorted(names)
    details = aws.iam.get_paginator("get_account_authorization_details").paginate(
        Filter=["User"], PaginationConfig={"PageSize": 1}
    )
    assert set(names) <= {user["UserName"] for page in details for user in page["UserDetailList"]}


def test_a_role_is_put_into_an_instance_profile_by_who_may_pass_it(aws: Aws, server: ServerProcess) -> None:
    profile, role = unique("profile"), aws.role()
    aws.iam.create_instance_profile(InstanceProfileName=profile)
    user = User(aws, server, add=allow("iam:AddRoleToInstanceProfile", "*"))
    named = {"InstanceProfileName": profile, "RoleName": role.rpartition("/")[2]}
    with refused(*denied(user, "iam:PassRole", role)):
        user.client("iam").add_role_to_instance_profile(**named)
    aws.iam.put_user_policy(UserName=user.name, PolicyName="p", PolicyDocument=allow("iam:PassRole", role))
    user.client("iam").add_role_to_instance_profile(**named)


def test_a_password_is_refused_by_name(aws: Aws, server: ServerProcess) -> None:
    """Nobody signs in with one: who asks for it is told so, and nothing is made."""
    user = User(aws, server)
    for operation, call in (
        ("CreateLoginProfile", aws.iam.create_login_profile),
        ("UpdateLoginProfile", aws.iam.update_login_profile),
    ):
        with refused(501, "NotImplemented", f"{operation} is not supported by Noria, see docs/parity.md."):
            call(UserName=user.name, Password="correct horse battery")
    with refused(404, "NoSuchEntity", f"Login Profile for User {user.name} cannot be found."):
        aws.iam.get_login_profile(UserName=user.name)
