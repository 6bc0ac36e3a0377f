"""Filter patterns of unstructured events: which messages a pattern matches.

Supported: words, ``"quoted phrases"`` (with ``\\"`` and ``\\\\``), ``-excluded`` and ``?any`` of them. As AWS
documents it, ``?`` terms are ignored where the pattern has other terms too, and matching is case-sensitive.
JSON, space-delimited and regular-expression patterns are refused by name.
See docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from noria.errors import not_implemented
from noria.services.logs.errors import invalid_parameter

OTHER_LANGUAGES = {
    "{": "A JSON filter pattern",
    "[": "A space-delimited filter pattern",
    "%": "A regular expression in a filter pattern",
}

SPACE = re.compile(r"\s*")
TERM = re.compile(r'(?P<sign>[?-]?)(?:"(?P<phrase>(?:[^"\\]|\\.)*)"|(?P<word>\w+))(?=\s|$)')
WORD_SO_FAR = re.compile(r"[?-]?\w*")
ESCAPED = re.compile(r"\\(.)", re.DOTALL)


def compile_pattern(pattern: str) -> Callable[[str], bool] | None:
    """The predicate on a message; None where every message matches.

    Raises AwsError: InvalidParameterException, or NotImplemented for the rest of the language.
    """
    pattern = pattern.strip()
    if not pattern:
        return None
    if pattern[0] in OTHER_LANGUAGES:
        raise not_implemented(OTHER_LANGUAGES[pattern[0]])
    terms: dict[str, list[str]] = {"": [], "-": [], "?": []}
    at = 0
    while at < len(pattern):
        match = TERM.match(pattern, at)
        if match is None:
            raise _invalid(pattern, at)
        phrase = match["phrase"]
        terms[match["sign"]].append(match["word"] if phrase is None else ESCAPED.sub(r"\1", phrase))
        at = SPACE.match(pattern, match.end()).end()  # type: ignore[union-attr]  # it matches nothing, too
    required, excluded, optional = terms[""], terms["-"], terms["?"]
    if optional and not required and not excluded:
        return lambda message: any(term in message for term in optional)
    return lambda message: (
        all(term in message for term in required) and not any(term in message for term in excluded)
    )


def _invalid(pattern: str, at: int) -> Exception:
    end = WORD_SO_FAR.match(pattern, at).end()  # type: ignore[union-attr]  # it matches nothing, too
    if end == len(pattern) or pattern[end] == '"' or pattern[end].isspace():
        return invalid_parameter("Invalid filter pattern")
    if pattern[end] == "%":
        return not_implemented(OTHER_LANGUAGES["%"])
    return invalid_parameter(f"Invalid character(s) in term '{pattern[end]}'")
