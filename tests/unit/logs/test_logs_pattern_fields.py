"""Filter patterns of space-delimited events. The cases are those of the user guide and the API reference."""

from __future__ import annotations

import time

import pytest

from noria.errors import AwsError
from noria.services.logs.patterns import compile_pattern

FRANK = '127.0.0.1 Prod frank [10/Oct/2000:13:25:15 -0700] "GET /index.html HTTP/1.0" 404 1534'
URLS = [
    "INFO 09/25/2014 12:00:00 GET /service/resource/67 1200",
    "INFO 09/25/2014 12:00:01 POST /service/resource/67/part/111 1310",
    "WARNING 09/25/2014 12:00:02 Invalid user request",
    "ERROR 09/25/2014 12:00:02 Failed to process request",
]


@pytest.mark.parametrize(
    "pattern",
    [
        r"[ip=%127\.0\.0\.[1-9]%, user, username, timestamp, request =*.html*, status_code = 4*, bytes]",
        "[..., request =*.html*, status_code = 4*, bytes]",
        "[ip, user, username, timestamp, request =*.html*, status_code = 404 || status_code = 410, bytes]",
        "[ip, user, username, timestamp, request, status_code, bytes > 1000]",
        "[ip, user, username, timestamp, request, status_code = 404, bytes]",
        "[ip, user, username, timestamp, request, status_code = 4* && bytes_ > 1, bytes]".replace(
            "bytes_ > 1", "status_code != 403"
        ),
        "[ip, user, ..., status_code, bytes]",
        "[ip, user, ...]",
        "[...]",
        "[]",
        "[,,,,,,]",
        "[ip, ..., bytes<=1534]",
        '[ip, user, username="frank", ...]',
        "[a,b,c,d,e,f,g]",
        "[a, ..., b, c, d, e, f, g]",
        "[w1=127.0.0.1, w2]",
        "[w1, w2=Prod*]",
        "[..., status_code=4.04e2, bytes]",
        "  [ip,...]  ",
    ],
)
def test_a_pattern_matches_awss_example(pattern: str) -> None:
    assert compile_pattern(pattern).matches(FRANK)
    assert not compile_pattern(pattern).is_everything


@pytest.mark.parametrize(
    "pattern",
    [
        "[ip, user, username, timestamp, request, status_code, bytes > 1534]",
        "[..., status_code = 5*, bytes]",
        "[..., status_code = 4* && status_code != 404, bytes]",
        "[..., request > 1, status, bytes]",
        "[a,b,c,d,e,f,g,h]",
        "[a, b, c, ..., d, e, f, g, h]",
        "[w1=Prod, w2]",
        "[w1=127.0.0.1]",
    ],
)
def test_a_pattern_does_not_match_awss_example(pattern: str) -> None:
    assert not compile_pattern(pattern).matches(FRANK)


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("[w1=ERROR, w2]", [3]),
        ("[w1=ERROR || w1=WARNING, w2]", [2, 3]),
        ("[w1!=ERROR && w1!=WARNING, w2]", [0, 1]),
        ("[w1!=ERROR&&w1!=WARNING,w2]", [0, 1]),
        ("[logLevel, date, time, method, url=%/service/resource/[0-9]+$%, response_time]", [0]),
        ("[logLevel, date, time, method, url=%/service/resource/[0-9]+/part/[0-9]+$%, response_time]", [1]),
        ("[..., last>=1310]", [1]),
    ],
)
def test_words_are_matched_in_order(pattern: str, expected: list[int]) -> None:
    compiled = compile_pattern(pattern)
    assert [number for number, line in enumerate(URLS) if compiled.matches(line)] == expected


@pytest.mark.parametrize(
    ("pattern", "values"),
    [
        (
            "[..., request=*.html*, status_code=4*,]",
            {
                "$1": "127.0.0.1",
                "$2": "Prod",
                "$3": "frank",
                "$4": "10/Oct/2000:13:25:15 -0700",
                "$request": "GET /index.html HTTP/1.0",
                "$status_code": "404",
                "$7": "1534",
            },
        ),
        (
            "[ip, identity, user_id, timestamp, request, status_code, size]",
            {
                "$ip": "127.0.0.1",
                "$identity": "Prod",
                "$user_id": "frank",
                "$timestamp": "10/Oct/2000:13:25:15 -0700",
                "$request": "GET /index.html HTTP/1.0",
                "$status_code": "404",
                "$size": "1534",
            },
        ),
        ("[ip, rest]", {"$ip": "127.0.0.1", "$rest": FRANK.removeprefix("127.0.0.1 ")}),
    ],
)
def test_fields_are_extracted(pattern: str, values: dict[str, str]) -> None:
    assert compile_pattern(pattern).values(FRANK) == values
    assert compile_pattern(pattern).values("x") is None


def test_a_field_can_be_asked_for() -> None:
    pattern = compile_pattern("[..., status, bytes]")
    assert (pattern.value(FRANK, "$bytes"), pattern.value(FRANK, "$x")) == ("1534", None)
    assert [pattern.has(selector) for selector in ("$bytes", "$1", "$.bytes", "bytes")] == [
        True,
        False,
        False,
        False,
    ]


@pytest.mark.parametrize(
    ("pattern", "error"),
    [
        ("[a b]", "Invalid filter pattern"),
        ("[a, b", "Invalid filter pattern"),
        ("[a, ..., b, ...]", "Invalid filter pattern"),
        ("[a=1 && b=2, b]", "Invalid filter pattern"),
        ("[a] b", "Invalid filter pattern"),
        ("[a > x, b]", "Invalid filter pattern"),
        ("[(a=1), b]", "Invalid character(s) in term '('"),
        ("[a=, b]", "Invalid character(s) in term ','"),
        ("[a ~ 1, b]", "Invalid character(s) in term '~'"),
        ("[a=%x%, b=%y%, c=%z%]", "A filter pattern can have at most 2 regular expressions."),
    ],
)
def test_a_pattern_that_is_wrong_is_refused(pattern: str, error: str) -> None:
    with pytest.raises(AwsError) as refused:
        compile_pattern(pattern)
    assert str(refused.value) == f"InvalidParameterException: {error}"


def test_an_event_is_split_in_one_pass() -> None:
    """Brackets that are never closed must not be looked for again and again."""
    started = time.process_time()
    assert not compile_pattern("[..., last=x]").matches('[a "b ' * 100_000)
    assert time.process_time() - started < 2
