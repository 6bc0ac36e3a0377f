"""Session tags, transitive ones along a chain of roles, and source identities."""

from __future__ import annotations

from typing import Any

from tests.support.iam import ACCOUNT, document
from tests.support.sts import StsClient

TAGS = [{"Key": "team", "Value": "a"}, {"Key": "cost", "Value": "7"}]
ANY = {"Effect": "Allow", "Principal": {"AWS": ACCOUNT}}
TRUSTED = ANY | {"Action": ["sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"]}
UNTAGGED = ANY | {"Action": "sts:AssumeRole"}
MAY = document("sts:*")
QUEUE = f"arn:aws:sqs:us-east-1:{ACCOUNT}:q"
ROOT = f"arn:aws:iam::{ACCOUNT}:root"


async def test_a_sessions_tags_are_its_principals(sts: StsClient) -> None:
    allowed = document("sqs:*", Condition={"StringEquals": {"aws:PrincipalTag/team": "a"}})
    arn = await sts.role("R", TRUSTED, queue=allowed)
    tagged = await sts.assume(arn, Tags=TAGS)
    assert tagged.session_tags == (("team", "a"), ("cost", "7"))
    assert await sts.authorizer.allows(tagged, "sqs:SendMessage", QUEUE)
    assert not await sts.authorizer.allows(await sts.assume(arn), "sqs:SendMessage", QUEUE)


async def test_a_sessions_tag_comes_before_its_roles(sts: StsClient) -> None:
    allowed = document("sqs:*", Condition={"StringEquals": {"aws:PrincipalTag/team": "a"}})
    arn = await sts.role("R", TRUSTED, queue=allowed)
    await sts.iam("TagRole", RoleName="R", Tags=[{"Key": "Team", "Value": "a"}])
    assert await sts.authorizer.allows(await sts.assume(arn), "sqs:SendMessage", QUEUE)
    other = await sts.assume(arn, Tags=[{"Key": "team", "Value": "b"}])
    assert not await sts.authorizer.allows(other, "sqs:SendMessage", QUEUE)


async def test_tagging_needs_the_trust_policys_word_and_the_callers(sts: StsClient) -> None:
    untagged = await sts.role("R", UNTAGGED)
    members: dict[str, Any] = {"RoleSessionName": "session", "Tags": TAGS}
    text = f"is not authorized to perform: sts:TagSession on resource: {untagged}"
    assert await sts.refused("AssumeRole", RoleArn=untagged, **members) == (
        "AccessDenied",
        f"User: {ROOT} {text}",
    )
    await sts.assume(untagged)
    tagged = await sts.role("S", TRUSTED)
    user = await sts.user("U", may=document("sts:AssumeRole"))
    await sts.assume(tagged, user)
    assert "sts:TagSession" in (await sts.refused("AssumeRole", user, RoleArn=tagged, **members))[1]
    tagger = await sts.user("V", may=document(["sts:AssumeRole", "sts:TagSession"]))
    await sts.assume(tagged, tagger, Tags=TAGS)


async def test_the_trust_policy_says_which_tags(sts: StsClient) -> None:
    conditions = {
        "StringEquals": {"aws:RequestTag/team": "a"},
        "ForAllValues:StringEquals": {"aws:TagKeys": ["team"]},
    }
    arn = await sts.role("R", TRUSTED | {"Condition": conditions})
    await sts.assume(arn, Tags=TAGS[:1])
    for tags in (TAGS, [{"Key": "team", "Value": "b"}], []):
        asked = await sts.refused("AssumeRole", RoleArn=arn, RoleSessionName="session", Tags=tags)
        assert asked[0] == "AccessDenied"


async def test_transitive_tags_stay_along_a_chain_of_roles(sts: StsClient) -> None:
    first = await sts.role("A", TRUSTED, may=MAY)
    second = await sts.role("B", TRUSTED, may=MAY)
    third = await sts.role("C", TRUSTED)
    one = await sts.assume(first, Tags=TAGS, TransitiveTagKeys=["TEAM"])
    assert one.transitive_tags == ("team",)
    two = await sts.assume(second, one, Tags=[{"Key": "own", "Value": "x"}])
    assert (two.session_tags, two.transitive_tags) == ((("team", "a"), ("own", "x")), ("team",))
    three = await sts.assume(third, two)
    assert (three.session_tags, three.transitive_tags) == ((("team", "a"),), ("team",))
    again = [{"Key": "Team", "Value": "b"}]
    assert await sts.refused("AssumeRole", one, RoleArn=second, RoleSessionName="session", Tags=again) == (
        "InvalidParameterValue",
        "One of the specified transitive tag keys can't be set because it conflicts with a transitive tag key"
        " from the calling session.",
    )


async def test_tags_that_aws_refuses_are_refused(sts: StsClient) -> None:
    arn = await sts.role("R", TRUSTED)
    twice = [{"Key": "a", "Value": "1"}, {"Key": "A", "Value": "2"}]
    named: dict[str, Any] = {"RoleArn": arn, "RoleSessionName": "session"}
    assert await sts.refused("AssumeRole", Tags=twice, **named) == (
        "InvalidParameterValue",
        "Duplicate tag keys found. Please note that Tag keys are case insensitive.",
    )
    assert await sts.refused("AssumeRole", TransitiveTagKeys=["a"], **named) == (
        "ValidationError",
        "The specified transitive tag key must be included in the requested tags.",
    )


async def test_a_source_identity_stays_and_is_a_condition(sts: StsClient) -> None:
    seen = document("sqs:*", Condition={"StringEquals": {"aws:SourceIdentity": "alice"}})
    first = await sts.role("A", TRUSTED, may=MAY)
    second = await sts.role("B", TRUSTED, may=seen)
    answer = await sts("AssumeRole", RoleArn=first, RoleSessionName="session", SourceIdentity="alice")
    assert answer["SourceIdentity"] == "alice"
    two = await sts.assume(second, sts.prove(answer))
    assert ("aws:SourceIdentity", "alice") in two.session_conditions
    assert await sts.authorizer.allows(two, "sqs:SendMessage", QUEUE)
    asked: dict[str, Any] = {"RoleArn": second, "RoleSessionName": "session", "SourceIdentity": "bob"}
    assert "sts:SetSourceIdentity" in (await sts.refused("AssumeRole", sts.prove(answer), **asked))[1]
    plain = await sts.role("C", UNTAGGED)
    asked = {"RoleArn": plain, "RoleSessionName": "session", "SourceIdentity": "alice"}
    assert "sts:SetSourceIdentity" in (await sts.refused("AssumeRole", **asked))[1]


async def test_the_roles_own_tags_are_the_resources(sts: StsClient) -> None:
    condition = {"StringEquals": {"aws:ResourceTag/team": "${aws:PrincipalTag/team}"}}
    user = await sts.user("U", may=document("sts:AssumeRole", Condition=condition))
    arn = await sts.role("R", UNTAGGED)
    named: dict[str, Any] = {"RoleArn": arn, "RoleSessionName": "session"}
    assert (await sts.refused("AssumeRole", user, **named))[0] == "AccessDenied"
    for tag in (
        sts.iam("TagUser", UserName="U", Tags=TAGS[:1]),
        sts.iam("TagRole", RoleName="R", Tags=TAGS[:1]),
    ):
        await tag
    await sts.assume(arn, user)


async def test_how_long_a_session_may_be_is_a_condition(sts: StsClient) -> None:
    condition = {"NumericLessThanEquals": {"sts:DurationSeconds": "1800"}}
    arn = await sts.role("R", UNTAGGED | {"Condition": condition})
    await sts.assume(arn, DurationSeconds=1800)
    asked: dict[str, Any] = {"RoleArn": arn, "RoleSessionName": "session", "DurationSeconds": 1801}
    assert (await sts.refused("AssumeRole", **asked))[0] == "AccessDenied"


async def test_sessions_made_before_a_moment_can_be_revoked(sts: StsClient) -> None:
    """AWSRevokeOlderSessions, as the console writes it."""
    arn = await sts.role("R", UNTAGGED, queue=document("sqs:*"))
    old = await sts.assume(arn)
    sts.clock.advance(10)
    revoked = document(
        "*", Effect="Deny", Condition={"DateLessThan": {"aws:TokenIssueTime": "2023-11-14T22:13:25Z"}}
    )
    await sts.iam("PutRolePolicy", RoleName="R", PolicyName="Revoke", PolicyDocument=revoked)
    new = await sts.assume(arn)
    assert not await sts.authorizer.allows(old, "sqs:SendMessage", QUEUE)
    assert await sts.authorizer.allows(new, "sqs:SendMessage", QUEUE)
