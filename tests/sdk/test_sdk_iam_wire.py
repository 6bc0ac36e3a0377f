"""IAM's operations over the wire: what boto3 makes of each answer."""

from __future__ import annotations

import json

import pytest
from tests.support.aws import ACCOUNT, BASIC_EXECUTION, LAMBDA_TRUST, Aws, allow, refused, unique
from tests.support.server import Keys, ServerProcess

TAGS = [{"Key": "team", "Value": "a"}]
BOUNDARY = {"PermissionsBoundaryType": "Policy", "PermissionsBoundaryArn": BASIC_EXECUTION}


def test_a_user_through_its_life(aws: Aws) -> None:
    iam, name, other = aws.iam, unique("user"), unique("other")
    iam.create_user(UserName=name, Tags=TAGS)
    iam.update_user(UserName=name, NewUserName=other, NewPath="/x/")
    iam.put_user_permissions_boundary(UserName=other, PermissionsBoundary=BASIC_EXECUTION)
    assert iam.get_user(UserName=other)["User"]["PermissionsBoundary"] == BOUNDARY
    iam.delete_user_permissions_boundary(UserName=other)
    iam.tag_user(UserName=other, Tags=[{"Key": "b", "Value": "c"}])
    iam.untag_user(UserName=other, TagKeys=["b"])
    assert iam.list_user_tags(UserName=other)["Tags"] == TAGS
    iam.attach_user_policy(UserName=other, PolicyArn=BASIC_EXECUTION)
    attached = iam.list_attached_user_policies(UserName=other)["AttachedPolicies"]
    assert [policy["PolicyArn"] for policy in attached] == [BASIC_EXECUTION]
    iam.detach_user_policy(UserName=other, PolicyArn=BASIC_EXECUTION)
    iam.put_user_policy(UserName=other, PolicyName="p", PolicyDocument=allow("sqs:*", "*"))
    got = iam.get_user_policy(UserName=other, PolicyName="p")
    assert got["PolicyDocument"] == json.loads(allow("sqs:*", "*"))
    assert iam.list_user_policies(UserName=other)["PolicyNames"] == ["p"]
    iam.delete_user_policy(UserName=other, PolicyName="p")
    for listed in (
        iam.list_mfa_devices(UserName=other)["MFADevices"],
        iam.list_ssh_public_keys(UserName=other)["SSHPublicKeys"],
        iam.list_signing_certificates(UserName=other)["Certificates"],
    ):
        assert listed == []
    text = f"Login Profile for User {other} cannot be found."
    for look in (iam.get_login_profile, iam.delete_login_profile):
        with refused(404, "NoSuchEntity", text):
            look(UserName=other)
    iam.delete_user(UserName=other)
    with refused(404, "NoSuchEntity", f"The user with name {other} cannot be found."):
        iam.get_user(UserName=other)


def test_a_group_through_its_life(aws: Aws) -> None:
    iam, name, other, user = aws.iam, unique("group"), unique("other"), unique("user")
    group = iam.create_group(GroupName=name, Path="/g/")["Group"]
    assert group["GroupId"].startswith("AGPA")
    iam.update_group(GroupName=name, NewGroupName=other)
    iam.create_user(UserName=user)
    iam.add_user_to_group(GroupName=other, UserName=user)
    got = iam.get_group(GroupName=other)
    assert [member["UserName"] for member in got["Users"]] == [user]
    assert iam.list_groups_for_user(UserName=user)["Groups"] == [got["Group"]]
    assert other in [listed["GroupName"] for listed in iam.list_groups(PathPrefix="/g/")["Groups"]]
    iam.attach_group_policy(GroupName=other, PolicyArn=BASIC_EXECUTION)
    assert len(iam.list_attached_group_policies(GroupName=other)["AttachedPolicies"]) == 1
    iam.detach_group_policy(GroupName=other, PolicyArn=BASIC_EXECUTION)
    iam.put_group_policy(GroupName=other, PolicyName="p", PolicyDocument=allow("sqs:*", "*"))
    assert iam.list_group_policies(GroupName=other)["PolicyNames"] == ["p"]
    document = iam.get_group_policy(GroupName=other, PolicyName="p")["PolicyDocument"]
    assert document == json.loads(allow("sqs:*", "*"))
    iam.delete_group_policy(GroupName=other, PolicyName="p")
    with refused(409, "DeleteConflict", "Cannot delete entity, must remove users from group first."):
        iam.delete_group(GroupName=other)
    iam.remove_user_from_group(GroupName=other, UserName=user)
    iam.delete_group(GroupName=other)


def test_a_role_changes(aws: Aws) -> None:
    iam, name = aws.iam, aws.role().rpartition("/")[2]
    iam.update_role(RoleName=name, Description="first", MaxSessionDuration=7200)
    got = iam.get_role(RoleName=name)["Role"]
    assert (got["Description"], got["MaxSessionDuration"]) == ("first", 7200)
    role = iam.update_role_description(RoleName=name, Description="second")["Role"]
    assert (role["Description"], role["MaxSessionDuration"]) == ("second", 7200)
    iam.update_role(RoleName=name)  # what is left out goes back
    got = iam.get_role(RoleName=name)["Role"]
    assert ("Description" in got, got["MaxSessionDuration"]) == (False, 3600)
    iam.put_role_permissions_boundary(RoleName=name, PermissionsBoundary=BASIC_EXECUTION)
    assert iam.get_role(RoleName=name)["Role"]["PermissionsBoundary"] == BOUNDARY
    iam.delete_role_permissions_boundary(RoleName=name)
    iam.tag_role(RoleName=name, Tags=TAGS)
    assert iam.list_role_tags(RoleName=name)["Tags"] == TAGS
    iam.untag_role(RoleName=name, TagKeys=["team"])
    assert iam.list_role_tags(RoleName=name)["Tags"] == []


def test_versions_of_a_policy(aws: Aws) -> None:
    iam = aws.iam
    arn = iam.create_policy(PolicyName=unique("p"), PolicyDocument=allow("sqs:*", "*"))["Policy"]["Arn"]
    version = iam.create_policy_version(PolicyArn=arn, PolicyDocument=allow("sqs:GetQueueUrl", "*"))
    assert (version["PolicyVersion"]["VersionId"], version["PolicyVersion"]["IsDefaultVersion"]) == (
        "v2",
        False,
    )
    iam.set_default_policy_version(PolicyArn=arn, VersionId="v2")
    assert iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"] == "v2"
    iam.delete_policy_version(PolicyArn=arn, VersionId="v1")
    versions = iam.list_policy_versions(PolicyArn=arn)["Versions"]
    assert [version["VersionId"] for version in versions] == ["v2"]
    iam.tag_policy(PolicyArn=arn, Tags=TAGS)
    assert iam.list_policy_tags(PolicyArn=arn)["Tags"] == TAGS
    iam.untag_policy(PolicyArn=arn, TagKeys=["team"])
    role = aws.role(arn)
    entities = iam.list_entities_for_policy(PolicyArn=arn)
    assert [found["RoleName"] for found in entities["PolicyRoles"]] == [role.rpartition("/")[2]]


def test_an_instance_profile_holds_a_role(aws: Aws) -> None:
    iam, name, role = aws.iam, unique("profile"), aws.role().rpartition("/")[2]
    made = iam.create_instance_profile(InstanceProfileName=name, Path="/p/", Tags=TAGS)["InstanceProfile"]
    iam.add_role_to_instance_profile(InstanceProfileName=name, RoleName=role)
    got = iam.get_instance_profile(InstanceProfileName=name)["InstanceProfile"]
    assert got["InstanceProfileId"] == made["InstanceProfileId"]
    assert got["Roles"][0]["AssumeRolePolicyDocument"] == json.loads(LAMBDA_TRUST)
    listed = iam.list_instance_profiles(PathPrefix="/p/")["InstanceProfiles"]
    assert name in [profile["InstanceProfileName"] for profile in listed]
    of_role = iam.list_instance_profiles_for_role(RoleName=role)["InstanceProfiles"]
    assert [profile["InstanceProfileName"] for profile in of_role] == [name]
    iam.tag_instance_profile(InstanceProfileName=name, Tags=[{"Key": "b", "Value": "c"}])
    iam.untag_instance_profile(InstanceProfileName=name, TagKeys=["b"])
    assert iam.list_instance_profile_tags(InstanceProfileName=name)["Tags"] == TAGS
    iam.get_waiter("instance_profile_exists").wait(InstanceProfileName=name)
    iam.remove_role_from_instance_profile(InstanceProfileName=name, RoleName=role)
    iam.delete_instance_profile(InstanceProfileName=name)


def test_a_service_linked_role_comes_and_goes(aws: Aws) -> None:
    iam = aws.iam
    role = iam.create_service_linked_role(
        AWSServiceName="autoscaling.amazonaws.com", CustomSuffix=unique("s")
    )["Role"]
    assert role["Path"] == "/aws-service-role/autoscaling.amazonaws.com/"
    with pytest.raises(iam.exceptions.UnmodifiableEntityException, match="only modifiable by AWS"):
        iam.delete_role(RoleName=role["RoleName"])
    task = iam.delete_service_linked_role(RoleName=role["RoleName"])["DeletionTaskId"]
    assert iam.get_service_linked_role_deletion_status(DeletionTaskId=task)["Status"] == "SUCCEEDED"


def test_service_specific_credentials(aws: Aws) -> None:
    iam, name = aws.iam, unique("user")
    iam.create_user(UserName=name)
    made = iam.create_service_specific_credential(UserName=name, ServiceName="codecommit.amazonaws.com")
    held = made["ServiceSpecificCredential"]["ServiceSpecificCredentialId"]
    named = {"UserName": name, "ServiceSpecificCredentialId": held}
    iam.update_service_specific_credential(Status="Inactive", **named)
    assert iam.reset_service_specific_credential(**named)["ServiceSpecificCredential"]["Status"] == "Inactive"
    listed = iam.list_service_specific_credentials(UserName=name)["ServiceSpecificCredentials"]
    assert [credential["ServiceSpecificCredentialId"] for credential in listed] == [held]
    iam.delete_service_specific_credential(**named)


def test_the_account(aws: Aws) -> None:
    iam, alias = aws.iam, unique("alias")
    iam.create_account_alias(AccountAlias=alias)
    assert iam.list_account_aliases()["AccountAliases"] == [alias]
    iam.delete_account_alias(AccountAlias=alias)
    summary = iam.get_account_summary()["SummaryMap"]
    assert (summary["RolesQuota"], summary["Roles"] > 0) == (1000, True)


def test_an_admin_who_is_no_root_does_all_of_it(aws: Aws, server: ServerProcess) -> None:
    """Every action has a resource that a policy can name."""
    name = unique("admin")
    aws.iam.create_user(UserName=name)
    aws.iam.put_user_policy(
        UserName=name, PolicyName="iam", PolicyDocument=allow("iam:*", f"arn:aws:iam::{ACCOUNT}:*")
    )
    key = aws.iam.create_access_key(UserName=name)["AccessKey"]
    keys = Keys(key["AccessKeyId"], key["SecretAccessKey"])
    admin = Aws(lambda service: server.client(service, keys))
    user = unique("user")
    admin.iam.create_user(UserName=user, Path="/x/")
    assert admin.iam.get_user()["User"]["UserName"] == name
    admin.iam.put_user_policy(UserName=user, PolicyName="p", PolicyDocument=allow("sqs:*", "*"))
    used = admin.iam.create_access_key(UserName=user)["AccessKey"]["AccessKeyId"]
    assert admin.iam.get_access_key_last_used(AccessKeyId=used)["UserName"] == user
    admin.role()
    with pytest.raises(admin.iam.exceptions.ClientError, match="iam:GetAccountSummary on resource: \\*"):
        admin.iam.get_account_summary()
