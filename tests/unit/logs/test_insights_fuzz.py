"""Whatever is asked of whatever was logged: an answer or AWS's error, never another exception."""

from __future__ import annotations

import contextlib
import json

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.support.insights import rows

from noria.errors import AwsError
from noria.services.logs.insights.aggregates import AGGREGATES
from noria.services.logs.insights.functions import FUNCTIONS
from noria.services.logs.insights.syntax import MalformedQuery

ATOMS = ["a", "b.c", "@message", "@timestamp", "@duration", "missing", "1", "0", "-3.5", "1e999"]
ATOMS += ['"x"', '"7"', "''"]
SIGNS = [*" |(),/[]#'\"`\\*=~<>-+\n", "fields", "parse", "stats", "a", "5m", "as", "by", "not"]
MESSAGES = [
    "",
    "plain text 12",
    '{"a": "x", "b": {"c": [1, 2]}}',
    '{"a": 1e308, "b": {"c": -0.0}}',
    '{"a": 99999999999999999999999, "b": {"c": true}}',
    json.dumps({"a": "é" * 20, "b": {"c": None}}),
    "REPORT RequestId: x\tDuration: 9 ms\t",
]


def calls(expressions: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    names = st.sampled_from([*FUNCTIONS, *AGGREGATES, "bin", "datefloor", "dateceil", "now", "regex_replace"])
    arguments = st.lists(st.one_of(expressions, st.sampled_from(["5m", "2mo", "/x/", "*"])), max_size=3)
    return st.builds(lambda name, given: f"{name}({', '.join(given)})", names, arguments)


def pairs(expressions: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    signs = ["+", "-", "*", "/", "^", "%", "=", "!=", "<", ">", "and", "or", "like"]
    return st.builds(
        lambda left, sign, right: f"({left} {sign} {right})", expressions, st.sampled_from(signs), expressions
    )


EXPRESSIONS = st.recursive(
    st.sampled_from(ATOMS), lambda inner: st.one_of(calls(inner), pairs(inner)), max_leaves=6
)
COMMANDS = st.one_of(
    st.builds("fields {} as f".format, EXPRESSIONS),
    st.builds("filter {}".format, EXPRESSIONS),
    st.builds("sort {} desc, {}".format, EXPRESSIONS, EXPRESSIONS),
    st.builds("stats {} as s, count(*) by {}".format, EXPRESSIONS, EXPRESSIONS),
    st.builds("dedup {}".format, EXPRESSIONS),
    st.builds("display {}".format, EXPRESSIONS),
    st.sampled_from(["limit 2", "limit any 1", 'parse @message "* *" as p, q', r"parse a /(?<r>\w)/"]),
)


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(COMMANDS, min_size=1, max_size=4))
def test_queries_that_look_like_some(commands: list[str]) -> None:
    with contextlib.suppress(MalformedQuery, AwsError):
        rows(" | ".join(commands), MESSAGES, "/aws/lambda/f")


@settings(max_examples=150, deadline=None)
@given(st.lists(st.sampled_from(SIGNS)))
def test_texts_that_do_not(parts: list[str]) -> None:
    with contextlib.suppress(MalformedQuery, AwsError):
        rows(" ".join(parts), MESSAGES)
