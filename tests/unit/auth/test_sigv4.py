"""Signatures made by botocore are accepted; anything else is refused as AWS refuses it."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from typing import Any
from unittest import mock
from urllib.parse import urlsplit

import botocore.auth
import pytest
from botocore.auth import SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.utils import percent_encode, percent_encode_sequence
from hypothesis import given
from hypothesis import strategies as st

from noria.auth import errors, sigv4
from noria.errors import AwsError
from noria.http.types import Request

NOW_S = 1_780_000_000.0  # 20260528T202640Z
SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
MISMATCH = (
    "The request signature we calculated does not match the signature you provided. Check your AWS Secret"
    " Access Key and signing method. Consult the service documentation for details."
)


def signed(
    method: str = "POST",
    url: str = "http://127.0.0.1:4566/",
    headers: dict[str, str] | None = None,
    body: bytes = b'{"QueueName":"activity25"}',
    *,
    service: str = "sqs",
    region: str = "us-west-1",
    token: str | None = None,
    presign_s: int | None = None,
    at_s: float = NOW_S,
) -> Request:
    """A request as botocore signs it and as the server reads it."""
    sent = AWSRequest(method, url, dict(headers or {}), body)
    sent.headers["Host"] = urlsplit(url).netloc
    credentials = Credentials("AKIAIOSFODNN7EXAMPLE", SECRET, token)
    auth: Any = SigV4Auth(credentials, service, region)
    if presign_s is not None:
        auth = SigV4QueryAuth(credentials, service, region, presign_s)
    now = datetime.datetime.fromtimestamp(at_s, datetime.UTC)
    with mock.patch.object(botocore.auth, "get_current_datetime", return_value=now):
        auth.add_auth(sent)
    parts = urlsplit(sent.url)
    names = {name.lower(): value for name, value in sent.headers.items()}
    wire = {name: value.encode().decode("latin-1").strip(" \t") for name, value in names.items()}
    return Request(method, parts.path or "/", parts.query, wire, body)


def verify(request: Request, *, now_s: float = NOW_S, service: str = "sqs", secret: str = SECRET) -> str:
    claim = sigv4.parse(request, "query")
    assert claim is not None
    sigv4.verify(request, claim, secret, now_s, service=service, protocol="query")
    return claim.claim.access_key_id


def refusal(request: Request, **kwargs: Any) -> AwsError:
    with pytest.raises(AwsError) as caught:
        verify(request, **kwargs)
    return caught.value


def test_a_request_signed_by_botocore_is_believed() -> None:
    assert verify(signed()) == "AKIAIOSFODNN7EXAMPLE"


def test_the_claim_is_read_whole() -> None:
    claim = sigv4.parse(signed(headers={"X-Amz-Target": "AmazonSQS.CreateQueue"}, token="Tok/en="), "json")
    assert claim is not None
    assert (claim.claim.access_key_id, claim.claim.date, claim.claim.region, claim.claim.service) == (
        "AKIAIOSFODNN7EXAMPLE",
        "20260528",
        "us-west-1",
        "sqs",
    )
    assert claim.timestamp == "20260528T202640Z"
    assert claim.claim.signed_headers == ("host", "x-amz-date", "x-amz-security-token", "x-amz-target")
    assert claim.session_token == "Tok/en="
    assert claim.expires_s is None


def test_a_request_without_signature_makes_no_claim() -> None:
    assert sigv4.parse(Request("GET", "/", "", {"host": "x"}, b""), "json") is None
    assert sigv4.parse(Request("GET", "/", "X-Amz-Other=1", {"host": "x"}, b""), "json") is None


names = st.sampled_from(["Content-Type", "X-Amz-Target", "X-Amz-Meta", "Accept", "Cache-Control"])
values = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=30).map(str.strip)
segments = st.text(st.sampled_from("abc-._~ :/%é$+=@,;"), min_size=1, max_size=8)
pairs = st.lists(
    st.tuples(st.text("aB-/+ é%=&", min_size=1, max_size=4), st.text("aB-/+ é%=&", max_size=4)),
    max_size=4,
    unique_by=lambda pair: pair[0],
)


@given(
    method=st.sampled_from(["GET", "POST", "PUT", "DELETE"]),
    path=st.lists(segments, max_size=4),
    slash=st.sampled_from(["", "/"]),
    query=pairs,
    headers=st.dictionaries(names, values, max_size=4),
    body=st.binary(max_size=60),
    token=st.sampled_from([None, "abc//+="]),
)
def test_botocores_header_signatures_are_accepted_for_every_shape_of_request(
    method: str,
    path: list[str],
    slash: str,
    query: list[tuple[str, str]],
    headers: dict[str, str],
    body: bytes,
    token: str | None,
) -> None:
    url = _url(path, slash, query)
    verify(signed(method, url, headers, body, token=token))


@given(path=st.lists(segments, max_size=4), query=pairs, token=st.sampled_from([None, "abc//+="]))
def test_botocores_presigned_urls_are_accepted(
    path: list[str], query: list[tuple[str, str]], token: str | None
) -> None:
    request = signed("GET", _url(path, "", query), {}, b"", token=token, presign_s=600)
    verify(request)
    verify(request, now_s=NOW_S + 600)
    assert refusal(request, now_s=NOW_S + 601).code == "SignatureDoesNotMatch"


def _url(path: list[str], slash: str, query: list[tuple[str, str]]) -> str:
    url = "http://127.0.0.1:4566/" + "/".join(percent_encode(s) for s in path) + slash
    return f"{url}?{percent_encode_sequence(query)}" if query else url


def _tampered(request: Request) -> Iterator[Request]:
    """The request with one byte changed, for each byte that means something."""

    def flip(text: str, at: int) -> str:
        return text[:at] + ("a" if text[at] != "a" else "b") + text[at + 1 :]

    r = request
    yield Request("PATCH", r.path, r.query, r.headers, r.body)
    for at in range(1, len(r.path)):
        yield Request(r.method, flip(r.path, at), r.query, r.headers, r.body)
    for at in range(len(r.query)):
        yield Request(r.method, r.path, flip(r.query, at), r.headers, r.body)
    for at in range(len(r.body)):
        yield Request(r.method, r.path, r.query, r.headers, r.body[:at] + b"!" + r.body[at + 1 :])
    for name, value in r.headers.items():
        for at in range(len(value)):
            yield Request(r.method, r.path, r.query, {**r.headers, name: flip(value, at)}, r.body)
        yield Request(r.method, r.path, r.query, {k: v for k, v in r.headers.items() if k != name}, r.body)
    yield Request(r.method, r.path, r.query, {**r.headers, "x-amz-invocation-type": "Event"}, r.body)
    yield Request(r.method, r.path, r.query + "&a=b", r.headers, r.body)
    yield Request(r.method, r.path, r.query, r.headers, r.body + b" ")


def _believed(request: Request) -> bool:
    try:
        claim = sigv4.parse(request, "json")
        if claim is None or claim.claim.access_key_id != "AKIAIOSFODNN7EXAMPLE":
            return False  # another key has another secret
        sigv4.verify(request, claim, SECRET, NOW_S, service="sqs", protocol="json")
    except AwsError:
        return False
    return True


@pytest.mark.parametrize(
    "request_",
    [
        signed(
            headers={"X-Amz-Target": "AmazonSQS.SendMessage", "Content-Type": "application/x-amz-json-1.0"}
        ),
        signed("PUT", "http://h:1/2015-03-31/functions/a%3Ab/code?Qualifier=%24LATEST&x=y", token="abc"),
        signed("GET", "http://h:1/q/b?Action=GetQueueUrl&z=1", {}, b"", presign_s=60, token="abc"),
    ],
)
def test_every_tampered_byte_is_refused(request_: Request) -> None:
    assert _believed(request_)
    accepted = [vars_of(r) for r in _tampered(request_) if _believed(r)]
    assert accepted == []


def test_a_plus_in_a_query_is_the_space_that_it_is_decoded_to() -> None:
    request = signed("GET", "http://h:1/?Action=GetQueueUrl&QueueName=a%2Bb", {}, b"", presign_s=60)
    assert "a%2Bb" in request.query
    assert _believed(request)
    changed = request.query.replace("a%2Bb", "a+b")
    assert not _believed(Request("GET", "/", changed, request.headers, b""))
    spaced = signed("GET", "http://h:1/?Action=GetQueueUrl&QueueName=a%20b", {}, b"", presign_s=60)
    assert _believed(Request("GET", "/", spaced.query.replace("a%20b", "a+b"), spaced.headers, b""))


def vars_of(r: Request) -> tuple[object, ...]:
    return r.method, r.path, r.query, r.headers, r.body


def test_a_wrong_secret_reads_as_aws_words_it() -> None:
    error = refusal(signed(), secret="wrong")
    assert (error.code, error.message, error.status) == ("SignatureDoesNotMatch", MISMATCH, 403)


def test_a_signature_that_is_no_ascii_is_a_wrong_one() -> None:
    request = signed()
    head, _, _ = request.headers["authorization"].rpartition("=")
    request.headers["authorization"] = f"{head}=\xe9"
    assert refusal(request).message == MISMATCH


def test_json_services_call_the_errors_differently_and_keep_the_query_code() -> None:
    request = signed()
    claim = sigv4.parse(request, "json")
    assert claim is not None
    with pytest.raises(AwsError) as caught:
        sigv4.verify(request, claim, "wrong", NOW_S, service="sqs", protocol="json")
    assert caught.value.code == "InvalidSignatureException"
    assert caught.value.query_code == "SignatureDoesNotMatch"
    assert [
        (error.code, error.query_code, error.status, error.message)
        for error in (
            errors.missing_token("json"),
            errors.unknown_key("rest-json"),
            errors.expired_token("json"),
        )
    ] == [
        (
            "MissingAuthenticationTokenException",
            "MissingAuthenticationToken",
            403,
            "Request is missing Authentication Token",
        ),
        (
            "UnrecognizedClientException",
            "InvalidClientTokenId",
            403,
            "The security token included in the request is invalid.",
        ),
        (
            "ExpiredTokenException",
            "ExpiredToken",
            403,
            "The security token included in the request is expired",
        ),
    ]
    assert errors.missing_token("query").code == "MissingAuthenticationToken"
    assert errors.reworded(AwsError("ExpiredToken", "text", 403), "json").code == "ExpiredTokenException"


def test_five_minutes_of_skew_are_allowed_and_no_second_more() -> None:
    request = signed()
    verify(request, now_s=NOW_S + 300)
    verify(request, now_s=NOW_S - 300)
    assert refusal(request, now_s=NOW_S + 301).message == (
        "Signature expired: 20260528T202640Z is now earlier than 20260528T202641Z (20260528T203141Z - 5 min.)"
    )
    assert refusal(request, now_s=NOW_S - 301).message == (
        "Signature not yet current: 20260528T202640Z is still later than 20260528T202639Z"
        " (20260528T202139Z + 5 min.)"
    )


def test_a_scope_of_another_service_or_region_is_refused_by_name() -> None:
    error = refusal(signed(service="lambda"))
    assert (error.code, error.status) == ("SignatureDoesNotMatch", 403)
    assert error.message == "Credential should be scoped to correct service: 'sqs'. "
    assert refusal(signed(region="nowhere", service="iam")).message == (
        "Credential should be scoped to a valid region. "
        "Credential should be scoped to correct service: 'sqs'. "
    )


@pytest.mark.parametrize("region", ["us-east-1", "us-gov-west-1", "ap-southeast-2", "eusc-de-east-1"])
def test_every_region_is_valid(region: str) -> None:
    verify(signed(region=region))


def with_authorization(text: str, **headers: str) -> Request:
    return Request("POST", "/", "", {"host": "h", "authorization": text, **headers}, b"")


@pytest.mark.parametrize(
    ("authorization", "text"),
    [
        (
            "AWS xxxxx:yyyyyyy",
            "Authorization header requires 'Credential' parameter. Authorization header requires 'Signature'"
            " parameter. Authorization header requires 'SignedHeaders' parameter. Authorization header"
            " requires existence of either a 'X-Amz-Date' or a 'Date' header."
            " Authorization=AWS xxxxx:yyyyyyy",
        ),
        (
            "AWS4-HMAC-SHA256 Credential",
            "'Credential' not a valid key=value pair (missing equal-sign) in Authorization header:"
            " 'AWS4-HMAC-SHA256 Credential'.",
        ),
    ],
)
def test_an_incomplete_header_is_told_what_it_lacks(authorization: str, text: str) -> None:
    error = refusal(with_authorization(authorization))
    assert (error.code, error.message, error.status) == ("IncompleteSignature", text, 400)


def test_parts_of_a_header_are_checked_in_awss_order() -> None:
    form = "AWS4-HMAC-SHA256 Credential={}, SignedHeaders={}, Signature=abc"
    date = {"x-amz-date": "20260528T202640Z"}
    bad_date = refusal(with_authorization(form.format("a/b", "x"), **{"x-amz-date": "201"}))
    assert bad_date.message == (
        "Date must be in ISO-8601 'basic format'. Got '201'. See http://en.wikipedia.org/wiki/ISO_8601"
    )
    no_host = refusal(with_authorization(form.format("a/b", "x-amz-date"), **date))
    assert no_host.message == "'Host' must be a 'SignedHeader' in the AWS Authorization."
    short = refusal(with_authorization(form.format("a/b/c/d", "host"), **date))
    assert short.message == (
        "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term,"
        " got 'a/b/c/d'"
    )
    scope = refusal(with_authorization(form.format("a/20250101/eu-west-1/sqs/e", "host"), **date))
    assert scope.message == (
        "Credential should be scoped with a valid terminator: 'aws4_request', not 'e'. Date in Credential"
        " scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '20250101' != '20260528',"
        " from '20260528T202640Z'."
    )
    month = refusal(
        with_authorization(
            form.format("a/20261301/eu-west-1/sqs/aws4_request", "host"), **{"x-amz-date": "20261301T000000Z"}
        )
    )
    assert month.code == "IncompleteSignature"


def test_a_date_header_stands_in_for_x_amz_date() -> None:
    request = signed(headers={"Date": "whatever"})
    assert "x-amz-date" not in request.headers
    verify(request)


def test_presigned_parameters_are_required_once_each_and_live_a_week_at_most() -> None:
    good = signed("GET", "http://h/", {}, b"", presign_s=60).query
    lacking = "&".join(p for p in good.split("&") if "Credential" not in p)
    assert refusal(Request("GET", "/", lacking, {"host": "h"}, b"")).message == (
        "AWS query-string parameters must include 'X-Amz-Credential'. Re-examine the query-string parameters."
    )
    twice = f"{good}&X-Amz-Signature=abc"
    assert refusal(Request("GET", "/", twice, {"host": "h"}, b"")).code == "IncompleteSignature"
    assert refusal(signed("GET", "http://h/", {}, b"", presign_s=604_801)).code == "IncompleteSignature"
    verify(signed("GET", "http://h/", {}, b"", presign_s=604_800), now_s=NOW_S + 604_000)
    both = Request("GET", "/", good, {"host": "h", "authorization": "AWS4-HMAC-SHA256 "}, b"")
    assert refusal(both).message == (
        "Found both 'X-Amz-Algorithm' as a query-string param and 'Authorization' as HTTP header."
    )


@given(st.text(max_size=60))
def test_no_header_crashes_the_parser(junk: str) -> None:
    text = "AWS4-HMAC-SHA256 " + junk.encode("utf-8", "ignore").decode("latin-1")
    with pytest.raises(AwsError):
        verify(with_authorization(text, **{"x-amz-date": "20260528T202640Z"}))


@given(st.text(max_size=60))
def test_no_query_crashes_the_parser(junk: str) -> None:
    query = "X-Amz-Signature=a" + junk.encode("utf-8", "ignore").decode("latin-1")
    with pytest.raises(AwsError):
        verify(Request("GET", "/", query, {"host": "h"}, b""))
