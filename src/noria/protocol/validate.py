"""The constraints of the service models (required, length, range, pattern, enum), with AWS's texts.

What AWS says, recorded: ``1 validation error detected: Value 'r1' at 'role' failed to satisfy constraint:
Member must satisfy regular expression pattern: …``. Several are joined by ``; ``, in the model's order, of
one value the pattern before the length. Elements are reported once, at their list or map, with all that is
asked of them. IAM tells neither values nor enum sets.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from noria.errors import AwsError
from noria.protocol.constraints import scalar_checks
from noria.protocol.javatext import lower_first, rendered
from noria.protocol.models import Member, Operation, Shape

# Appends the violations of one value, at its path.
Check = Callable[[Any, str, list[str]], None]

MAX_REPORTED = 100  # violations; a request of a megabyte must not make an answer of ten

# The code of validation errors, by service.
_CODES = {"logs": "InvalidParameterException", "iam": "ValidationError", "sts": "ValidationError"}
_TELLS_NOTHING = frozenset({"iam"})
_CHECKS_ITSELF = frozenset({"monitoring", "sqs"})  # in words of their own

# Recorded: Logs checks the names' length before the rest, in words of its own.
_LONG_NAME = re.compile(r"at 'log(Group|Stream)Name' failed .* length less than or equal to 512", re.DOTALL)
_LONG_NAME_ANSWER = "Invalid LogGroup or LogStream, both must have length less than or equal to 512."

_compiled: dict[tuple[str, str], Check | None] = {}


def validate(operation: Operation, arguments: Mapping[str, Any]) -> None:
    """Raise AwsError, AWS's ``N validation errors detected: …``, unless every constraint holds.

    arguments: as `Codec.decode` gives them.
    """
    service = operation.service.name
    if service in _CHECKS_ITSELF:
        return
    key = (service, operation.name)
    if key not in _compiled:
        _compiled[key] = _Compiler(service in _TELLS_NOTHING).operation(operation)
    check = _compiled[key]
    if check is None:
        return
    violations: list[str] = []
    check(arguments, "", violations)
    if violations:
        if service == "logs" and any(_LONG_NAME.search(text) for text in violations):
            raise AwsError("InvalidParameterException", _LONG_NAME_ANSWER)
        count = len(violations)
        texts = "; ".join(violations)
        raise AwsError(
            _CODES.get(service, "ValidationException"),
            f"{count} validation error{'s' if count > 1 else ''} detected: {texts}",
        )


class _Compiler:
    """Closures for the constraints of an operation; None stands for: nothing to check."""

    def __init__(self, tells_nothing: bool) -> None:
        self._tells_nothing = tells_nothing
        self._structures: dict[str, Check] = {}

    def operation(self, operation: Operation) -> Check | None:
        if operation.input is None:
            return None
        return self._members(list(operation.arguments.items()), operation.input.required)

    def _members(self, members: list[tuple[str, Member]], required: frozenset[str]) -> Check | None:
        fields = []
        for name, member in members:
            check = self._value(member.shape)
            if check is not None or member.name in required:
                fields.append((name, lower_first(member.name), member.name in required, check))
        if not fields:
            return None

        def check_members(value: Any, path: str, out: list[str]) -> None:
            for name, shown, is_required, check in fields:
                item = value.get(name)
                if item is None:
                    if is_required:
                        out.append(_violation("null", f"{path}{shown}", "Member must not be null"))
                elif check is not None:
                    check(item, f"{path}{shown}", out)
                if len(out) >= MAX_REPORTED:
                    return

        return check_members

    def _value(self, shape: Shape) -> Check | None:
        if shape.type == "structure":
            return self._structure(shape)
        checks = [check for check in (self._own(shape), self._inside(shape)) if check is not None]
        if len(checks) < 2:
            return checks[0] if checks else None

        def check_all(value: Any, path: str, out: list[str]) -> None:
            for check in checks:
                check(value, path, out)

        return check_all

    def _own(self, shape: Shape) -> Check | None:
        """What is asked of the value itself: of a list its length, of a text its pattern, length or enum."""
        asked = scalar_checks(shape)
        if not asked:
            return None
        texts = [(holds, self._text(constraint)) for holds, constraint in asked]

        def check(value: Any, path: str, out: list[str]) -> None:
            for holds, text in texts:
                if not holds(value):
                    out.append(_violation(self._shown(value, shape), path, text))

        return check

    def _inside(self, shape: Shape) -> Check | None:
        if shape.element is not None:
            return self._list(shape, shape.element.shape)
        if shape.key is not None and shape.value is not None:
            return self._map(shape, shape.key.shape, shape.value.shape)
        return None

    def _list(self, shape: Shape, element: Shape) -> Check | None:
        if element.type in {"structure", "list", "map"}:
            check = self._value(element)
            if check is None:
                return None

            def check_elements(value: Any, path: str, out: list[str]) -> None:
                for number, item in enumerate(value, 1):
                    check(item, f"{path}.{number}.member", out)
                    if len(out) >= MAX_REPORTED:
                        return

            return check_elements
        return self._each(shape, element, "Member must satisfy constraint", lambda value: value)

    def _map(self, shape: Shape, key: Shape, item: Shape) -> Check | None:
        checks = [self._each(shape, key, "Map keys must satisfy constraint", lambda value: value.keys())]
        if item.type not in {"structure", "list", "map"}:
            checks.append(
                self._each(shape, item, "Map value must satisfy constraint", lambda value: value.values())
            )
        present = [check for check in checks if check is not None]
        inner = self._value(item) if item.type in {"structure", "list", "map"} else None
        if not present and inner is None:
            return None

        def check_map(value: Any, path: str, out: list[str]) -> None:
            for check in present:
                check(value, path, out)
            if inner is not None:
                for name, element in value.items():
                    inner(element, f"{path}.{name}.member", out)
                    if len(out) >= MAX_REPORTED:
                        return

        return check_map

    def _each(self, shape: Shape, part: Shape, words: str, parts: Callable[[Any], Any]) -> Check | None:
        """Scalars inside are reported at their container: all constraints, whichever was broken."""
        asked = scalar_checks(part)
        if not asked:
            return None
        texts = [self._text(constraint) for _, constraint in reversed(asked)]
        if part.enum or words.startswith("Map value"):
            texts.append("Member must not be null")
        text = f"{words}: [{', '.join(texts)}]"

        def check(value: Any, path: str, out: list[str]) -> None:
            if not all(holds(item) for item in parts(value) for holds, _ in asked):
                out.append(_violation(self._shown(value, shape), path, text))

        return check

    def _structure(self, shape: Shape) -> Check | None:
        if shape.name in self._structures:
            return self._structures[shape.name]
        found: list[Check] = []

        def check(value: Any, path: str, out: list[str]) -> None:
            for check_members in found:
                check_members(value, f"{path}.", out)

        self._structures[shape.name] = check  # before the members, which may hold the shape itself
        members = self._members([(m.name, m) for m in shape.members.values()], shape.required)
        if members is None:
            return None
        found.append(members)
        return check

    def _text(self, constraint: str) -> str:
        if self._tells_nothing and constraint.startswith("Member must satisfy enum value set"):
            return "Member must satisfy enum value set"
        return constraint

    def _shown(self, value: Any, shape: Shape) -> str:
        if self._tells_nothing or shape.sensitive:
            return ""
        return f"'{rendered(value, shape)}'"


def _violation(shown: str, path: str, text: str) -> str:
    return f"Value {shown}{' ' if shown else ''}at '{path}' failed to satisfy constraint: {text}"
