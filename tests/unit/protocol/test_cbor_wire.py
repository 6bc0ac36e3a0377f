"""CBOR, as Smithy's RPC v2 uses it, and compressed requests."""

from __future__ import annotations

import contextlib
import gzip
import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from noria.errors import AwsError
from noria.http.types import Request
from noria.protocol import cbor, compression
from noria.protocol.identify import Identifier

PATH = "/service/GraniteServiceVersion20100801/operation/PutMetricData"
IDENTIFIER = Identifier(["sqs", "monitoring"])

documents = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False) | st.text()
    | st.binary(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=30), inner, max_size=3),
)  # fmt: skip


@settings(max_examples=200, derandomize=True, deadline=None)
@given(st.dictionaries(st.text(), documents, max_size=4))
def test_what_was_written_is_read(document: dict[str, Any]) -> None:
    assert cbor.parse(cbor.encode(document)) == document


@pytest.mark.parametrize(
    ("sent", "value"),
    [  # RFC 8949, appendix A
        ("00", 0),
        ("1818", 24),
        ("1b000000e8d4a51000", 1_000_000_000_000),
        ("3903e7", -1000),
        ("f93c00", 1.0),
        ("fa47c35000", 100000.0),
        ("fb3ff199999999999a", 1.1),
        ("f97c00", math.inf),
        ("f5", True),
        ("f7", None),
        ("c11a514b67b0", 1363896240),
        ("c1fb41d452d9ec200000", 1363896240.5),
        ("6449455446", "IETF"),
        ("7f657374726561646d696e67ff", "streaming"),
        ("5f42010243030405ff", b"\x01\x02\x03\x04\x05"),
        ("9f018202039f0405ffff", [1, [2, 3], [4, 5]]),
        ("bf61610161629f0203ffff", {"a": 1, "b": [2, 3]}),
    ],
)
def test_every_form_of_a_value_is_read(sent: str, value: Any) -> None:
    assert cbor.parse(bytes.fromhex("a16176" + sent)) == {"v": value}


def test_a_time_is_tagged() -> None:
    assert cbor.encode({"t": cbor.Time(1)}).hex() == "a16174c1fb3ff0000000000000"


@pytest.mark.parametrize(
    "sent",
    [
        "80",  # no map
        "a1",  # cut off
        "a16161",
        "a1616100ff",  # something behind
        "a10000",  # a key that is no text
        "a16161c000",  # a date as text
        "a161619bffffffffffffffff",  # more elements than there are bytes
        "a16161bbffffffffffffffff",
        "a161617bffffffffffffffff",
        "a161617f4100ff",  # bytes within a text
        "a1616161ff",  # no UTF-8
        "a16161fc",
        "a161611c",
        "bf6161",
        "a16161" + "81" * 100_000,
        "a16161" + "9f" * 100_000,
        "a1" + "a1" * 100_000,
    ],
)
def test_what_is_no_cbor_is_refused(sent: str) -> None:
    with pytest.raises(AwsError) as caught:
        cbor.parse(bytes.fromhex(sent))
    assert caught.value.code == "SerializationException"


@settings(max_examples=300, derandomize=True, deadline=None)
@given(st.binary(max_size=40))
def test_any_bytes_are_read_or_refused(sent: bytes) -> None:
    with contextlib.suppress(AwsError):
        assert isinstance(cbor.parse(sent), dict)


def request(body: bytes, path: str = PATH, **headers: str) -> Request:
    return Request("POST", path, "", {k.replace("_", "-"): v for k, v in headers.items()}, body)


@pytest.mark.parametrize(
    "sent",
    [
        request(cbor.encode({"Namespace": "N"}), smithy_protocol="rpc-v2-cbor"),
        request(b'{"Namespace":"N"}', "/", x_amz_target="GraniteServiceVersion20100801.PutMetricData"),
        request(b"Action=PutMetricData&Version=2010-08-01&Namespace=N", "/"),
    ],
)
@pytest.mark.parametrize("compressed", [False, True])
def test_each_of_cloudwatchs_protocols_is_read_compressed_or_not(sent: Request, compressed: bool) -> None:
    scope = "AWS4-HMAC-SHA256 Credential=A/20260101/r/monitoring/aws4_request, X=y"
    sent.headers["authorization"] = scope
    if compressed:
        sent = request(gzip.compress(sent.body), sent.path, content_encoding="gzip", **sent.headers)
    codec = IDENTIFIER.codec(sent)
    route = codec.route(sent)
    assert codec.service.name == "monitoring"
    assert codec.decode(sent, route.operation, {}) == {"namespace": "N"}


@pytest.mark.parametrize("path", ["/service/Other/operation/PutMetricData", "/service/", f"{PATH}X"])
def test_a_path_of_no_operation_is_refused_in_cbor(path: str) -> None:
    sent = request(b"", path)
    codec = IDENTIFIER.codec(sent)
    with pytest.raises(AwsError) as caught:
        codec.route(sent)
    answer = codec.encode_error(caught.value, "id-1")
    assert (answer.status, cbor.parse(answer.body)["__type"]) == (404, "UnknownOperationException")


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"no gzip", 400),
        (gzip.compress(b"x" * 100)[:-12], 400),
        (gzip.compress(b"\0" * (compression.MAX_INFLATED_BYTES + 1)), 413),
    ],
    ids=["no gzip", "cut off", "too long"],
)
def test_a_body_that_cannot_be_inflated_is_refused(body: bytes, status: int) -> None:
    with pytest.raises(AwsError) as caught:
        compression.inflated(request(body, content_encoding="gzip"))
    assert caught.value.status == status
