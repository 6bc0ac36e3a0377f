"""OpenID Connect providers."""

from __future__ import annotations

from typing import Any

import pytest
from tests.support.iam import ACCOUNT, NOW_S, OTHER, IamClient, refused, trusting

from noria.auth.authorize import Resource
from noria.context import root_principal

URL = "https://token.actions.githubusercontent.com"
ARN = f"arn:aws:iam::{ACCOUNT}:oidc-provider/token.actions.githubusercontent.com"
THUMBPRINT = "6938FD4D98BAB03FAADB97B34396831E3780AEA1"
NAMED = {"OpenIDConnectProviderArn": ARN}


async def test_a_provider_is_shown_as_aws_shows_it(client: IamClient) -> None:
    tags = [{"Key": "team", "Value": "a"}]
    made = await client(
        "CreateOpenIDConnectProvider",
        Url=URL,
        ClientIDList=["sts.amazonaws.com", "other", "other"],
        ThumbprintList=[THUMBPRINT],
        Tags=tags,
    )
    assert made == {"OpenIDConnectProviderArn": ARN, "Tags": tags}
    assert await client("GetOpenIDConnectProvider", **NAMED) == {
        "Url": "token.actions.githubusercontent.com",
        "ClientIDList": ["sts.amazonaws.com", "other"],
        "ThumbprintList": [THUMBPRINT.lower()],
        "CreateDate": NOW_S,
        "Tags": tags,
    }
    assert await client("ListOpenIDConnectProviders") == {"OpenIDConnectProviderList": [{"Arn": ARN}]}
    assert (await client("GetAccountSummary"))["SummaryMap"]["Providers"] == 1


async def test_a_path_is_part_of_a_provider(client: IamClient) -> None:
    made = await client("CreateOpenIDConnectProvider", Url="https://sso.example/realms/Local")
    assert (
        made["OpenIDConnectProviderArn"] == f"arn:aws:iam::{ACCOUNT}:oidc-provider/sso.example/realms/Local"
    )


@pytest.mark.parametrize(
    "url", ["http://localhost:8080/realms/local", "http://127.0.0.1:1", "http://[::1]:80"]
)
async def test_a_provider_on_this_machine_may_do_without_tls(client: IamClient, url: str) -> None:
    arn = (await client("CreateOpenIDConnectProvider", Url=url))["OpenIDConnectProviderArn"]
    name = url.removeprefix("http://")
    assert (await client("GetOpenIDConnectProvider", OpenIDConnectProviderArn=arn))["Url"] == name


@pytest.mark.parametrize(
    "url",
    [
        "token.actions.githubusercontent.com",
        "http://token.actions.githubusercontent.com",
        "http://127.0.0.1.example.com",
        "https://",
        "https://a.example?x=1",
        "https://a.example/*",
        "https://a.example/#x",
        "https://a b.example",
        "https://user@a.example",
        "https://a.example:port",
        "ftp://a.example",
        "https://[::",
    ],
)
async def test_what_is_no_url_of_a_provider_is_refused(client: IamClient, url: str) -> None:
    async with refused(400, "ValidationError", "Invalid Open ID Connect Provider URL"):
        await client("CreateOpenIDConnectProvider", Url=url)


async def test_a_url_has_one_provider(client: IamClient) -> None:
    await client("CreateOpenIDConnectProvider", Url=URL)
    async with refused(409, "EntityAlreadyExists", f"Provider with url {URL} already exists."):
        await client("CreateOpenIDConnectProvider", Url=URL)
    client.caller = root_principal(OTHER)
    made = await client("CreateOpenIDConnectProvider", Url=URL)
    assert made["OpenIDConnectProviderArn"] == ARN.replace(ACCOUNT, OTHER)
    async with refused(404, "NoSuchEntity", f"OpenIDConnect Provider not found for arn {ARN}"):
        await client("GetOpenIDConnectProvider", **NAMED)


async def test_client_ids_come_and_go(client: IamClient) -> None:
    await client("CreateOpenIDConnectProvider", Url=URL)
    for _ in range(2):  # no error the second time either
        await client("AddClientIDToOpenIDConnectProvider", ClientID="a", **NAMED)
    await client("AddClientIDToOpenIDConnectProvider", ClientID="b", **NAMED)
    for _ in range(2):
        await client("RemoveClientIDFromOpenIDConnectProvider", ClientID="a", **NAMED)
    assert (await client("GetOpenIDConnectProvider", **NAMED))["ClientIDList"] == ["b"]
    text = "Cannot exceed quota for ClientIdsPerOpenIdConnectProvider: 100"
    async with refused(409, "LimitExceeded", text):
        for number in range(100):
            await client("AddClientIDToOpenIDConnectProvider", ClientID=f"c{number}", **NAMED)
    assert len((await client("GetOpenIDConnectProvider", **NAMED))["ClientIDList"]) == 100


async def test_thumbprints_are_replaced(client: IamClient) -> None:
    await client("CreateOpenIDConnectProvider", Url=URL, ThumbprintList=[THUMBPRINT])
    await client("UpdateOpenIDConnectProviderThumbprint", ThumbprintList=["0" * 40, "1" * 40], **NAMED)
    shown = (await client("GetOpenIDConnectProvider", **NAMED))["ThumbprintList"]
    assert shown == ["0" * 40, "1" * 40]
    async with refused(400, "InvalidInput", "Thumbprint list must contain fewer than 5 entries."):
        await client("UpdateOpenIDConnectProviderThumbprint", ThumbprintList=["0" * 40] * 6, **NAMED)
    async with refused(400, "InvalidInput", "Thumbprint must be a hex-encoded SHA-1 hash."):
        await client("CreateOpenIDConnectProvider", Url="https://b.example", ThumbprintList=["x" * 40])


async def test_a_provider_has_tags_which_policies_see(client: IamClient) -> None:
    await client("CreateOpenIDConnectProvider", Url=URL)
    await client("TagOpenIDConnectProvider", Tags=[{"Key": k, "Value": "1"} for k in "abc"], **NAMED)
    await client("UntagOpenIDConnectProvider", TagKeys=["b"], **NAMED)
    first = await client("ListOpenIDConnectProviderTags", MaxItems=1, **NAMED)
    assert (first["Tags"], first["IsTruncated"]) == ([{"Key": "a", "Value": "1"}], True)
    second = await client("ListOpenIDConnectProviderTags", Marker=first["Marker"], **NAMED)
    assert second == {"Tags": [{"Key": "c", "Value": "1"}], "IsTruncated": False}
    tags = {"a": "1", "c": "1"}
    conditions = {f"iam:ResourceTag/{key}": value for key, value in tags.items()}
    assert await client.directory.resource(ARN) == Resource(tags=tags, conditions=conditions)
    async with refused(
        400, "InvalidInput", "Duplicate tag keys found. Please note that Tag keys are case insensitive."
    ):
        await client("TagOpenIDConnectProvider", Tags=[{"Key": k, "Value": "1"} for k in "aA"], **NAMED)


async def test_deleting_is_no_error_twice(client: IamClient) -> None:
    await client("CreateOpenIDConnectProvider", Url=URL)
    for _ in range(2):
        await client("DeleteOpenIDConnectProvider", **NAMED)
    assert await client("ListOpenIDConnectProviders") == {"OpenIDConnectProviderList": []}


@pytest.mark.parametrize(
    ("operation", "members"),
    [
        ("GetOpenIDConnectProvider", {}),
        ("AddClientIDToOpenIDConnectProvider", {"ClientID": "a"}),
        ("RemoveClientIDFromOpenIDConnectProvider", {"ClientID": "a"}),
        ("UpdateOpenIDConnectProviderThumbprint", {"ThumbprintList": []}),
        ("TagOpenIDConnectProvider", {"Tags": []}),
        ("UntagOpenIDConnectProvider", {"TagKeys": []}),
        ("ListOpenIDConnectProviderTags", {}),
    ],
)
async def test_what_is_not_there_is_named(client: IamClient, operation: str, members: dict[str, Any]) -> None:
    async with refused(404, "NoSuchEntity", f"OpenIDConnect Provider not found for arn {ARN}"):
        await client(operation, **NAMED, **members)
    async with refused(400, "ValidationError", "Invalid ARN:  Could not be parsed!"):
        await client(operation, OpenIDConnectProviderArn=ARN.replace("oidc", "saml"), **members)


async def test_an_account_has_its_quota_of_providers(client: IamClient) -> None:
    for number in range(100):
        await client("CreateOpenIDConnectProvider", Url=f"https://p{number}.example")
    text = "Cannot exceed quota for OpenIdConnectProvidersPerAccount: 100"
    async with refused(409, "LimitExceeded", text):
        await client("CreateOpenIDConnectProvider", Url=URL)


async def test_a_role_may_trust_a_provider(client: IamClient) -> None:
    """Also one that is not there (yet), as on AWS; what is no provider's ARN is refused."""
    await client.role("R", trusting(Federated=ARN))
    wrong = ARN.replace("oidc", "saml")
    text = f'Invalid principal in policy: "Federated":"{wrong}"'
    async with refused(400, "MalformedPolicyDocument", text):
        await client.role("S", trusting(Federated=wrong))
