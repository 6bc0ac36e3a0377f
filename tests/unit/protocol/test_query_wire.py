"""The Query protocol on the wire, as measured from STS and recorded from IAM."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from noria.errors import AwsError
from noria.http.types import Request
from noria.protocol.models import load_service
from noria.protocol.query import MAX_FORM_BYTES, QueryCodec

STS = QueryCodec(load_service("sts"))
IAM = QueryCodec(load_service("iam"))
VERSIONS = {"sts": "2011-06-15", "iam": "2010-05-08"}


def post(body: str | bytes) -> Request:
    raw = body.encode() if isinstance(body, str) else body
    return Request("POST", "/", "", {"content-type": "application/x-www-form-urlencoded"}, raw)


def decode(codec: QueryCodec, action: str, **parameters: str) -> dict[str, Any]:
    version = VERSIONS[codec.service.name]
    sent = post(urlencode({"Action": action, "Version": version, **parameters}))
    route = codec.route(sent)
    assert route.operation.name == action
    return codec.decode(sent, route.operation, route.uri_params)


def refusal(sent: Request) -> str:
    """The error's code, "" where there is none."""
    try:
        STS.decode(sent, STS.route(sent).operation, {})
    except AwsError as error:
        return error.code
    return ""


def test_lists_structures_and_types() -> None:
    assert decode(
        STS,
        "AssumeRole",
        **{
            "RoleArn": "arn:é +&",
            "DurationSeconds": "+0900",
            "PolicyArns.member.1.arn": "a",
            "Tags.member.2.Key": "second",
            "Tags.member.10.Key": "tenth",
            "Tags.member.1.Key": "first",
            "Tags.member.1.Value": "",
            "TransitiveTagKeys": "",
            "Unknown": "ignored",
            "RoleArn.nested": "ignored too",
        },
    ) == {
        "role_arn": "arn:é +&",
        "duration_seconds": 900,
        "policy_arns": [{"arn": "a"}],
        "tags": [{"Key": "first", "Value": ""}, {"Key": "second"}, {"Key": "tenth"}],
        "transitive_tag_keys": [],
    }
    assert decode(IAM, "GetAccountAuthorizationDetails", MaxItems="5") == {"max_items": 5}
    assert decode(IAM, "CreatePolicyVersion", SetAsDefault="true") == {"set_as_default": True}


def test_parameters_may_be_in_the_address() -> None:
    sent = Request("GET", "/", "Action=GetCallerIdentity&Version=2011-06-15&X-Amz-Date=1", {}, b"")
    route = STS.route(sent)
    assert route.operation.name == "GetCallerIdentity"
    assert STS.decode(sent, route.operation, {}) == {}


def test_of_a_name_that_is_sent_twice_the_first_counts() -> None:
    sent = post("Action=GetCallerIdentity&Action=Nope&Version=2011-06-15&Version=1")
    assert STS.route(sent).operation.name == "GetCallerIdentity"


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (
            "Action=NoSuchAction&Version=2011-06-15",
            "Could not find operation NoSuchAction for version 2011-06-15",
        ),
        (
            "Action=GetCallerIdentity",
            "Could not find operation GetCallerIdentity for version NO_VERSION_SPECIFIED",
        ),
        ("Action=GetCallerIdentity&Version=", "Could not find operation GetCallerIdentity for version "),
        (
            "Action=GetCallerIdentity&Version=2000-01-01",
            "Could not find operation GetCallerIdentity for version 2000-01-01",
        ),
        ("Action=&Version=2011-06-15", "Could not find operation  for version 2011-06-15"),
        ("Action=%3Cb%3E&Version=2011-06-15", "Could not find operation <b> for version 2011-06-15"),
        ("Action=%00&Version=2011-06-15", "Could not find operation \0 for version 2011-06-15"),
    ],
)
def test_an_unknown_action_is_named_with_its_version(body: str, text: str) -> None:
    with pytest.raises(AwsError) as caught:
        STS.route(post(body))
    assert (caught.value.code, caught.value.message, caught.value.status) == ("InvalidAction", text, 400)
    document = STS.encode_error(caught.value, "id-1").body.decode()
    shown = text.replace("<", "&lt;").replace(">", "&gt;").replace("\0", "\ufffd")
    assert document == (
        '<ErrorResponse xmlns="http://webservices.amazon.com/AWSFault/2005-15-09"><Error><Type>Sender</Type>'
        f"<Code>InvalidAction</Code><Message>{shown}</Message></Error><RequestId>id-1</RequestId></ErrorResponse>"
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "missing value for decimal type"),
        ("abc", ""),
        ("900.0", ""),
        ("2147483648", ""),
        ("-2147483649", ""),
        ("9" * 5000, ""),
        ("٣", ""),
    ],
)
def test_a_number_that_is_none_is_malformed_input(text: str, message: str) -> None:
    with pytest.raises(AwsError) as caught:
        decode(STS, "AssumeRole", DurationSeconds=text)
    assert (caught.value.code, caught.value.message) == ("MalformedInput", message)
    assert decode(STS, "AssumeRole", DurationSeconds="-2147483648") == {"duration_seconds": -2147483648}


@pytest.mark.parametrize(
    "body",
    [
        b"Action=%FF&Version=2011-06-15",
        b"Action=\xff&Version=2011-06-15",
        b"Action=AssumeRole&Version=2011-06-15&Tags.member.x.Key=1",
        b"a&" * 20_000 + b"Action=AssumeRole&Version=2011-06-15",
    ],
)
def test_what_is_no_form_is_malformed_input(body: bytes) -> None:
    assert refusal(post(body)) == "MalformedInput"


def test_a_form_is_bounded() -> None:
    with pytest.raises(AwsError) as caught:
        STS.route(post(b"Action=" + b"x" * MAX_FORM_BYTES))
    assert caught.value.status == 413


names = st.lists(
    st.sampled_from(["Tags", "member", "1", "2", "Key", "", "Value", "RoleArn", "x"]), max_size=6
)


@given(st.lists(st.tuples(names.map(".".join), st.text(max_size=3)), max_size=6))
def test_no_parameters_crash_the_decoder(parameters: list[tuple[str, str]]) -> None:
    sent = post("Action=AssumeRole&Version=2011-06-15&" + urlencode(parameters))
    assert refusal(sent) in {"", "MalformedInput"}


def test_deep_names_are_ignored() -> None:
    assert decode(STS, "AssumeRole", **{".".join("a" * 10_000): "x", "RoleArn": "r"}) == {"role_arn": "r"}


def test_an_answer_has_its_wrapper_its_namespace_and_the_request_id() -> None:
    operation = STS.service.operation("AssumeRole")
    assert operation is not None
    response = STS.encode(
        operation,
        {
            "PackedPolicySize": None,
            "Credentials": {"SessionToken": 'a<b>&"\r', "Expiration": 1_420_070_400.9},
            "AssumedRoleUser": {"Arn": "arn"},
        },
        "id-1",
    )
    assert response.status == 200
    assert response.headers == [("x-amzn-RequestId", "id-1"), ("Content-Type", "text/xml")]
    assert response.body.decode() == (
        '<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult><Credentials>'
        "<SessionToken>a&lt;b&gt;&amp;&quot;&#xD;</SessionToken>"
        "<Expiration>2015-01-01T00:00:00Z</Expiration></Credentials>"
        "<AssumedRoleUser><Arn>arn</Arn></AssumedRoleUser></AssumeRoleResult>"
        "<ResponseMetadata><RequestId>id-1</RequestId></ResponseMetadata></AssumeRoleResponse>"
    )


def test_lists_have_members_and_operations_without_output_no_result() -> None:
    listing = IAM.service.operation("ListRoles")
    assert listing is not None
    roles = {"Roles": [{"RoleName": "a"}, {"RoleName": "b"}], "IsTruncated": False}
    assert (
        "<ListRolesResult><Roles><member><RoleName>a</RoleName></member><member><RoleName>b</RoleName></member>"
        "</Roles><IsTruncated>false</IsTruncated></ListRolesResult>"
    ) in IAM.encode(listing, roles, "id-1").body.decode()
    delete = IAM.service.operation("DeleteRole")
    assert delete is not None
    assert IAM.encode(delete, {}, "id-1").body == (
        b'<DeleteRoleResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/">'
        b"<ResponseMetadata><RequestId>id-1</RequestId></ResponseMetadata></DeleteRoleResponse>"
    )


def test_an_error_has_the_models_code_and_no_empty_message() -> None:
    error = IAM.encode_error(AwsError("NoSuchEntityException", "The role & all", 404), "id-1")
    assert error.status == 404
    assert error.body == (
        b'<ErrorResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/"><Error><Type>Sender</Type>'
        b"<Code>NoSuchEntity</Code><Message>The role &amp; all</Message></Error><RequestId>id-1</RequestId>"
        b"</ErrorResponse>"
    )
    assert b"<Message>" not in STS.encode_error(AwsError("MalformedInput", ""), "id-1").body
    assert b"<Type>Receiver</Type>" in STS.encode_error(AwsError("InternalFailure", "x", 500), "id-1").body
