"""Service-specific credentials, attachments and inline policies: recorded answers, and AWS's limits."""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote

import pytest
from tests.support.iam import ACCOUNT, NOW_S, IamClient, document
from tests.support.sqs import refused

CODECOMMIT = "codecommit.amazonaws.com"


async def made(client: IamClient, name: str = "U") -> dict[str, Any]:
    answer = await client("CreateServiceSpecificCredential", UserName=name, ServiceName=CODECOMMIT)
    created: dict[str, Any] = answer["ServiceSpecificCredential"]
    return created


async def test_a_service_specific_credential_lives(client: IamClient) -> None:
    await client.user()
    created = await made(client)
    credential_id = created["ServiceSpecificCredentialId"]
    assert credential_id.startswith("ACCA")
    assert created.pop("ServicePassword")
    assert created == {
        "CreateDate": NOW_S,
        "ServiceName": CODECOMMIT,
        "ServiceUserName": f"U-at-{ACCOUNT}",
        "ServiceSpecificCredentialId": credential_id,
        "Status": "Active",
        "UserName": "U",
    }
    assert await client("ListServiceSpecificCredentials", UserName="U") == {
        "ServiceSpecificCredentials": [created]
    }
    named = {"UserName": "U", "ServiceSpecificCredentialId": credential_id}
    await client("UpdateServiceSpecificCredential", Status="Inactive", **named)
    reset = (await client("ResetServiceSpecificCredential", **named))["ServiceSpecificCredential"]
    assert reset.pop("ServicePassword")
    assert reset == created | {"Status": "Inactive"}
    await client("DeleteServiceSpecificCredential", **named)
    listed = await client("ListServiceSpecificCredentials", UserName="U")
    assert listed["ServiceSpecificCredentials"] == []


@pytest.mark.parametrize(
    "service", ["nonexistentservice.amazonaws.com", "o3on3n3onosneo", "lambda.amazonaws.com"]
)
async def test_few_services_have_credentials_of_their_own(client: IamClient, service: str) -> None:
    await client.user()
    asked = client("CreateServiceSpecificCredential", UserName="U", ServiceName=service)
    assert await refused(asked) == (
        "NoSuchEntity",
        "NoSuchEntity",
        404,
        f"No such service {service} is supported for Service Specific Credentials",
    )
    asked = client("CreateServiceSpecificCredential", UserName="non-existent-user", ServiceName=service)
    assert (await refused(asked))[2:] == (404, "The user with name non-existent-user cannot be found.")


@pytest.mark.parametrize(
    ("operation", "members"),
    [("Update", {"Status": "Inactive"}), ("Reset", {}), ("Delete", {})],
)
async def test_a_credential_is_found_by_user_and_id(
    client: IamClient, operation: str, members: dict[str, Any]
) -> None:
    await client.user()
    held = (await made(client))["ServiceSpecificCredentialId"]

    async def answer(user: str, credential_id: str) -> tuple[str, str, int, str]:
        call = client(
            f"{operation}ServiceSpecificCredential",
            UserName=user,
            ServiceSpecificCredentialId=credential_id,
            **members,
        )
        return await refused(call)

    assert (await answer("wrong-user-name", held))[2:] == (
        404,
        "The user with name wrong-user-name cannot be found.",
    )
    assert await answer("U", "satisfiesregexbutstillinvalid") == (
        "NoSuchEntity",
        "NoSuchEntity",
        404,
        "No such credential satisfiesregexbutstillinvalid exists",
    )
    assert (await answer("U", "totally-wrong-credential-id-with-hyphens"))[0::3] == (
        "ValidationError",
        "1 validation error detected: Value at 'serviceSpecificCredentialId' failed to satisfy constraint: "
        "Member must satisfy regular expression pattern: [\\w]+",
    )


async def test_a_status_that_does_not_exist_is_refused(client: IamClient) -> None:
    await client.user()
    held = (await made(client))["ServiceSpecificCredentialId"]
    asked = client(
        "UpdateServiceSpecificCredential", UserName="U", ServiceSpecificCredentialId=held, Status="Invalid"
    )
    assert (await refused(asked))[0::3] == (
        "ValidationError",
        "1 validation error detected: Value at 'status' failed to satisfy constraint: Member must satisfy"
        " enum value set",
    )


# Attachments and encoding, recorded


async def test_attaching_what_is_not_there(client: IamClient) -> None:
    await client.user()
    arn = await client.policy()
    for broken in ("policy-name-is-no-arn", "arn:aws:iam::policy/P1234567"):
        asked = client("AttachUserPolicy", UserName="U", PolicyArn=broken)
        assert (await refused(asked))[0::3] == ("ValidationError", "Invalid ARN:  Could not be parsed!")
    asked = client("AttachUserPolicy", UserName="U", PolicyArn=f"{arn}123")
    text = f"Policy {arn}123 does not exist or is not attachable."
    assert await refused(asked) == ("NoSuchEntity", "NoSuchEntity", 404, text)
    await client("AttachUserPolicy", UserName="U", PolicyArn=arn)
    attached = (await client("ListAttachedUserPolicies", UserName="U"))["AttachedPolicies"]
    assert attached == [{"PolicyName": "P", "PolicyArn": arn}]


@pytest.mark.parametrize("kind", ["User", "Group", "Role"])
async def test_a_document_comes_back_as_it_was_put(client: IamClient, kind: str) -> None:
    """An escape in the document stays one, recorded for groups and roles."""
    await client.user("N")
    await client("CreateGroup", GroupName="N")
    await client.role("N")
    text = document("apigatway:PUT", "arn:aws:apigateway:us-east-1::/tags/arn%3Aaws%3Aapigateway%3A%2Frest")
    named = {f"{kind}Name": "N", "PolicyName": "P"}
    await client(f"Put{kind}Policy", PolicyDocument=text, **named)
    got = await client(f"Get{kind}Policy", **named)
    assert got == named | {"PolicyDocument": got["PolicyDocument"]}
    assert unquote(got["PolicyDocument"]) == text
    assert (await client(f"List{kind}Policies", **{f"{kind}Name": "N"}))["PolicyNames"] == ["P"]
    await client(f"Delete{kind}Policy", **named)
    for operation in ("Get", "Delete"):
        asked = client(f"{operation}{kind}Policy", **named)
        assert (await refused(asked))[2:] == (404, f"The {kind.lower()} policy with name P cannot be found.")


@pytest.mark.parametrize(("kind", "limit"), [("User", 2048), ("Group", 5120), ("Role", 10_240)])
async def test_inline_policies_have_awss_size(client: IamClient, kind: str, limit: int) -> None:
    await client.user("N")
    await client("CreateGroup", GroupName="N")
    await client.role("N")

    def sized(characters: int) -> str:
        bare = len("".join(document(resource="arn:aws:sqs:*:*:").split()))
        return document(resource="arn:aws:sqs:*:*:" + "q" * (characters - bare))

    named = {f"{kind}Name": "N"}
    await client(f"Put{kind}Policy", PolicyName="P", PolicyDocument=sized(limit), **named)
    text = f"Maximum policy size of {limit} bytes exceeded for {kind.lower()} N"
    for name in ("P", "Q"):  # too large itself, and together with the first
        size = limit + 1 if name == "P" else 200
        asked = client(f"Put{kind}Policy", PolicyName=name, PolicyDocument=sized(size), **named)
        assert (await refused(asked))[0::3] == ("LimitExceeded", text)


@pytest.mark.parametrize("kind", ["User", "Group", "Role"])
async def test_ten_managed_policies_can_be_attached(client: IamClient, kind: str) -> None:
    await client.user("N")
    await client("CreateGroup", GroupName="N")
    await client.role("N")
    named = {f"{kind}Name": "N"}
    arns = [await client.policy(f"P{number}", Path="/x/") for number in range(11)]
    for arn in arns[:10]:
        await client(f"Attach{kind}Policy", PolicyArn=arn, **named)
    await client(f"Attach{kind}Policy", PolicyArn=arns[0], **named)  # it is there already
    text = f"Cannot exceed quota for PoliciesPer{kind}: 10"
    assert (await refused(client(f"Attach{kind}Policy", PolicyArn=arns[10], **named)))[0::3] == (
        "LimitExceeded",
        text,
    )
    page = await client(f"ListAttached{kind}Policies", PathPrefix="/x/", MaxItems=9, **named)
    rest = await client(f"ListAttached{kind}Policies", Marker=page["Marker"], **named)
    assert (len(page["AttachedPolicies"]), len(rest["AttachedPolicies"])) == (9, 1)
    assert (await client(f"ListAttached{kind}Policies", PathPrefix="/y/", **named))["AttachedPolicies"] == []
    await client(f"Detach{kind}Policy", PolicyArn=arns[0], **named)
    again = client(f"Detach{kind}Policy", PolicyArn=arns[0], **named)
    assert (await refused(again))[0::3] == ("NoSuchEntity", f"Policy {arns[0]} was not found.")
