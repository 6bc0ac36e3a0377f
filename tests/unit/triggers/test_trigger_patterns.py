"""The event-pattern language, operator by operator, and what it means for a message's body."""

from __future__ import annotations

import json
from typing import Any

import pytest

from noria.errors import AwsError
from noria.services.triggers.filters import Filters, patterns_of
from noria.services.triggers.patterns import InvalidPattern, Pattern

MATCHES: list[tuple[dict[str, Any], Any, bool]] = [
    # equality: of the same type, numbers by value
    ({"a": ["x"]}, {"a": "x"}, True),
    ({"a": ["x"]}, {"a": "X"}, False),
    ({"a": ["x", "y"]}, {"a": "y"}, True),
    ({"a": [""]}, {"a": ""}, True),
    ({"a": [""]}, {}, False),
    ({"a": [5]}, {"a": 5}, True),
    ({"a": [5]}, {"a": 5.0}, True),
    ({"a": [300]}, {"a": 3.0e2}, True),
    ({"a": [5]}, {"a": "5"}, False),
    ({"a": ["5"]}, {"a": 5}, False),
    ({"a": [1]}, {"a": True}, False),
    ({"a": [True]}, {"a": True}, True),
    ({"a": [True]}, {"a": 1}, False),
    ({"a": [False]}, {"a": 0}, False),
    ({"a": [None]}, {"a": None}, True),
    ({"a": [None]}, {}, False),
    ({"a": [None]}, {"a": ""}, False),
    # and, or, nesting
    ({"a": ["x"], "b": ["y"]}, {"a": "x", "b": "y", "c": 1}, True),
    ({"a": ["x"], "b": ["y"]}, {"a": "x"}, False),
    ({"a": {"b": {"c": [1]}}}, {"a": {"b": {"c": 1}}}, True),
    ({"a": {"b": [1]}}, {"a": {"c": 1}}, False),
    ({"a": {"b": [1]}}, {"a": 1}, False),
    ({"a": [1]}, {"a": {"b": 1}}, False),
    # arrays of the event: one element is enough; fields of objects in it are of the same object
    ({"a": ["x"]}, {"a": ["w", "x"]}, True),
    ({"a": ["x"]}, {"a": []}, False),
    ({"a": ["x"]}, {"a": [["x"]]}, True),
    ({"a": {"b": [1]}}, {"a": [{"b": 2}, {"b": 1}]}, True),
    ({"a": {"b": [1], "c": [2]}}, {"a": [{"b": 1, "c": 2}]}, True),
    ({"a": {"b": [1], "c": [2]}}, {"a": [{"b": 1, "c": 0}, {"b": 0, "c": 2}]}, False),
    # prefix, suffix, equals-ignore-case
    ({"a": [{"prefix": "us-"}]}, {"a": "us-1"}, True),
    ({"a": [{"prefix": "us-"}]}, {"a": "aus-1"}, False),
    ({"a": [{"prefix": "1"}]}, {"a": 12}, False),
    ({"a": [{"prefix": ""}]}, {"a": "any"}, True),
    ({"a": [{"prefix": {"equals-ignore-case": "US-"}}]}, {"a": "us-1"}, True),
    ({"a": [{"suffix": ".png"}]}, {"a": "i.png"}, True),
    ({"a": [{"suffix": ".png"}]}, {"a": "i.png.gz"}, False),
    ({"a": [{"suffix": {"equals-ignore-case": ".PNG"}}]}, {"a": "i.png"}, True),
    ({"a": [{"equals-ignore-case": "Ab"}]}, {"a": "aB"}, True),
    ({"a": [{"equals-ignore-case": "Ab"}]}, {"a": "abc"}, False),
    # wildcard
    ({"a": [{"wildcard": "*"}]}, {"a": ""}, True),
    ({"a": [{"wildcard": "a*b"}]}, {"a": "ab"}, True),
    ({"a": [{"wildcard": "a*b"}]}, {"a": "a/x/b"}, True),
    ({"a": [{"wildcard": "a*b"}]}, {"a": "a/b/c"}, False),
    ({"a": [{"wildcard": "ab*ba"}]}, {"a": "aba"}, False),
    ({"a": [{"wildcard": "*a*b*"}]}, {"a": "xxaxxbxx"}, True),
    ({"a": [{"wildcard": "*a*b*"}]}, {"a": "ba"}, False),
    ({"a": [{"wildcard": "*ab*ab"}]}, {"a": "xab"}, False),
    ({"a": [{"wildcard": "a\\*b"}]}, {"a": "a*b"}, True),
    ({"a": [{"wildcard": "a\\*b"}]}, {"a": "axb"}, False),
    ({"a": [{"wildcard": "a\\\\*"}]}, {"a": "a\\x"}, True),
    ({"a": [{"wildcard": "plain"}]}, {"a": "plain"}, True),
    ({"a": [{"wildcard": "1*"}]}, {"a": 12}, False),
    # anything-but: the field must be there
    ({"a": [{"anything-but": "x"}]}, {"a": "y"}, True),
    ({"a": [{"anything-but": "x"}]}, {"a": "x"}, False),
    ({"a": [{"anything-but": "x"}]}, {"a": 1}, True),
    ({"a": [{"anything-but": "x"}]}, {"a": None}, True),
    ({"a": [{"anything-but": "x"}]}, {}, False),
    ({"a": [{"anything-but": "x"}]}, {"a": ["x", "y"]}, True),
    ({"a": [{"anything-but": ["x", "y"]}]}, {"a": "y"}, False),
    ({"a": [{"anything-but": [1, 2]}]}, {"a": 2.0}, False),
    ({"a": [{"anything-but": [1, 2]}]}, {"a": 3}, True),
    ({"a": [{"anything-but": {"prefix": "in"}}]}, {"a": "init"}, False),
    ({"a": [{"anything-but": {"prefix": "in"}}]}, {"a": "out"}, True),
    ({"a": [{"anything-but": {"prefix": ["in", "out"]}}]}, {"a": "out"}, False),
    ({"a": [{"anything-but": {"suffix": ".png"}}]}, {"a": "i.png"}, False),
    ({"a": [{"anything-but": {"suffix": ".png"}}]}, {"a": "i.gif"}, True),
    ({"a": [{"anything-but": {"wildcard": "*/lib/*"}}]}, {"a": "/lib/x"}, False),
    ({"a": [{"anything-but": {"wildcard": ["*/lib/*", "*/bin/*"]}}]}, {"a": "/etc/x"}, True),
    ({"a": [{"anything-but": {"equals-ignore-case": ["Ab"]}}]}, {"a": "aB"}, False),
    # numeric
    ({"a": [{"numeric": ["=", 5]}]}, {"a": 5.0}, True),
    ({"a": [{"numeric": [">", 100]}]}, {"a": 100}, False),
    ({"a": [{"numeric": [">", 100]}]}, {"a": 100.1}, True),
    ({"a": [{"numeric": ["<=", 100]}]}, {"a": 100}, True),
    ({"a": [{"numeric": [">=", 100, "<", 200]}]}, {"a": 100}, True),
    ({"a": [{"numeric": [">=", 100, "<", 200]}]}, {"a": 200}, False),
    ({"a": [{"numeric": [">", 0]}]}, {"a": "1"}, False),
    ({"a": [{"numeric": [">", 0]}]}, {"a": True}, False),
    # exists: of leaves only
    ({"a": [{"exists": True}]}, {"a": None}, True),
    ({"a": [{"exists": True}]}, {"b": 1}, False),
    ({"a": [{"exists": True}]}, {"a": {"b": 1}}, False),
    ({"a": [{"exists": False}]}, {"b": 1}, True),
    ({"a": [{"exists": False}]}, {"a": 1}, False),
    ({"a": {"b": [{"exists": False}]}}, {}, True),
    ({"a": {"b": [{"exists": False}]}}, {"a": {"b": 1}}, False),
    ({"a": {"b": [{"exists": False}]}}, {"a": [{"c": 1}, {"b": 1}]}, False),
    ({"a": [{"exists": False}, "x"]}, {"a": "x"}, True),
    ({"a": [{"exists": False}, "x"]}, {"a": "y"}, False),
    # cidr
    ({"a": [{"cidr": "10.0.0.0/24"}]}, {"a": "10.0.0.7"}, True),
    ({"a": [{"cidr": "10.0.0.0/24"}]}, {"a": "10.0.1.7"}, False),
    ({"a": [{"cidr": "10.0.0.0/24"}]}, {"a": "text"}, False),
    ({"a": [{"cidr": "2001:db8::/32"}]}, {"a": "2001:db8::1"}, True),
    # $or
    ({"$or": [{"a": [1]}, {"b": [2]}]}, {"b": 2}, True),
    ({"$or": [{"a": [1]}, {"b": [2]}]}, {"b": 1}, False),
    ({"c": [3], "$or": [{"a": [1]}, {"b": [2]}]}, {"a": 1}, False),
    ({"c": [3], "$or": [{"a": [1]}, {"b": [2]}]}, {"a": 1, "c": 3}, True),
    ({"o": {"$or": [{"a": [1]}, {"b": {"x": [2]}}]}}, {"o": {"b": {"x": 2}}}, True),
    ({"$or": ["x"]}, {"$or": "x"}, True),
]


@pytest.mark.parametrize(("pattern", "event", "matches"), MATCHES)
def test_a_pattern_matches_as_aws_documents_it(pattern: Any, event: Any, matches: bool) -> None:
    assert Pattern(pattern).matches(event) is matches


@pytest.mark.parametrize(
    "pattern",
    [
        None,
        "text",
        [],
        {},
        {"a": "x"},
        {"a": 1},
        {"a": []},
        {"a": {}},
        {"a": [["x"]]},
        {"a": [{}]},
        {"a": [{"unknown": "x"}]},
        {"a": [{"prefix": "x", "suffix": "y"}]},
        {"a": [{"prefix": 1}]},
        {"a": [{"prefix": {"wildcard": "x"}}]},
        {"a": [{"suffix": ["x"]}]},
        {"a": [{"equals-ignore-case": None}]},
        {"a": [{"wildcard": "a**b"}]},
        {"a": [{"wildcard": "a\\b"}]},
        {"a": [{"wildcard": "a\\"}]},
        {"a": [{"exists": "true"}]},
        {"a": [{"anything-but": []}]},
        {"a": [{"anything-but": [1, "x"]}]},
        {"a": [{"anything-but": None}]},
        {"a": [{"anything-but": [True]}]},
        {"a": [{"anything-but": {"prefix": ""}}]},
        {"a": [{"anything-but": {"numeric": ["=", 1]}}]},
        {"a": [{"numeric": []}]},
        {"a": [{"numeric": [">"]}]},
        {"a": [{"numeric": ["!=", 1]}]},
        {"a": [{"numeric": [">", "1"]}]},
        {"a": [{"numeric": ["<", 1, ">", 0]}]},
        {"a": [{"numeric": [">", 2, "<", 1]}]},
        {"a": [{"numeric": [">", 0, "<", 1, "=", 2]}]},
        {"a": [{"cidr": "10.0.0.0"}]},
        {"a": [{"cidr": "10.0.0.0/64"}]},
        {"$or": [{"a": [1]}, {}]},
    ],
)
def test_what_is_no_pattern_is_refused(pattern: Any) -> None:
    with pytest.raises(InvalidPattern):
        Pattern(pattern)
    with pytest.raises(AwsError, match=r"Invalid filter pattern definition\.$") as refused:
        patterns_of({"Filters": [{"Pattern": json.dumps(pattern)}]})
    assert (refused.value.code, refused.value.status) == ("InvalidParameterValueException", 400)


def test_a_pattern_that_is_not_json_or_nested_without_end_is_refused() -> None:
    for text in ("", "{", '{"a":' * 700 + '["x"]' + "}" * 700):
        with pytest.raises(AwsError, match="Invalid filter pattern definition"):
            patterns_of({"Filters": [{"Pattern": text}]})


def test_there_are_at_most_five_filters() -> None:
    one = {"Pattern": '{"body": ["x"]}'}
    assert len(patterns_of({"Filters": [one] * 5})) == 5
    with pytest.raises(AwsError, match="more than 5 filters"):
        patterns_of({"Filters": [one] * 6})


def record(body: Any) -> dict[str, Any]:
    text = body if isinstance(body, str) else json.dumps(body)
    return {
        "body": text,
        "attributes": {"SenderId": "AIDA"},
        "messageAttributes": {"kind": {"stringValue": "a", "dataType": "String"}},
    }


# What AWS let through, and what it did not (recorded for each of these filters).
RECORDED: list[tuple[Any, Any, Any]] = [
    ({"testItem": ["test24"]}, {"testItem": "test24"}, "this is a test string"),
    ({"testItem": ["test24", "test45"]}, {"testItem": "test45"}, {"testItem": "test1"}),
    (
        {"testItem": ["test24", "test45"], "test2": ["go"]},
        {"testItem": "test45", "test2": "go"},
        {"testItem": "test67", "test2": "go"},
    ),
    ({"test2": [{"exists": True}]}, {"test2": "7411"}, {"test5": "74545"}),
    ({"test2": [{"numeric": [">", 100]}]}, {"test2": 105}, "this is a test string"),
    ({"test2": [{"numeric": ["<", 100]}]}, {"test2": 93}, {"test2": 105}),
    ({"test2": [{"numeric": [">=", 100, "<", 200]}]}, {"test2": 105}, {"test2": 200}),
    ({"test2": [{"prefix": "us-1"}]}, {"test2": "us-1-48454"}, {"test2": "eu-wert"}),
]


@pytest.mark.parametrize(("pattern", "wanted", "unwanted"), RECORDED)
def test_filters_let_through_what_aws_lets_through(pattern: Any, wanted: Any, unwanted: Any) -> None:
    filters = Filters([json.dumps({"body": pattern})])
    assert filters.match(record(wanted))
    assert not filters.match(record(unwanted))


@pytest.mark.parametrize(
    ("pattern", "body", "matches"),
    [
        ({"body": ["text"]}, "text", True),
        ({"body": [{"prefix": "te"}]}, "text", True),
        ({"body": ["other"]}, "text", False),
        ({"body": [{"exists": True}]}, '{"a": 1}', False),  # a text's pattern, a body that is JSON
        ({"body": [{"exists": False}]}, '{"a": 1}', False),
        ({"body": {"a": [1]}}, "text", False),  # and the other way round
        ({"body": {"a": [{"exists": False}]}}, "text", False),
        ({"body": {"a": [{"exists": False}]}}, "{}", True),
        ({"body": {"a": [1]}}, '[{"a": 1}]', True),
        ({"body": {"a": [1]}}, '{"a": 1', False),
        ({"attributes": {"SenderId": ["AIDA"]}}, "text", True),  # not of the body: either kind
        ({"attributes": {"SenderId": ["AIDA"]}}, '{"a": 1}', True),
        ({"messageAttributes": {"kind": {"stringValue": ["b"]}}}, "text", False),
        ({"$or": [{"body": {"a": [1]}}, {"body": ["text"]}]}, "text", True),
        ({"$or": [{"body": {"a": [1]}}, {"body": ["text"]}]}, '{"a": 1}', True),
        ({"$or": [{"body": {"a": [1]}}, {"body": ["text"]}]}, '{"a": 2}', False),
    ],
)
def test_patterns_of_fields_and_of_text_each_want_their_kind_of_body(
    pattern: Any, body: str, matches: bool
) -> None:
    assert Filters([json.dumps(pattern)]).match(record(body)) is matches


def test_one_of_several_filters_is_enough_and_none_lets_all_through() -> None:
    filters = Filters(['{"body": {"a": [1]}}', '{"body": {"b": [1]}}'])
    assert filters.match(record({"b": 1}))
    assert not filters.match(record({"c": 1}))
    assert Filters([]).match(record("anything"))


def test_a_body_nested_without_end_is_a_body_that_does_not_match() -> None:
    assert not Filters(['{"body": {"a": [1]}}']).match(record("[" * 100_000))
