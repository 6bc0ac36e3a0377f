"""Attacks on signatures, tokens and URLs against a real server: nothing gets in, and each is logged."""

from __future__ import annotations

import json
import time
from collections.abc import Callable

import pytest
from tests.support.aws import ACCOUNT, ACCOUNT_TRUST, Aws, allow, eventually, unique
from tests.support.raw import Answer, Raw, presigned, send, signed
from tests.support.server import Keys, ServerProcess

WHO_AM_I = b"Action=GetCallerIdentity&Version=2011-06-15"
FORM = {"content-type": "application/x-www-form-urlencoded; charset=utf-8"}
JSON = "application/x-amz-json-1.0"


@pytest.fixture(scope="module")
def keys(aws: Aws) -> Keys:
    """Of a role that may do everything with SQS."""
    return aws.assume(aws.role(trusting=ACCOUNT_TRUST, All=allow("sqs:*", "*")), "attacked")


@pytest.fixture(scope="module")
def host(server: ServerProcess) -> str:
    return f"127.0.0.1:{server.port}"


@pytest.fixture(scope="module")
def queue(aws: Aws) -> str:
    return aws.queue()[0]


def sqs(keys: Keys, host: str, operation: str, body: dict[str, object], age_s: float = 0) -> Raw:
    headers = {"x-amz-target": f"AmazonSQS.{operation}", "content-type": JSON}
    return signed(keys, host, "sqs", body=json.dumps(body).encode(), headers=headers, age_s=age_s)


def depth(aws: Aws, url: str) -> int:
    name = "ApproximateNumberOfMessages"
    answer = aws.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=[name])
    return int(answer["Attributes"][name])


def refused(server: ServerProcess, request: Raw) -> Answer:
    """Sent and refused: by a 4xx, with a request id that the server's log has too."""
    answer = send(server, request)
    assert 400 <= answer.status < 500, answer
    assert answer.request_id
    eventually(lambda: f"{answer.request_id} " in server.output(), "the refusal in the log", within_s=5)
    assert f"{answer.request_id} sqs failed, a bug" not in server.output()
    return answer


def test_the_tests_own_signer_is_right(server: ServerProcess, host: str, keys: Keys) -> None:
    answer = send(server, signed(keys, host, "sts", body=WHO_AM_I, headers=FORM))
    assert answer.status == 200
    assert "assumed-role" in answer.text
    query = {"Action": "GetCallerIdentity", "Version": "2011-06-15"}
    assert send(server, presigned(keys, host, "sts", query)).status == 200


# Signatures

FORGERIES: dict[str, Callable[[Raw], Raw]] = {
    "no signature": lambda r: r._replace(headers=[h for h in r.headers if h[0] != "authorization"]),
    "an empty signature": lambda r: r.with_header(
        "authorization", r.header("authorization").rpartition("Signature=")[0] + "Signature="
    ),
    "a signature of zeros": lambda r: r.with_header(
        "authorization", r.header("authorization").rpartition("Signature=")[0] + "Signature=" + "0" * 64
    ),
    "a signature in upper case": lambda r: r.with_header(
        "authorization",
        r.header("authorization").rpartition("=")[0] + "=" + r.header("authorization")[-64:].upper(),
    ),
    "half of the signature": lambda r: r.with_header("authorization", r.header("authorization")[:-32]),
    "another key id": lambda r: r.with_header(
        "authorization", r.header("authorization").replace("Credential=ASIA", "Credential=AKIA")
    ),
    "another region": lambda r: r.with_header(
        "authorization", r.header("authorization").replace("/us-east-1/", "/eu-west-1/")
    ),
    "another service": lambda r: r.with_header(
        "authorization", r.header("authorization").replace("/sqs/", "/iam/")
    ),
    "another terminator": lambda r: r.with_header(
        "authorization", r.header("authorization").replace("aws4_request", "aws5_request")
    ),
    "another algorithm": lambda r: r.with_header(
        "authorization", r.header("authorization").replace("AWS4-HMAC-SHA256", "AWS4-HMAC-SHA1")
    ),
    "fewer signed headers": lambda r: r.with_header(
        "authorization", r.header("authorization").replace(";x-amz-target", "")
    ),
    "no signed headers": lambda r: r.with_header(
        "authorization",
        r.header("authorization").replace("SignedHeaders=content-type;host", "SignedHeaders="),
    ),
    "a longer body": lambda r: r._replace(body=r.body + b" "),
    "another body": lambda r: r._replace(body=r.body.replace(b"attack", b"attaxx")),
    "no body": lambda r: r._replace(body=b""),
    "a body that claims to be unsigned": lambda r: r._replace(
        body=r.body.replace(b"attack", b"attaxx")
    ).with_header("x-amz-content-sha256", "UNSIGNED-PAYLOAD"),
    "another target": lambda r: r.with_header("x-amz-target", "AmazonSQS.DeleteQueue"),
    "another method": lambda r: r._replace(method="PUT"),
    "another path": lambda r: r._replace(path="/other"),
    "another query": lambda r: r._replace(query="Action=DeleteQueue"),
    "another host": lambda r: r.with_header("host", "sqs.us-east-1.amazonaws.com"),
    "another date": lambda r: r.with_header("x-amz-date", "20200101T000000Z"),
    "no date": lambda r: r._replace(headers=[h for h in r.headers if h[0] != "x-amz-date"]),
    "an added header of AWS's": lambda r: r.with_header("x-amz-invocation-type", "Event"),
    "a second authorization": lambda r: r._replace(headers=[*r.headers, r.headers[-1]]),
    "a second target": lambda r: r._replace(headers=[*r.headers, ("x-amz-target", "AmazonSQS.DeleteQueue")]),
    "no token": lambda r: r._replace(headers=[h for h in r.headers if h[0] != "x-amz-security-token"]),
    "an empty token": lambda r: r.with_header("x-amz-security-token", ""),
    "a changed token": lambda r: r.with_header(
        "x-amz-security-token", "A" + r.header("x-amz-security-token")[1:-1] + "A"
    ),
    "half a token": lambda r: r.with_header("x-amz-security-token", r.header("x-amz-security-token")[:99]),
    "an endless token": lambda r: r.with_header("x-amz-security-token", "A" * 20_000),
}  # fmt: skip


@pytest.mark.parametrize("forgery", FORGERIES)
def test_a_forged_request_is_refused(
    aws: Aws, server: ServerProcess, host: str, keys: Keys, queue: str, forgery: str
) -> None:
    right = sqs(keys, host, "SendMessage", {"QueueUrl": queue, "MessageBody": "attack"})
    forged = FORGERIES[forgery](right)
    assert forged != right
    refused(server, forged)
    assert depth(aws, queue) == 0


@pytest.mark.parametrize("age_s", [301, 3600, 86_400, -301, -3600])
def test_a_request_is_not_replayed_later_nor_made_in_advance(
    aws: Aws, server: ServerProcess, host: str, keys: Keys, queue: str, age_s: float
) -> None:
    message: dict[str, object] = {"QueueUrl": queue, "MessageBody": "attack"}
    answer = refused(server, sqs(keys, host, "SendMessage", message, age_s=age_s))
    assert ("Signature expired" if age_s > 0 else "Signature not yet current") in answer.text
    assert depth(aws, queue) == 0


def test_a_request_for_two_hosts_is_refused(server: ServerProcess, host: str, keys: Keys) -> None:
    request = signed(keys, host, "sts", body=WHO_AM_I, headers=FORM)
    assert send(server, request._replace(headers=[*request.headers, ("host", host)])).status == 400


# A signature for one thing, used for another


@pytest.mark.parametrize("service", ["lambda", "iam", "logs", "sqs"])
def test_a_signature_for_one_service_is_none_for_another(
    server: ServerProcess, host: str, keys: Keys, service: str
) -> None:
    request = signed(keys, host, service, body=WHO_AM_I, headers=FORM)
    name = f"/us-east-1/{service}/"
    refused(server, request.with_header(
        "authorization", request.header("authorization").replace(name, "/us-east-1/sts/")
    ))  # fmt: skip


def test_a_target_of_another_service_needs_its_scope(server: ServerProcess, host: str, keys: Keys) -> None:
    headers = {"x-amz-target": "AmazonSQS.ListQueues", "content-type": JSON}
    answer = refused(server, signed(keys, host, "logs", body=b"{}", headers=headers))
    assert "Credential should be scoped to correct service: 'sqs'." in answer.text


@pytest.mark.parametrize(
    "path",
    [
        "/2015-03-31/functions/x/../mine",
        "/2015-03-31/functions/./mine",
        "/2015-03-31//functions//mine",
        "/../2015-03-31/functions/mine",
        "/2015-03-31/functions/yours",
        "/2015-03-31/functions/%6dine",
        "/2015-03-31/functions/mine/",
        "/2015-03-31/functions/mine%00",
        "/2015-03-31/functions/mine/configuration",
    ],
)
def test_a_signed_path_leads_nowhere_else(server: ServerProcess, host: str, keys: Keys, path: str) -> None:
    """Root would get ResourceNotFound for a function that is not there: not what a stolen signature gets."""
    root = Keys(server.root.access_key_id, server.root.secret_access_key)
    right = signed(root, host, "lambda", method="GET", path="/2015-03-31/functions/mine")
    assert send(server, right).status == 404
    answer = send(server, right._replace(path=path))
    assert answer.status in (403, 404)
    if answer.status == 404:  # the same once it is normalised: the same function, or no operation
        assert "function:mine" in answer.text or answer.text == "{}"


# Presigned URLs

IDENTITY = {"Action": "GetCallerIdentity", "Version": "2011-06-15"}


def test_a_presigned_url_changed_in_any_byte_is_refused(server: ServerProcess, host: str, keys: Keys) -> None:
    root = Keys(server.root.access_key_id, server.root.secret_access_key)
    right = presigned(root, host, "sts", IDENTITY)
    assert send(server, right).status == 200
    got_in = []
    for at, char in enumerate(right.query):
        changed = right.query[:at] + ("A" if char != "A" else "B") + right.query[at + 1 :]
        if send(server, right._replace(query=changed)).status < 400:
            got_in.append(changed)
    assert got_in == []
    for other in (
        right._replace(method="POST"),
        right._replace(method="HEAD"),
        right._replace(path="/x"),
        right._replace(body=b"Action=ListUsers&Version=2010-05-08"),
        right.with_header("host", "elsewhere"),
        right.with_header("x-amz-security-token", "x"),
        right._replace(query=right.query + "&Action=ListUsers"),
        right._replace(query="Action=ListUsers&" + right.query),
        right._replace(query=right.query + "&X-Amz-Expires=604800"),
        right._replace(query=right.query + "&x=1"),
        right._replace(query=right.query.replace("X-Amz-Algorithm", "x-amz-algorithm")),
        right._replace(query=right.query.replace("X-Amz-Expires=60", "X-Amz-Expires=999999")),
        right._replace(query=right.query.replace("X-Amz-Expires=60", "X-Amz-Expires=-1")),
        right.with_header("authorization", "AWS4-HMAC-SHA256 Credential=x, SignedHeaders=host, Signature=x"),
    ):
        assert send(server, other).status >= 400, other


def test_a_presigned_url_expires(server: ServerProcess, host: str, keys: Keys) -> None:
    assert send(server, presigned(keys, host, "sts", IDENTITY, age_s=55)).status == 200
    assert "Signature expired" in refused(server, presigned(keys, host, "sts", IDENTITY, age_s=61)).text
    assert "not yet current" in refused(server, presigned(keys, host, "sts", IDENTITY, age_s=-400)).text


# Tokens


def test_tokens_and_keys_of_two_roles_do_not_mix(aws: Aws, server: ServerProcess, host: str) -> None:
    one = aws.assume(aws.role(trusting=ACCOUNT_TRUST), "one")
    other = aws.assume(aws.role(trusting=ACCOUNT_TRUST), "other")
    root = Keys(server.root.access_key_id, server.root.secret_access_key)
    for mixed in (
        one._replace(session_token=other.session_token),
        one._replace(secret_access_key=other.secret_access_key),
        one._replace(access_key_id=other.access_key_id),
        one._replace(access_key_id=root.access_key_id),
        one._replace(secret_access_key=root.secret_access_key),
        root._replace(session_token=one.session_token),
        Keys(one.access_key_id, one.secret_access_key),
        Keys(one.access_key_id, root.secret_access_key),
        Keys(ACCOUNT, "anything"),
        Keys("", ""),
    ):
        refused(server, signed(mixed, host, "sts", body=WHO_AM_I, headers=FORM))
    for right in (one, other):
        assert send(server, signed(right, host, "sts", body=WHO_AM_I, headers=FORM)).status == 200


def test_norias_own_endpoints_are_not_for_roles(server: ServerProcess, host: str, keys: Keys) -> None:
    for method, path in (("GET", "/_noria/status"), ("GET", "/_noria/explain"), ("POST", "/_noria/reset")):
        answer = send(server, signed(keys, host, "noria", method=method, path=path))
        assert answer.status == 403
    other_service = signed(keys, host, "sqs", method="GET", path="/_noria/status")
    assert send(server, other_service).status == 403


# Headers that proxies and other servers believe


def test_where_a_request_comes_from_is_no_claim_of_its_own(
    aws: Aws, server: ServerProcess, host: str, queue: str
) -> None:
    document = json.loads(allow("sqs:*", "*"))
    document["Statement"][0]["Condition"] = {"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}
    keys = aws.assume(aws.role(trusting=ACCOUNT_TRUST, P=json.dumps(document)), "outside")
    message: dict[str, object] = {"QueueUrl": queue, "MessageBody": "attack"}
    request = sqs(keys, host, "SendMessage", message)
    for name in ("X-Forwarded-For", "X-Real-IP", "Forwarded", "X-Amz-Source-Ip", "True-Client-IP"):
        refused(server, request.with_header(name, "10.1.2.3"))
    assert depth(aws, queue) == 0


@pytest.mark.parametrize(
    "header", ["X-HTTP-Method-Override", "X-Original-URL", "X-Rewrite-URL", "X-Forwarded-Host", "Via"]
)
def test_headers_that_redirect_elsewhere_change_nothing(
    server: ServerProcess, host: str, keys: Keys, header: str
) -> None:
    request = signed(keys, host, "sts", body=WHO_AM_I, headers=FORM).with_header(header, "/_noria/reset")
    answer = send(server, request)
    assert answer.status == 200
    assert "GetCallerIdentityResult" in answer.text


# Bombs


@pytest.mark.parametrize(
    "document",
    [
        '{"Version":"2012-10-17","Statement":' + "[" * 50_000 + "]" * 50_000 + "}",
        '{"a":' * 20_000 + "1" + "}" * 20_000,
        '{"Version":"2012-10-17","Statement":[' + ",".join(['{"Effect":"Allow"}'] * 5000) + "]}",
        '{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s:*","Resource":"'
        + "*a" * 60_000
        + '"}}',
        " " * 120_000 + "{}",
        '"' + "\\u0000" * 20_000 + '"',
    ],
    ids=["nested lists", "nested objects", "many statements", "a long pattern", "white space", "nulls"],
)
def test_a_policy_bomb_is_refused_at_once(aws: Aws, document: str) -> None:
    began = time.monotonic()
    with pytest.raises(aws.iam.exceptions.ClientError):
        aws.iam.create_policy(PolicyName=unique("bomb"), PolicyDocument=document)
    assert time.monotonic() - began < 3


def test_a_policy_of_wildcards_at_its_largest_is_evaluated_at_once(
    aws: Aws, server: ServerProcess, queue: str
) -> None:
    resource = "arn:aws:sqs:us-east-1:*:" + "*a" * 2800 + "b"
    role = aws.role(trusting=ACCOUNT_TRUST, Bomb=allow("sqs:*", resource))
    client = server.client("sqs", aws.assume(role, "bomber"))
    began = time.monotonic()
    with pytest.raises(client.exceptions.ClientError):
        client.send_message(QueueUrl=queue.rpartition("/")[0] + "/" + "a" * 80, MessageBody="m")
    assert time.monotonic() - began < 3
