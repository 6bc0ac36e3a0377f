"""Filter patterns of JSON events. The cases are those of the user guide, and what it leaves open."""

from __future__ import annotations

import json

import pytest

from noria.errors import AwsError
from noria.services.logs.patterns import compile_pattern

TRAIL = json.dumps(
    {
        "eventType": "UpdateTrail",
        "sourceIPAddress": "111.111.111.111",
        "arrayKey": ["value", "another value"],
        "objectList": [{"name": "a", "id": 1}, {"name": "b", "id": 2}],
        "SomeObject": None,
        "ThisFlag": True,
        "ThatFlag": False,
        "cluster.name": "c",
        "someInt": 123,
        "someFloat": 12.34,
        "numbers": [1000, 0.001],
        "detail-type": "x",
        "quoted": 'say "hi"',
    }
)
USERS = json.dumps(
    {
        "user": {"id": 1, "email": "John.Stiles@example.com"},
        "users": [{"id": 2, "email": "John.Doe@example.com"}, {"id": 3, "email": "Jane.Doe@example.com"}],
        "actions": ["GET", "PUT", "DELETE"],
        "coordinates": [[0, 1, 2], [4, 5, 6], [7, 8, 9]],
    }
)


@pytest.mark.parametrize(
    "pattern",
    [
        '{ $.eventType = "UpdateTrail" }',
        '{$.eventType="UpdateTrail"}',
        "{ $.eventType = UpdateTrail }",
        '{ $.eventType = "Update*" }',
        '{ $.eventType = "*Trail" }',
        "{ $.eventType = *date* }",
        '{ $.eventType = "*" }',
        "{ $.someInt = * }",
        '{ $.eventType != "DeleteTrail" }',
        "{ $.sourceIPAddress != 123.123.* }",
        "{ $.sourceIPAddress = 111.111.* }",
        '{ $.arrayKey[0] = "value" }',
        '{ $.arrayKey[1] = "another value" }',
        "{ $.objectList[1].id = 2 }",
        "{ $.eventType = %Trail% }",
        "{ $.eventType != %^Trail% }",
        "{ $.arrayKey[*] = %val.{2}% }",
        "{ $.objectList[*].id = 2 }",
        r"{ $.* = %111\.111\.111\.1[0-9]{1,2}% }",
        "{ $.['cluster.name'] = \"c\" }",
        "{ $.SomeObject IS NULL }",
        "{ $.ThisFlag IS TRUE }",
        "{ $.ThatFlag IS FALSE }",
        "{ $.ThisFlag = true }",
        "{ $.SomeOtherObject NOT EXISTS }",
        "{ $.eventType.deeper NOT EXISTS }",
        "{ $.arrayKey[2] NOT EXISTS }",
        "{ $.someInt = 123 }",
        "{ $.someInt = 1.23e2 }",
        "{ $.someInt = 12* }",
        '{ $.someInt = "123" }',
        "{ $.someInt != 111 }",
        "{ $.someInt > 1 }",
        "{ $.someInt >= +123 }",
        "{ $.someInt < 1000 }",
        "{ $.someInt <= 123 }",
        "{ $.someFloat = 12.34 }",
        "{ $.someFloat > -1 }",
        "{ $.numbers[0] = 1e+3 }",
        "{ $.numbers[1] = 1e-3 }",
        '{ $.detail-type = "x" }',
        r'{ $.quoted = "say \"hi\"" }',
        "{ $.someInt = 123 && $.ThisFlag IS TRUE }",
        "  { $.someInt = 123 }  ",
    ],
)
def test_a_pattern_matches_awss_example(pattern: str) -> None:
    assert compile_pattern(pattern).values(TRAIL) == {}
    assert compile_pattern(pattern).values("  " + TRAIL + "\n") == {}
    assert not compile_pattern(pattern).is_everything


@pytest.mark.parametrize(
    "pattern",
    [
        '{ $.eventType = "updatetrail" }',
        '{ $.eventType = "Up*Trail" }',  # an asterisk inside is itself
        '{ $.arrayKey = "value" }',
        '{ $.arrayKey != "value" }',
        '{ $.objectList[0] != "value" }',
        '{ $.ThisFlag[0] = "value" }',
        "{ $.objectList[1].number = 2 }",
        "{ $.missing = x }",
        "{ $.missing != x }",
        "{ $.missing IS NULL }",
        "{ $.SomeObject != x }",
        "{ $.SomeObject = * }",
        "{ $.SomeObject NOT EXISTS }",
        "{ $.ThisFlag IS FALSE }",
        "{ $.someInt IS TRUE }",
        "{ $.sourceIPAddress > 1 }",
        "{ $.eventType < 1 }",
        "{ $.someInt = 124 }",
        '{ $.eventType[*] = "UpdateTrail" }',
        '{ $.arrayKey.* = "value" }',
    ],
)
def test_a_pattern_does_not_match_awss_example(pattern: str) -> None:
    assert compile_pattern(pattern).values(TRAIL) is None


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ('{ ($.user.id = 1) && ($.users[0].email = "John.Doe@example.com") }', True),
        (
            '{ $.user.email = "John.Stiles@example.com" || $.coordinates[0][1] = "nonmatch"'
            ' && $.actions[2] = "nonmatch" }',
            True,
        ),
        (
            '{ ($.user.email = "John.Stiles@example.com" || $.coordinates[0][1] = "nonmatch")'
            ' && $.actions[2] = "nonmatch" }',
            False,
        ),
        ('{ ($.user.id = 2 && $.users[0].email = "nonmatch") || $.actions[2] = "GET" }', False),
        ("{ $.coordinates[1][2] = 6 }", True),
        ("{ $.coordinates[2][*] = 8 }", True),
        ("{ (((($.user.id = 1)))) }", True),
        ("{ $.a NOT EXISTS && $.b NOT EXISTS || $.user.id = 2 }", True),
    ],
)
def test_conditions_are_combined(pattern: str, expected: bool) -> None:
    assert compile_pattern(pattern).matches(USERS) is expected


@pytest.mark.parametrize("message", ["", "text", "[1]", '"a"', "{", '{"a": 1} tail', "null", '{"a":' * 5000])
def test_what_is_no_json_object_never_matches(message: str) -> None:
    assert not compile_pattern("{ $.b NOT EXISTS }").matches(message)


@pytest.mark.parametrize(
    ("pattern", "error"),
    [
        ('{ $."sc-status" = 5* }', "Invalid character(s) in term '$.\"'"),
        ("{ $ = 1 }", "Invalid character(s) in term '$'"),
        ("{ $.a[x] = 1 }", "Invalid character(s) in term '[x'"),
        ("{ $.a. = 1 }", "Invalid character(s) in term '.'"),
        ("{ $.a = }", "Invalid character(s) in term '}'"),
        ("{ a = 1 }", "Invalid filter pattern"),
        ("{ $.a }", "Invalid character(s) in term '}'"),
        ("{ $.a IS NOT NULL }", "Invalid filter pattern"),
        ("{ $.a EXISTS }", "Invalid filter pattern"),
        ("{ $.a = 1", "Invalid filter pattern"),
        ("{ $.a = 1 } x", "Invalid filter pattern"),
        ("{ ($.a = 1 }", "Invalid character(s) in term '}'"),
        ("{ $.a = 1 && }", "Invalid character(s) in term '}'"),
        ("{ $.a = 1 & $.b = 2 }", "Invalid character(s) in term '&'"),
        ("{ $.a > x }", "Invalid filter pattern"),
        ("{ $.a > 4* }", "Invalid filter pattern"),
        ("{}", "Invalid character(s) in term '}'"),
        ("{ " + "(" * 200 + "$.a = 1" + ")" * 200 + " }", "Invalid filter pattern"),
        ("{ $.a[*].b[*] = 1 }", "A property selector can have at most one wildcard selector."),
        (
            "{ $.a[*] = 1 || $.b[*] = 1 || $.c[*] = 1 || $.d[*] = 1 }",
            "A filter pattern can have at most 3 wildcard selectors.",
        ),
        (
            "{ $.a = %x% || $.b = %x% || $.c = %x% }",
            "A filter pattern can have at most 2 regular expressions.",
        ),
    ],
)
def test_a_pattern_that_is_wrong_is_refused(pattern: str, error: str) -> None:
    with pytest.raises(AwsError) as refused:
        compile_pattern(pattern)
    assert str(refused.value) == f"InvalidParameterException: {error}"


def test_values_of_an_event_can_be_asked_for() -> None:
    pattern = compile_pattern("{ $.someInt = * }")
    selectors = ["$.someInt", "$.someFloat", "$.eventType", "$.objectList[0].id", "$.ThisFlag"]
    assert [pattern.value(TRAIL, selector) for selector in selectors] == [
        "123",
        "12.34",
        "UpdateTrail",
        "1",
        "true",
    ]
    assert [pattern.value(TRAIL, selector) for selector in ("$.arrayKey", "$.SomeObject", "$.x")] == [
        None
    ] * 3
    assert [pattern.has(selector) for selector in ("$.x", "$x", "x")] == [True, False, False]
