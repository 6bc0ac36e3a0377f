"""The filter-pattern language, as far as it is spoken."""

from __future__ import annotations

import pytest

from noria.errors import AwsError
from noria.services.logs.pattern import compile_pattern

LINES = [
    "[ERROR 400] BAD REQUEST",
    "[ERROR 401] UNAUTHORIZED REQUEST",
    "[ERROR 419] MISSING ARGUMENTS",
    "[WARN 200] EXITING",
    'said "hi" to C:\\',
]


def matching(pattern: str) -> list[int]:
    matches = compile_pattern(pattern)
    return [number for number, line in enumerate(LINES) if matches is None or matches(line)]


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("", [0, 1, 2, 3, 4]),
        ("  ", [0, 1, 2, 3, 4]),
        ("ERROR", [0, 1, 2]),
        ("error", []),
        ("ERROR REQUEST", [0, 1]),
        ("?ERROR ?EXITING", [0, 1, 2, 3]),
        ("ERROR -ARGUMENTS", [0, 1]),
        ("-ERROR", [3, 4]),
        ('"BAD REQUEST"', [0]),
        ('ERROR -"BAD REQUEST"', [1, 2]),
        ('?"BAD REQUEST" ?WARN', [0, 3]),
        ("?ERROR REQUEST", [0, 1]),
        ("?WARN -ERROR", [3, 4]),
        (r'"\"hi\" to C:\\"', [4]),
    ],
)
def test_a_pattern_finds_the_messages_that_awss_documentation_names(
    pattern: str, expected: list[int]
) -> None:
    assert matching(pattern) == expected


@pytest.mark.parametrize(
    ("pattern", "error"),
    [
        ("status:500", "InvalidParameterException: Invalid character(s) in term ':'"),
        ("ERROR error-code", "InvalidParameterException: Invalid character(s) in term '-'"),
        ("(a)", "InvalidParameterException: Invalid character(s) in term '('"),
        ('"open', "InvalidParameterException: Invalid filter pattern"),
        ("ERROR -", "InvalidParameterException: Invalid filter pattern"),
        (
            '{ $.a = "b" }',
            "NotImplemented: A JSON filter pattern is not supported by Noria, see docs/parity.md.",
        ),
        (
            "[ip, user]",
            "NotImplemented: A space-delimited filter pattern is not supported by Noria, see docs/parity.md.",
        ),
        (
            "a %x%",
            "NotImplemented: A regular expression in a filter pattern is not supported by Noria,"
            " see docs/parity.md.",
        ),
    ],
)
def test_what_is_not_understood_is_refused(pattern: str, error: str) -> None:
    with pytest.raises(AwsError) as refused:
        compile_pattern(pattern)
    assert str(refused.value) == error
