"""Filter patterns of unstructured events, and regular expressions. The cases are those of the user guide."""

from __future__ import annotations

import time

import pytest

from noria.errors import AwsError
from noria.services.logs.patterns import compile_pattern
from noria.services.logs.patterns.regex import InvalidRegex, Regex

LINES = [
    "[ERROR 400] BAD REQUEST",
    "[ERROR 401] UNAUTHORIZED REQUEST",
    "[ERROR 419] MISSING ARGUMENTS",
    "[WARN 200] EXITING",
    'said "hi" to C:\\',
]


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("", [0, 1, 2, 3, 4]),
        ("  ", [0, 1, 2, 3, 4]),
        ('" "', [0, 1, 2, 3, 4]),
        ('""', [0, 1, 2, 3, 4]),
        ("ERROR", [0, 1, 2]),
        ("error", []),
        ("ERROR REQUEST", [0, 1]),
        ("ERROR\nREQUEST", [0, 1]),
        ("?ERROR ?EXITING", [0, 1, 2, 3]),
        ("ERROR -ARGUMENTS", [0, 1]),
        ("-ERROR", [3, 4]),
        ("-ERROR -WARN", [4]),
        ('"BAD REQUEST"', [0]),
        ('ERROR -"BAD REQUEST"', [1, 2]),
        ('?"BAD REQUEST" ?WARN', [0, 3]),
        ("?ERROR REQUEST", [0, 1]),
        ("?ERROR ?ARGUMENTS REQUEST", [0, 1]),
        ("?WARN -ERROR", [3, 4]),
        (r'"\"hi\" to C:\\"', [4]),
        ("%AUTHORIZED%", [1]),
        ("%[0-9]{3}% -WARN", [0, 1, 2]),
        ("?%^said% ?%EXIT|MISS%", [2, 3, 4]),
        ("-%[A-Z]+ [A-Z]+$%", [3, 4]),
    ],
)
def test_a_pattern_finds_the_messages_that_awss_documentation_names(
    pattern: str, expected: list[int]
) -> None:
    compiled = compile_pattern(pattern)
    assert [number for number, line in enumerate(LINES) if compiled.matches(line)] == expected
    assert compiled.is_everything == (pattern.strip() == "")
    assert [compiled.values(line) for line in LINES if compiled.matches(line)] == [{}] * len(expected)


@pytest.mark.parametrize(
    ("pattern", "error"),
    [
        ("status:500", "Invalid character(s) in term ':'"),
        ("ERROR error-code", "Invalid character(s) in term '-'"),
        ("(a)", "Invalid character(s) in term '('"),
        ("a (b)", "Invalid character(s) in term '('"),
        ("`ERROR`", "Invalid character(s) in term '`'"),
        ("?Status: timeout", "Invalid character(s) in term ':'"),
        ("%a(b)%", "Invalid character(s) in term '('"),
        (r"%a\(b\)%", "Invalid character(s) in term '('"),
        ("%something!%", "Invalid character(s) in term '!'"),
        ("%größer%", "Invalid character(s) in term 'ö'"),
        ("%a", "Invalid filter pattern"),
        ("%%", "Invalid filter pattern"),
        ("a %b%c", "Invalid filter pattern"),
        ('"open', "Invalid filter pattern"),
        ('a"b"', "Invalid filter pattern"),
        ("ERROR -", "Invalid filter pattern"),
        ("?", "Invalid filter pattern"),
        ("%a% %b% %c%", "A filter pattern can have at most 2 regular expressions."),
    ],
)
def test_what_is_not_understood_is_refused(pattern: str, error: str) -> None:
    with pytest.raises(AwsError) as refused:
        compile_pattern(pattern)
    assert str(refused.value) == f"InvalidParameterException: {error}"


@pytest.mark.parametrize(
    ("regex", "matching", "others"),
    [
        ("^[hc]at", ["hat", "cats"], ["that", "what"]),
        ("[hc]at$", ["that", "hat\n"], ["hats", "hat\n\n", "hat "]),
        ("^$", ["", "\n"], ["a"]),
        ("colou?r", ["color", "colour"], ["colouur"]),
        ("[abc]", ["xbx"], ["xyz"]),
        ("[abcx-z]", ["y"], ["w"]),
        ("[a-]", ["-"], ["b"]),
        ("[^abc]", ["d", "ü"], ["abc"]),
        (r"[\]\d]", ["]", "7"], ["a"]),
        ("^a{3,5}$", ["aaa", "aaaaa"], ["aa", "aaaaaa"]),
        ("^a{3}$", ["aaa"], ["aa", "aaaa"]),
        ("^a{2,}$", ["aa", "aaaa"], ["a"]),
        ("^a{,2}$", ["", "aa"], ["aaa"]),
        ("^a{0}b", ["b"], ["ab"]),
        ("gra|ey", ["gray", "grey"], ["gry"]),
        (
            "^starting|^initializing|^shutting down",
            ["starting …", "shutting down"],
            ["skipping initializing"],
        ),
        ("abcc|ab[^c]$", ["abcc …", "aba"], ["aac …", "abc"]),
        (r"\[.\]", ["[a]", "[]]", "[ ]", "[ü]"], ["[]", "[ab]"]),
        (r"10\.10\.0\.1", ["10.10.0.1"], ["10010,051"]),
        ("10.10.0.1", ["10010,051"], []),
        ("ab*c", ["ac", "abc", "abbbc"], ["adc"]),
        ("ab[0-9]*$", ["ab", "ab0", "ab129"], ["abc"]),
        ("ab+c", ["abc", "abbbc"], ["ac"]),
        (".at", ["hat", "4at", "#at", " at"], ["at", "\nat"]),
        (r"^\d\D$", ["1a"], ["a1", "11"]),
        (r"^\s\S$", ["\ta", "\n1"], ["a ", "aa"]),
        (r"^\w\W$", ["_-", "zé"], ["aa", "-a"]),
        (r"\x3A", [":"], ["3A"]),
        (r"\x28a\x29", ["(a)"], ["a"]),
        ("a.*?b", ["a xx b"], ["ba"]),
        ("a?a?a?aaa", ["aaa"], ["aa"]),
        ("a=b/c@d_e#f;g,h-i:j", ["a=b/c@d_e#f;g,h-i:j"], ["a"]),
    ],
)
def test_regular_expressions_mean_what_aws_says(regex: str, matching: list[str], others: list[str]) -> None:
    compiled = Regex(regex)
    assert [compiled.search(text) for text in matching] == [True] * len(matching)
    assert [compiled.search(text) for text in others] == [False] * len(others)


@pytest.mark.parametrize(
    "regex",
    [
        "*a",
        "a**",
        "a++",
        "a|+",
        "[",
        "[]",
        "[b-a]",
        "a{2,1}",
        "a{,}",
        "a{x}",
        "a{1",
        "}",
        "a$b",
        "a^b",
        "\\",
        "a{1001}",
    ],
)
def test_expressions_that_make_no_sense_are_refused(regex: str) -> None:
    with pytest.raises(InvalidRegex):
        Regex(regex)


@pytest.mark.parametrize("regex", ["a*a*a*a*a*a*b", "[ab]*a[ab]{20}c", "a.*a.*a.*b$"])
def test_no_expression_takes_more_than_one_look_at_a_text(regex: str) -> None:
    """A backtracking engine would need years."""
    text = "abba" * 5_000 + "a" * 20_000
    started = time.process_time()
    assert not Regex(regex).search(text.replace("b", "a") if "{" not in regex else text)
    assert time.process_time() - started < 2
