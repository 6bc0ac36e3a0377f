"""Insights' expressions and functions, row by row of tables."""

from __future__ import annotations

import json

import pytest
from tests.support.insights import rows

DOCUMENT = {
    "text": "Hello World",
    "five": 5,
    "half": 0.5,
    "numeric": "200",
    "yes": True,
    "no": False,
    "nothing": None,
    "empty": "",
    "blank": "  ",
    "ip": "10.1.2.3",
    "list": [{"x": "first"}, {"x": "second"}],
    "nested": {"deep": {"er": "down"}},
    "with-dash": "dashed",
    "a.b": "dotted",
    "@odd": "at",
}

VALUES = [
    ("1 + 2 * 3", "7"),
    ("(1 + 2) * 3", "9"),
    ("2 ^ 3", "8"),
    ("10 % 3", "1"),
    ("-five + 1", "-4"),
    ("five / 2", "2.5"),
    ("five / 3", "1.6667"),
    ("five / 0", None),
    ("five + text", None),
    ('numeric + "1"', "201"),
    ("1e3", "1000"),
    ("text", "Hello World"),
    ("yes", "1"),
    ("no", "0"),
    ("nothing", None),
    ("missing", None),
    ("list.0.x", "first"),
    ("list.9.x", None),
    ("nested.deep.er", "down"),
    ("nested.deep", '{"er":"down"}'),
    ("`with-dash`", "dashed"),
    ("`a.b`", "dotted"),
    ("@@odd", "at"),
    ("@log", "111111111111:/app"),
    ("@logStream", "s"),
    ("@timestamp", "2027-01-15 08:00:00.000"),
    ("@timestamp + 1", "1800000000001"),
    ("abs(-5)", "5"),
    ("ceil(half)", "1"),
    ("floor(half)", "0"),
    ("round(2.567, 1)", "2.6"),
    ("sqrt(16)", "4"),
    ("sqrt(-1)", None),
    ("log(1)", "0"),
    ("log(0)", None),
    ("greatest(five, 7, missing)", "7"),
    ("least(five, 7, missing)", "5"),
    ("strlen(text)", "11"),
    ("toupper(text)", "HELLO WORLD"),
    ("tolower(text)", "hello world"),
    ("substr(text, 6)", "World"),
    ("substr(text, 0, 5)", "Hello"),
    ('replace(text, "o", "0")', "Hell0 W0rld"),
    ("regex_replace(text, /o\\b/, '!')", "Hell! World"),
    ('concat(text, "-", five, missing)', "Hello World-5"),
    ('trim("  a ")', "a"),
    ('ltrim("xxa", "x")', "a"),
    ('rtrim("axx", "x")', "a"),
    ('strcontains(text, "World")', "1"),
    ('strcontains(text, "world")', "0"),
    ('startsWith(text, "Hello")', "1"),
    ('endsWith(text, "x")', "0"),
    ("ispresent(text)", "1"),
    ("isPresent(missing)", "0"),
    ("isempty(empty)", "1"),
    ("isempty(missing)", "1"),
    ("isempty(blank)", "0"),
    ("isblank(blank)", "1"),
    ("coalesce(missing, nothing, five)", "5"),
    ('if(five > 3, "big", "small")', "big"),
    ('case(five < 3, "a", five < 9, "b", "c")', "b"),
    ('urlencode("a b/")', "a%20b%2F"),
    ('urldecode("a%20b")', "a b"),
    ('base64encode("abc")', "YWJj"),
    ('base64decode("YWJj")', "abc"),
    ('base64decode("?")', None),
    ('md5("")', "d41d8cd98f00b204e9800998ecf8427e"),
    ("isValidIp(ip)", "1"),
    ("isValidIpv4(text)", "0"),
    ('isValidIpv6("::1")', "1"),
    ('isIpv4InSubnet(ip, "10.0.0.0/8")', "1"),
    ('isIpv4InSubnet(ip, "192.168.0.0/16")', "0"),
    ('isIpv6InSubnet("2001:db8::1", "2001:db8::/32")', "1"),
    ('isIpInSubnet(ip, "10.0.0.0/8")', "1"),
    ("isPrivateIP(ip)", "1"),
    ('ipv4ToNumber("0.0.1.0")', "256"),
    ("fromMillis(0)", "1970-01-01 00:00:00.000"),
    ("toMillis(@timestamp)", "1800000000000"),
    ("now()", "1800000000"),
    ("bin(1d)", "2027-01-15 00:00:00.000"),
    ("datefloor(@timestamp, 1h)", "2027-01-15 08:00:00.000"),
    ("datefloor(@timestamp, 1w)", "2027-01-11 00:00:00.000"),
    ("datefloor(@timestamp, 2mo)", "2027-01-01 00:00:00.000"),
    ("dateceil(@timestamp, 1h)", "2027-01-15 08:00:00.000"),
    ("dateceil(@timestamp, 1d)", "2027-01-16 00:00:00.000"),
    ("dateceil(@timestamp, 1y)", "2028-01-01 00:00:00.000"),
    ("five > 3 and five < 9", "1"),
    ("1e999", ""),
    ("9" * 400 + " + 1", None),
    ("fromMillis(1e300)", None),
    ("9000000000000000000 * 9000000000000000000 > 8e37", "1"),
    ("10 ^ 400", None),
]


@pytest.mark.parametrize(("expression", "value"), VALUES)
def test_an_expression_has_its_value(expression: str, value: str | None) -> None:
    found = rows(f"fields {expression} as it", [json.dumps(DOCUMENT)])
    assert found == [{} if value is None else {"it": value}]


CONDITIONS = [
    ('text = "Hello World"', True),
    ('text = "hello world"', False),
    ("five = 5", True),
    ('five = "5"', True),
    ("numeric = 200", True),
    ('numeric != "200"', False),
    ("numeric > 30", True),  # as numbers: as texts it would not be
    ("five >= 5 and five <= 5", True),
    ("five < 5 or half < 1", True),
    ("not five = 5", False),
    ("not (five = 6 or five = 7)", True),
    ("yes = 1", True),
    ('missing = "x"', False),
    ('missing != "x"', False),
    ('not missing = "x"', False),
    ('not ispresent(missing) and text like "World"', True),
    ('text like "World"', True),
    ('text like "world"', False),
    ("text like /W.rld$/", True),
    ("text like /(?i)WORLD/", True),
    ("text =~ /o W/", True),
    ('text =~ "^H\\w+ W"', True),
    ('text not like "x"', True),
    ("text not like /World/", False),
    ("five in [1, 5]", True),
    ('text in ["a", "Hello World"]', True),
    ("five not in [1, 2]", True),
    ("nested.deep.er = 'down'", True),
    ("strcontains(text, 'World')", True),
    ("five - 5", False),
    ("five = 5 or missing = 1 and missing = 2", True),
    ('text like "\\"" or text like "o W"', True),
]


@pytest.mark.parametrize(("condition", "holds"), CONDITIONS)
def test_a_condition_holds_or_not(condition: str, holds: bool) -> None:
    assert bool(rows(f"filter {condition}", [json.dumps(DOCUMENT)])) is holds


LAMBDA = "/aws/lambda/f"
REPORT = (
    "REPORT RequestId: 5d7bbfb4-5a2b-4f5a-9c5f-0123456789ab\tDuration: 1.79 ms\tBilled Duration: 2 ms\t"
    "Memory Size: 128 MB\tMax Memory Used: 36 MB\tInit Duration: 100.5 ms\t\n"
    "XRAY TraceId: 1-5d-a\tSegmentId: 77\tSampled: true\n"
)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("@type", "REPORT"),
        ("@requestId", "5d7bbfb4-5a2b-4f5a-9c5f-0123456789ab"),
        ("@duration", "1.79"),
        ("@billedDuration", "2"),
        ("@memorySize / 1000 / 1000", "128"),
        ("@maxMemoryUsed", "36000000"),
        ("@initDuration", "100.5"),
        ("@xraySegmentId", "77"),
    ],
)
def test_a_report_line_of_lambda_has_fields(field: str, value: str) -> None:
    assert rows(f"fields {field} as it", [REPORT], LAMBDA) == [{"it": value}]
    assert rows(f"fields {field} as it", [REPORT], "/another") == [{}]


def test_json_within_a_line_is_found_in_lambdas_logs_only() -> None:
    line = '[INFO]\t2027\t5d7bbfb4-5a2b-4f5a-9c5f-0123456789ab\tdone {"n": 3} and {"n": 4}'
    assert rows("fields n, @requestId", [line], LAMBDA) == [
        {"n": "3", "@requestId": "5d7bbfb4-5a2b-4f5a-9c5f-0123456789ab"}
    ]
    assert rows("fields n", [line], "/another") == [{}]


@pytest.mark.parametrize("message", ["{", "[1]", '{"n": ' * 5000, "plain", "{not json}", ""])
def test_what_is_no_json_object_has_no_fields(message: str) -> None:
    for group in (LAMBDA, "/another"):
        assert rows("fields n", [message], group) == [{}]
