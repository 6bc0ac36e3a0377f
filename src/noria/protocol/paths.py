"""From method and path to a REST operation, by the templates of the model."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from urllib.parse import parse_qsl, unquote

Found = tuple[str, dict[str, str]]


class _Template:
    """``/functions/{FunctionName}/code?x=y``: names of the path's parameters by position, and fixed parts."""

    def __init__(self, operation: str, uri: str) -> None:
        path, _, query = uri.partition("?")
        self.operation = operation
        self.segments = _segments(path)
        self.query = frozenset(parse_qsl(query, keep_blank_values=True))
        self.parameters = [
            (at, segment[1:-1]) for at, segment in enumerate(self.segments) if segment.startswith("{")
        ]
        self.literals = [
            (at, segment) for at, segment in enumerate(self.segments) if not segment.startswith("{")
        ]
        if any(name.endswith("+") for _, name in self.parameters):
            raise NotImplementedError(f"a greedy label in {uri}")

    def match(self, segments: list[str], query: str) -> Found | None:
        if any(segments[at] != literal for at, literal in self.literals):
            return None
        if self.query and not self.query <= set(parse_qsl(query, keep_blank_values=True)):
            return None
        parameters = {name: unquote(segments[at]) for at, name in self.parameters}
        return (self.operation, parameters) if all(parameters.values()) else None


class PathMatcher:
    """Compiled once; a match looks at the few templates of the same method and length."""

    def __init__(self, operations: Iterable[tuple[str, str, str]]) -> None:
        """operations: name, HTTP method, request URI."""
        self._templates: dict[tuple[str, int], list[_Template]] = {}
        for operation, method, uri in operations:
            template = _Template(operation, uri)
            self._templates.setdefault((method, len(template.segments)), []).append(template)
        for templates in self._templates.values():  # the most particular first
            templates.sort(key=lambda t: (len(t.query), len(t.literals)), reverse=True)

    def match(self, method: str, path: str, query: str) -> tuple[str, Mapping[str, str]] | None:
        """Operation and its decoded path parameters; None where there is none."""
        segments = _segments(path)
        for template in self._templates.get((method, len(segments)), ()):
            found = template.match(segments, query)
            if found is not None:
                return found
        return None


def _segments(path: str) -> list[str]:
    """A slash at the end means nothing: older SDKs send ``/2015-03-31/functions/``."""
    return path.removesuffix("/").split("/")
