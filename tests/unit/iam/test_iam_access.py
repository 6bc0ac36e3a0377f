"""Which services an identity can use, by which policies, and when it last did."""

from __future__ import annotations

from typing import Any

from tests.support.iam import ACCOUNT, BASIC, NOW_S, OTHER, IamClient, document
from tests.support.sqs import refused

from noria.context import Principal, root_principal
from noria.services.iam.directory import user_principal

USER = f"arn:aws:iam::{ACCOUNT}:user/U"
GROUP = f"arn:aws:iam::{ACCOUNT}:group/G"


async def accessed(client: IamClient, arn: str) -> list[dict[str, Any]]:
    job = (await client("GenerateServiceLastAccessedDetails", Arn=arn))["JobId"]
    answer = await client("GetServiceLastAccessedDetails", JobId=job)
    assert (answer["JobStatus"], answer["JobType"]) == ("COMPLETED", "SERVICE_LEVEL")
    services: list[dict[str, Any]] = answer["ServicesLastAccessed"]
    return services


async def test_the_services_that_policies_allow_and_when_they_were_used(client: IamClient) -> None:
    await client.user()
    await client("PutUserPolicy", UserName="U", PolicyName="P", PolicyDocument=document(["sqs:SendMessage"]))
    await client("AttachUserPolicy", UserName="U", PolicyArn=BASIC)
    never = {"TotalAuthenticatedEntities": 0}
    assert await accessed(client, USER) == [
        {"ServiceName": "Amazon CloudWatch Logs", "ServiceNamespace": "logs"} | never,
        {"ServiceName": "Amazon SQS", "ServiceNamespace": "sqs"} | never,
    ]
    user = user_principal(await client.api._store.users.get(ACCOUNT, "U"))
    client.last_used.note(user, "", "sqs", "eu-west-1", (NOW_S + 9) * 1000)
    (_, sqs) = await accessed(client, USER)
    assert sqs == {
        "ServiceName": "Amazon SQS",
        "ServiceNamespace": "sqs",
        "LastAuthenticated": NOW_S + 9,
        "LastAuthenticatedEntity": USER,
        "LastAuthenticatedRegion": "eu-west-1",
        "TotalAuthenticatedEntities": 1,
    }


async def test_a_groups_services_were_used_by_its_users(client: IamClient) -> None:
    await client("CreateGroup", GroupName="G")
    await client("PutGroupPolicy", GroupName="G", PolicyName="P", PolicyDocument=document("*"))
    assert [service["ServiceNamespace"] for service in await accessed(client, GROUP)] == [
        "cloudwatch",
        "iam",
        "lambda",
        "logs",
        "sqs",
        "sts",
    ]
    for number, name in enumerate(("U", "V")):
        await client.user(name)
        await client("AddUserToGroup", GroupName="G", UserName=name)
        user = user_principal(await client.api._store.users.get(ACCOUNT, name))
        client.last_used.note(user, "", "sqs", "us-east-1", (NOW_S + number) * 1000)
    sqs = next(found for found in await accessed(client, GROUP) if found["ServiceNamespace"] == "sqs")
    assert (sqs["LastAuthenticated"], sqs["LastAuthenticatedEntity"], sqs["TotalAuthenticatedEntities"]) == (
        NOW_S + 1,
        f"arn:aws:iam::{ACCOUNT}:user/V",
        2,
    )


async def test_a_roles_sessions_count_for_it(client: IamClient) -> None:
    role = await client.role()
    await client("PutRolePolicy", RoleName="R", PolicyName="P", PolicyDocument=document())
    session = Principal("assumed-role", ACCOUNT, "arn", f"{role['RoleId']}:s", "R")
    client.last_used.note(session, "ASIA", "sqs", "us-east-1", NOW_S * 1000)
    (sqs,) = await accessed(client, role["Arn"])
    assert (sqs["LastAuthenticated"], sqs["LastAuthenticatedEntity"]) == (NOW_S, role["Arn"])


async def test_a_job_is_its_accounts(client: IamClient) -> None:
    await client.user()
    job = (await client("GenerateServiceLastAccessedDetails", Arn=USER))["JobId"]
    client.caller = root_principal(OTHER)
    assert (await refused(client("GetServiceLastAccessedDetails", JobId=job)))[::2] == ("NoSuchEntity", 404)


async def test_who_used_a_service_and_when(client: IamClient) -> None:
    """Of a managed policy: by all who have it, users of a group with it too; of a group: by its users."""
    arn = await client.policy("P", document("sqs:*"))
    await client("CreateGroup", GroupName="G")
    await client("AttachGroupPolicy", GroupName="G", PolicyArn=arn)
    for name in ("A", "B", "C"):
        await client.user(name)
    await client("AddUserToGroup", GroupName="G", UserName="A")
    await client("AttachUserPolicy", UserName="B", PolicyArn=arn)
    role = await client.role()
    await client("AttachRolePolicy", RoleName="R", PolicyArn=arn)
    user = await client.api._store.users.get(ACCOUNT, "A")
    client.last_used.note(user_principal(user), "", "sqs", "us-east-1", NOW_S * 1000)

    async def entities(job: str, **members: Any) -> dict[str, Any]:
        return await client(
            "GetServiceLastAccessedDetailsWithEntities", JobId=job, ServiceNamespace="sqs", **members
        )

    job = (await client("GenerateServiceLastAccessedDetails", Arn=arn))["JobId"]
    first = await entities(job, MaxItems=1)
    assert first["EntityDetailsList"] == [
        {"EntityInfo": {"Arn": role["Arn"], "Name": "R", "Type": "ROLE", "Id": role["RoleId"], "Path": "/"}}
    ]
    rest = await entities(job, Marker=first["Marker"])
    shown = [(it["EntityInfo"]["Name"], it.get("LastAuthenticated")) for it in rest["EntityDetailsList"]]
    assert (shown, rest["JobStatus"]) == ([("A", NOW_S), ("B", None)], "COMPLETED")
    (sqs,) = await accessed(client, arn)
    assert sqs["LastAuthenticatedEntity"] == user.arn
    job = (await client("GenerateServiceLastAccessedDetails", Arn=GROUP))["JobId"]
    (member,) = (await entities(job))["EntityDetailsList"]
    assert member["EntityInfo"]["Arn"] == user.arn
    for service in ("iam", "nothing"):
        asked = client("GetServiceLastAccessedDetailsWithEntities", JobId=job, ServiceNamespace=service)
        assert (await refused(asked))[0] == "NoSuchEntity"


async def test_reports_of_actions_are_refused_by_name(client: IamClient) -> None:
    await client.user()
    asked = client("GenerateServiceLastAccessedDetails", Arn=USER, Granularity="ACTION_LEVEL")
    text = "GenerateServiceLastAccessedDetails's Granularity ACTION_LEVEL is not supported by Noria"
    code, *_, message = await refused(asked)
    assert (code, message.partition(",")[0]) == ("NotImplemented", text)
    assert await client("GenerateServiceLastAccessedDetails", Arn=USER, Granularity="SERVICE_LEVEL")


async def test_the_policies_that_grant_a_service(client: IamClient) -> None:
    await client.user()
    await client("CreateGroup", GroupName="G")
    await client("AddUserToGroup", GroupName="G", UserName="U")
    await client("PutGroupPolicy", GroupName="G", PolicyName="P", PolicyDocument=document("sqs:*"))
    await client("AttachUserPolicy", UserName="U", PolicyArn=BASIC)
    answer = await client(
        "ListPoliciesGrantingServiceAccess", Arn=USER, ServiceNamespaces=["sqs", "logs", "s3"]
    )
    assert answer["PoliciesGrantingServiceAccess"] == [
        {
            "ServiceNamespace": "sqs",
            "Policies": [
                {"PolicyName": "P", "PolicyType": "INLINE", "EntityType": "GROUP", "EntityName": "G"}
            ],
        },
        {
            "ServiceNamespace": "logs",
            "Policies": [
                {"PolicyName": "AWSLambdaBasicExecutionRole", "PolicyType": "MANAGED", "PolicyArn": BASIC}
            ],
        },
        {"ServiceNamespace": "s3", "Policies": []},
    ]
