"""Web identities as boto3 and the wire see them: a provider, its tokens, and unsigned requests."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
from botocore.exceptions import ClientError
from tests.support.aws import ACCOUNT, Aws, allow, eventually, refused, unique
from tests.support.issuer import CLIENT, Issuer, ec_key, issuer
from tests.support.server import Keys, ServerProcess

DENIED = (403, "AccessDenied", "Not authorized to perform sts:AssumeRoleWithWebIdentity")


@pytest.fixture(scope="module")
def provider() -> Iterator[Issuer]:
    with issuer() as found:
        yield found


@pytest.fixture(scope="module")
def role(aws: Aws, provider: Issuer) -> str:
    """The ARN of a role for whoever the provider calls ``us/…``."""
    made = aws.iam.create_open_id_connect_provider(Url=provider.url, ClientIDList=[CLIENT])
    statement = {
        "Effect": "Allow",
        "Principal": {"Federated": made["OpenIDConnectProviderArn"]},
        "Action": "sts:AssumeRoleWithWebIdentity",
        "Condition": {"StringLike": {f"{provider.name}:sub": "us/*"}},
    }
    trust = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    return aws.role(trusting=trust, P=allow("sqs:SendMessage", "*"))


def token(provider: Issuer, sub: str = "us/app") -> str:
    return provider.token(int(time.time()), sub=sub)


def test_a_provider_through_its_life(aws: Aws) -> None:
    iam = aws.iam
    url = f"https://{unique('idp')}.example/realms/a"
    tags = [{"Key": "team", "Value": "a"}]
    made = iam.create_open_id_connect_provider(Url=url, ClientIDList=["a"], Tags=tags)
    named = {"OpenIDConnectProviderArn": made["OpenIDConnectProviderArn"]}
    assert named in [
        {"OpenIDConnectProviderArn": listed["Arn"]}
        for listed in iam.list_open_id_connect_providers()["OpenIDConnectProviderList"]
    ]
    iam.add_client_id_to_open_id_connect_provider(**named, ClientID="b")
    iam.remove_client_id_from_open_id_connect_provider(**named, ClientID="a")
    iam.update_open_id_connect_provider_thumbprint(**named, ThumbprintList=["0" * 40])
    iam.tag_open_id_connect_provider(**named, Tags=[{"Key": "more", "Value": "b"}])
    iam.untag_open_id_connect_provider(**named, TagKeys=["team"])
    assert iam.list_open_id_connect_provider_tags(**named)["Tags"] == [{"Key": "more", "Value": "b"}]
    shown = iam.get_open_id_connect_provider(**named)
    assert (shown["Url"], shown["ClientIDList"]) == (url.removeprefix("https://"), ["b"])
    assert shown["ThumbprintList"] == ["0" * 40]
    iam.delete_open_id_connect_provider(**named)
    text = f"OpenIDConnect Provider not found for arn {named['OpenIDConnectProviderArn']}"
    with refused(404, "NoSuchEntity", text):
        iam.get_open_id_connect_provider(**named)


def test_boto3_gets_its_credentials_with_a_token_file(
    aws: Aws,
    server: ServerProcess,
    provider: Issuer,
    role: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As in a Kubernetes pod, or a workflow of GitHub's: no key is configured anywhere."""
    file = tmp_path / "token"
    file.write_text(token(provider))
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ENDPOINT_URL", server.url)
    monkeypatch.setenv("AWS_ROLE_ARN", role)
    monkeypatch.setenv("AWS_ROLE_SESSION_NAME", "pod")
    monkeypatch.setenv("AWS_WEB_IDENTITY_TOKEN_FILE", str(file))
    session = boto3.Session(region_name="us-east-1")
    me = f"arn:aws:sts::{ACCOUNT}:assumed-role/{role.rpartition('/')[2]}/pod"
    assert session.client("sts").get_caller_identity()["Arn"] == me
    url, _ = aws.queue()
    session.client("sqs").send_message(QueueUrl=url, MessageBody="x")
    with pytest.raises(ClientError, match="not authorized to perform: sqs:receivemessage"):
        session.client("sqs").receive_message(QueueUrl=url)


def test_a_token_that_is_not_right_gets_nothing(server: ServerProcess, provider: Issuer, role: str) -> None:
    sts = server.client("sts", Keys("AKIAAAAAAAAAAAAAAAAA", "secret"))  # unsigned: whatever the keys are
    asked = {"RoleArn": role, "RoleSessionName": "session"}
    answer = sts.assume_role_with_web_identity(**asked, WebIdentityToken=token(provider))
    assert (answer["Audience"], answer["SubjectFromWebIdentityToken"]) == (CLIENT, "us/app")
    with refused(*DENIED):
        sts.assume_role_with_web_identity(**asked, WebIdentityToken=token(provider, sub="them/app"))
    with refused(*DENIED):
        asked_another = asked | {"RoleArn": f"arn:aws:iam::{ACCOUNT}:role/nobody"}
        sts.assume_role_with_web_identity(**asked_another, WebIdentityToken=token(provider))
    forged = provider.token(int(time.time()), key=ec_key("another"), sub="us/app")
    with pytest.raises(sts.exceptions.InvalidIdentityTokenException) as caught:
        sts.assume_role_with_web_identity(**asked, WebIdentityToken=forged)
    request_id = caught.value.response["ResponseMetadata"]["RequestId"]
    eventually(lambda: f"{request_id} sts refused" in server.output(), "the attempt in the log")
    old = provider.token(int(time.time()) - 301, sub="us/app")
    with pytest.raises(sts.exceptions.ExpiredTokenException):
        sts.assume_role_with_web_identity(**asked, WebIdentityToken=old)


def test_a_request_that_nobody_signed_is_refused_in_words(
    server: ServerProcess, provider: Issuer, role: str
) -> None:
    """And what the operation does not take, by name."""
    asked = {"Action": "AssumeRoleWithWebIdentity", "Version": "2011-06-15", "RoleSessionName": "session"}
    for more, status, text in [
        ({}, 400, b"Value null at 'roleArn'"),
        ({"RoleArn": role, "WebIdentityToken": "xxxx"}, 400, b"is not a valid JWT"),
        ({"RoleArn": role, "WebIdentityToken": "xxxx", "ProviderId": "www.amazon.com"}, 501, b"ProviderId"),
    ]:
        body = urllib.parse.urlencode(asked | more).encode()
        request = urllib.request.Request(server.url, body, {"Host": "sts.amazonaws.com"})
        with pytest.raises(urllib.error.HTTPError) as caught:
            urllib.request.urlopen(request, timeout=30)
        with caught.value as answer:
            found = answer.read()
            assert (answer.code, text in found) == (status, True), found
