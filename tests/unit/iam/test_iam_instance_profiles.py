"""Instance profiles and the role in each."""

from __future__ import annotations

from tests.support.iam import ACCOUNT, NOW_S, IamClient
from tests.support.sqs import refused

NAME = {"InstanceProfileName": "I"}


async def test_a_profile_is_shown_as_aws_shows_it(client: IamClient) -> None:
    created = (await client("CreateInstanceProfile", Path="/x/", **NAME))["InstanceProfile"]
    assert created["InstanceProfileId"].startswith("AIPA")
    assert len(created["InstanceProfileId"]) == 21
    assert {key: value for key, value in created.items() if key != "InstanceProfileId"} == {
        "Path": "/x/",
        "InstanceProfileName": "I",
        "Arn": f"arn:aws:iam::{ACCOUNT}:instance-profile/x/I",
        "CreateDate": NOW_S,
        "Roles": [],
    }
    assert (await client("GetInstanceProfile", **NAME))["InstanceProfile"] == created
    assert (await client("ListInstanceProfiles", PathPrefix="/x/"))["InstanceProfiles"] == [created]
    assert (await client("ListInstanceProfiles", PathPrefix="/y/"))["InstanceProfiles"] == []


async def test_a_profile_holds_one_role(client: IamClient) -> None:
    await client("CreateInstanceProfile", **NAME)
    await client.role()
    await client.role("S")
    await client("AddRoleToInstanceProfile", RoleName="R", **NAME)
    (held,) = (await client("GetInstanceProfile", **NAME))["InstanceProfile"]["Roles"]
    assert (held["RoleName"], held["MaxSessionDuration"]) == ("R", 3600)
    found = await client("ListInstanceProfilesForRole", RoleName="R")
    assert [profile["InstanceProfileName"] for profile in found["InstanceProfiles"]] == ["I"]
    assert (await client("ListInstanceProfilesForRole", RoleName="S"))["InstanceProfiles"] == []
    assert (await refused(client("AddRoleToInstanceProfile", RoleName="S", **NAME)))[0::3] == (
        "LimitExceeded",
        "Cannot exceed quota for InstanceSessionsPerInstanceProfile: 1",
    )
    first = "Cannot delete entity, must remove roles from instance profile first."
    for deleting in (client("DeleteInstanceProfile", **NAME), client("DeleteRole", RoleName="R")):
        assert (await refused(deleting))[0::3] == ("DeleteConflict", first)
    removing = client("RemoveRoleFromInstanceProfile", RoleName="S", **NAME)
    assert (await refused(removing))[3] == "The role with name S cannot be found."
    await client("RemoveRoleFromInstanceProfile", RoleName="R", **NAME)
    await client("DeleteRole", RoleName="R")
    await client("DeleteInstanceProfile", **NAME)
    assert await refused(client("GetInstanceProfile", **NAME)) == (
        "NoSuchEntity",
        "NoSuchEntity",
        404,
        "Instance Profile I cannot be found.",
    )


async def test_the_name_is_taken(client: IamClient) -> None:
    await client("CreateInstanceProfile", **NAME)
    assert (await refused(client("CreateInstanceProfile", **NAME)))[2:] == (
        409,
        "Instance Profile I already exists.",
    )
