"""Insights' commands: what goes in, what comes out."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.support.insights import pipeline, rows

from noria.errors import AwsError
from noria.services.logs.insights.syntax import MalformedQuery

LINES = [
    "user=ann took 30 ms",
    "user=bob took 10 ms",
    "user=ann took 20 ms",
    "nothing to see",
]
PARSED = 'parse @message "user=* took * ms" as user, ms'
NUMBERS = [json.dumps({"n": n, "kind": "even" if n % 2 == 0 else "odd"}) for n in range(1, 11)]


def column(query: str, messages: list[str], name: str, **options: Any) -> list[str | None]:
    return [row.get(name) for row in rows(query, messages, **options)]


def test_without_commands_that_choose_time_and_message_are_shown_the_newest_first() -> None:
    assert rows("limit 2", LINES) == [
        {"@timestamp": "2027-01-15 08:03:00.000", "@message": "nothing to see"},
        {"@timestamp": "2027-01-15 08:02:00.000", "@message": "user=ann took 20 ms"},
    ]


def test_every_event_has_its_pointer() -> None:
    [row] = pipeline("fields @message | limit 1", LINES).results()
    assert [name for name, _ in row] == ["@message", "@ptr"]


def test_fields_add_up_and_display_replaces() -> None:
    assert rows("fields @message | fields strlen(@message) as n | limit 1", LINES) == [
        {"@message": "nothing to see", "n": "14"}
    ]
    assert rows("fields @message | display @logStream | display @log | limit 1", LINES) == [
        {"@log": "111111111111:/app"}
    ]


def test_a_field_is_called_as_it_is_written_unless_it_is_named() -> None:
    assert rows("fields  1 + 1 , toupper( @message )| limit 1", ["x"]) == [
        {"1 + 1": "2", "toupper( @message )": "X"}
    ]


def test_a_glob_extracts_fields() -> None:
    assert rows(f"{PARSED} | filter ispresent(user) | display user, ms | sort ms", LINES) == [
        {"user": "bob", "ms": "10"},
        {"user": "ann", "ms": "20"},
        {"user": "ann", "ms": "30"},
    ]


def test_a_glob_takes_as_little_as_will_do_and_at_its_end_the_rest() -> None:
    assert rows("parse @message '[*] *' as level, rest | display level, rest", ["[a] [b] c d\n"]) == [
        {"level": "a", "rest": "[b] c d"}
    ]


def test_a_regular_expression_extracts_its_named_groups() -> None:
    query = r"parse @message /user=(?<user>\w+) took (?<ms>\d+)/ | display user, ms | limit 2"
    assert rows(query, LINES[:3]) == [{"user": "ann", "ms": "20"}, {"user": "bob", "ms": "10"}]
    assert column(r"parse @message /took (\d+)/ as ms | display ms", LINES[:1], "ms") == ["30"]


def test_stats_without_groups() -> None:
    query = (
        "stats count(*) as all, count(n) as counted, count_distinct(kind) as kinds, sum(n) as total,"
        " avg(n) as mean, min(n) as low, max(n) as high, pct(n, 50) as median, percentile(n, 90) as p90,"
        " stddev(n) as deviation, earliest(n) as first, latest(n) as last, sortsFirst(kind) as a,"
        " sortsLast(kind) as z, earliest(@timestamp) as began"
    )
    assert rows(query, [*NUMBERS, "no json"]) == [
        {
            "all": "11",
            "counted": "10",
            "kinds": "2",
            "total": "55",
            "mean": "5.5",
            "low": "1",
            "high": "10",
            "median": "5",
            "p90": "9",
            "deviation": "2.8723",
            "first": "1",
            "last": "10",
            "a": "even",
            "z": "odd",
            "began": "1800000000000",
        }
    ]


def test_stats_by_fields_and_time() -> None:
    query = "stats count(*), max(n) by kind, bin(5m) | sort `bin(5m)`, kind"
    assert rows(query, NUMBERS) == [
        {"kind": "even", "bin(5m)": "2027-01-15 08:00:00.000", "count(*)": "2", "max(n)": "4"},
        {"kind": "odd", "bin(5m)": "2027-01-15 08:00:00.000", "count(*)": "3", "max(n)": "5"},
        {"kind": "even", "bin(5m)": "2027-01-15 08:05:00.000", "count(*)": "3", "max(n)": "10"},
        {"kind": "odd", "bin(5m)": "2027-01-15 08:05:00.000", "count(*)": "2", "max(n)": "9"},
    ]


def test_what_is_computed_of_aggregates() -> None:
    query = "stats max(n) - min(n) as span, sum(n) / count(*) as mean, span + 1 as more, greatest(max(n), 99)"
    assert rows(query, NUMBERS) == [{"span": "9", "mean": "5.5", "more": "10", "greatest(max(n), 99)": "99"}]


def test_groups_are_filtered_sorted_limited_and_grouped_again() -> None:
    query = "stats count(*) as c by n % 3 as rest | filter c > 2 | sort c desc, rest | limit 2"
    assert rows(query, NUMBERS) == [{"rest": "1", "c": "4"}, {"rest": "0", "c": "3"}]
    again = "stats count(*) as c by n % 3 | stats max(c) as most, count(*) as groups"
    assert rows(again, NUMBERS) == [{"most": "4", "groups": "3"}]


def test_groups_may_be_sorted_by_what_has_no_name() -> None:
    query = "stats count(*), max(n) by bin(5m) | sort bin(5m) desc | display bin(5m), count(*) * 2 as twice"
    assert rows(query, NUMBERS) == [
        {"bin(5m)": "2027-01-15 08:05:00.000", "twice": "10"},
        {"bin(5m)": "2027-01-15 08:00:00.000", "twice": "10"},
    ]
    assert column("stats count(*) by n % 3 as rest | sort count(*) desc, rest", NUMBERS, "rest") == [
        "1",
        "0",
        "2",
    ]


def test_a_filter_of_events_after_stats_holds_before_it() -> None:
    """As in AWS's samples for AppSync."""
    query = (
        "fields ispresent(kind) as known | stats count() as c by kind | filter known | filter n > 4"
        " | filter c > 2 and kind = 'odd'"
    )
    assert rows(query, [*NUMBERS, '{"n": 11}']) == [{"kind": "odd", "c": "3"}]
    assert rows("stats count() as c by kind | filter kind = 'odd'", NUMBERS) == [{"kind": "odd", "c": "5"}]
    assert rows("stats count() as c by kind | filter c = n", NUMBERS) == []


SAMPLES = [  # of AWS's console
    'filter @type = "REPORT" | stats avg(@duration), max(@duration), min(@duration) by bin(5m)',
    'filter @type = "REPORT" | stats max(@memorySize / 1024 / 1024) as provisonedMemoryMB,'
    " min(@maxMemoryUsed / 1024 / 1024) as smallestMemoryRequestMB,"
    " avg(@maxMemoryUsed / 1024 / 1024) as avgMemoryUsedMB,"
    " max(@maxMemoryUsed / 1024 / 1024) as maxMemoryUsedMB,"
    " provisonedMemoryMB - maxMemoryUsedMB as overProvisionedMB",
    'filter @type = "REPORT" | fields @requestId, @billedDuration | sort by @billedDuration desc',
    "stats avg(bytes), min(bytes), max(bytes) by srcAddr, dstAddr",
    "filter protocol=17 | stats count(*) by srcAddr",
    'filter action="REJECT" | stats count(*) as rejected by srcAddr | sort rejected desc | limit 20',
    'filter eventName="CreateUser" | fields awsRegion, requestParameters.userName, responseElements.user.arn',
    "filter @message like /Exception/ | stats count(*) as exceptions by bin(5m) | sort exceptions desc",
    "fields @message | filter @message not like /Exception/",
    "fields ispresent(resolverArn) as isRes | stats count() as errorCount by resolverArn, logType"
    ' | filter isRes and (logType = "RequestMapping" or logType = "ResponseMapping") and fieldInError'
    " | sort errorCount desc | limit 10",
]


@pytest.mark.parametrize("query", SAMPLES)
def test_awss_samples_compile(query: str) -> None:
    assert pipeline(query, ["text", "{}"], "/aws/lambda/f").results() is not None


def test_nothing_counted_is_zero_and_no_group_is_no_row() -> None:
    assert rows('filter @message = "x" | stats count(*) as c, avg(n)', LINES) == [{"c": "0"}]
    assert rows('filter @message = "x" | stats count(*) by kind', LINES) == []


def test_sort_knows_numbers_from_texts_and_what_is_missing() -> None:
    messages = [json.dumps({"v": v}) for v in ("a10", 9, "a9", "10", None, "b", -1)]
    assert column("sort v asc | display v", messages, "v") == [None, "a9", "a10", "b", "-1", "9", "10"]
    assert column("sort v desc | display v", messages, "v") == ["10", "9", "-1", "b", "a10", "a9", None]


def test_sort_with_a_limit_keeps_the_best_of_many() -> None:
    messages = [json.dumps({"n": (number * 7919) % 5000}) for number in range(5000)]
    assert column("fields n | sort n desc | limit 3", messages, "n") == [
        "4999",
        "4998",
        "4997",
    ]


def test_dedup_keeps_the_first_in_the_order_asked_for_and_all_without_the_field() -> None:
    query = f"{PARSED} | fields user, ms | sort ms asc | dedup user"
    assert rows(query, LINES) == [{}, {"user": "bob", "ms": "10"}, {"user": "ann", "ms": "20"}]
    assert column(
        f"{PARSED} | fields user, ms | filter ispresent(user) | dedup user | limit 1", LINES, "ms"
    ) == ["20"]


def test_a_limit_in_the_middle_cuts_there() -> None:
    assert rows("limit 3 | stats count(*) as c, min(n) as low", NUMBERS) == [{"c": "3", "low": "8"}]


def test_limit_any_has_enough() -> None:
    assert pipeline("limit any 2", NUMBERS).is_enough
    assert not pipeline("limit 2", NUMBERS).is_enough
    assert not pipeline("sort n | limit any 2", NUMBERS).is_enough


def test_the_requests_limit_holds_where_the_query_has_none() -> None:
    assert len(rows("fields n", NUMBERS, limit=4)) == 4
    assert len(rows("fields n | limit 6", NUMBERS, limit=4)) == 6


def test_matched_are_the_events_that_no_filter_holds_back() -> None:
    assert pipeline("filter n > 7 | limit 1", NUMBERS).matched == 3


def test_comments_line_breaks_and_capitals() -> None:
    query = "# first\nFIELDS n # the number\n| FILTER n > 9 AND n NOT IN [11]\n  | Sort n DESC"
    assert rows(query, NUMBERS) == [{"n": "10"}]


MALFORMED = [
    ("", "unexpected symbol found <EOF> at line 1 and position 0", 0, 0),
    ("fields", "unexpected symbol found <EOF> at line 1 and position 6", 6, 6),
    ("bogus @message", "unexpected symbol found bogus at line 1 and position 0", 0, 5),
    ("fields @message |", "unexpected symbol found <EOF> at line 1 and position 17", 17, 17),
    ("fields @message filter x", "unexpected symbol found filter at line 1 and position 16", 16, 22),
    ("filter a == 3", "unexpected symbol found = at line 1 and position 10", 10, 11),
    ("fields a\n| filter (b = 1", "unexpected symbol found <EOF> at line 2 and position 15", 24, 24),
    ("filter a ~ 1", "unexpected symbol found ~ at line 1 and position 9", 9, 10),
    ('filter a = "open', 'unexpected symbol found " at line 1 and position 11', 11, 12),
    ("limit x", "unexpected symbol found x at line 1 and position 6", 6, 7),
    ("limit " + "9" * 5000, "The limit must be between 1 and 100000", 6, 5006),
    ("limit 0", "The limit must be between 1 and 100000", 6, 7),
    ("dedup a | sort b", "unexpected symbol found sort at line 1 and position 10", 10, 14),
    ("fields nosuch(1)", "Invalid function: nosuch", 7, 16),
    ("fields strlen(1, 2)", "Invalid number of arguments for function strlen", 7, 19),
    ("stats avg() by x", "Invalid number of arguments for function avg", 6, 11),
    ("stats pct(a, 101)", "A percentage between 0 and 100 is expected here", 13, 16),
    ("stats count(*) by bin(5x)", "Invalid time period", 22, 24),
    ("stats count(*) by bin(0m)", "Invalid time period", 22, 24),
    ("filter a like /(/", None, 14, 17),
    ('parse @message "a*b*" as x', "parse has 2 values to extract and 1 names for them", 15, 21),
    ("fields 5m", "Query cannot be compiled: a value is expected here", 7, 9),
    ("stats count(*) | stats count(*) | stats count(*)", None, 34, 39),
    ("filter " + "(" * 100 + "a" + ")" * 100, "The expression is nested too deeply", 67, 68),
]


@pytest.mark.parametrize(("query", "message", "start", "end"), MALFORMED)
def test_a_query_that_does_not_compile_says_where(
    query: str, message: str | None, start: int, end: int
) -> None:
    with pytest.raises(MalformedQuery) as caught:
        rows(query, [])
    assert (caught.value.start, caught.value.end) == (start, end)
    if message is not None:
        assert caught.value.message == message
    error = caught.value.as_aws_error()
    assert error.code == "MalformedQueryException"
    assert error.members == {
        "queryCompileError": {
            "location": {"startCharOffset": start, "endCharOffset": end},
            "message": caught.value.message,
        }
    }


@pytest.mark.parametrize(
    ("query", "what"),
    [
        ("fields @message | unmask @message", "Insights' command unmask"),
        ("pattern @message", "Insights' command pattern"),
        ("SOURCE 'x' | fields a", "Insights' command source"),
        ("fields jsonParse(@message) as j", "Insights' function jsonparse"),
    ],
)
def test_what_aws_has_and_we_have_not_is_refused_by_name(query: str, what: str) -> None:
    with pytest.raises(AwsError, match=f"NotImplemented: {what} is not supported"):
        rows(query, [])


def test_a_long_query_is_no_deep_recursion() -> None:
    assert rows("filter " + " or ".join(["n = 10"] * 250), NUMBERS)
    with pytest.raises(MalformedQuery, match="too many operators"):
        rows("filter " + " + ".join(["n"] * 2000), NUMBERS)


def test_names_that_build_on_each_other_are_computed_once() -> None:
    doubled = " | ".join(f"fields f{number} + f{number} as f{number + 1}" for number in range(60))
    assert column(f"fields 1 as f0 | {doubled} | display f60", ["x"], "f60") == [str(2**60)]


def test_numbers_do_not_grow_without_end() -> None:
    squared = " | ".join(f"fields f{number} * f{number} as f{number + 1}" for number in range(60))
    assert column(f"fields 10 as f0 | {squared} | display f60", ["x"], "f60") == [None]
