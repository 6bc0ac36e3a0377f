"""Statements and policies, compiled: what `noria.policy.evaluate` asks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from noria.policy.conditions import Test, compile_conditions
from noria.policy.match import Context, Match, Pattern
from noria.policy.principals import Principals

Json = dict[str, Any]


class Statement:
    """One statement; `applies` says whether it speaks of a request at all.

    fields: as the document has it, for those who explain. variables: whether ``${…}`` is one there.
    """

    __slots__ = (
        "_actions",
        "_condition",
        "_fixed",
        "_negated_actions",
        "_negated_resources",
        "_patterns",
        "allows",
        "fields",
        "principals",
        "variables",
    )

    def __init__(self, fields: Json, principals: Principals | None, *, variables: bool) -> None:
        """fields: valid. principals: of a resource or trust policy. Raises ConditionError."""
        self.fields = fields
        self.variables = variables
        self.principals = principals
        self._negated_actions = "NotAction" in fields
        actions = strings(fields["NotAction" if self._negated_actions else "Action"])
        self._actions = [_fixed(Pattern(action.lower(), "text", variables=False)) for action in actions]
        self._negated_resources = "NotResource" in fields
        resources = strings(fields.get("NotResource" if self._negated_resources else "Resource", "*"))
        patterns = [Pattern(resource, "resource", variables=variables) for resource in resources]
        self._fixed = [pattern.fixed for pattern in patterns if pattern.fixed]
        self._patterns = [pattern for pattern in patterns if not pattern.fixed]
        block = condition_block(fields)
        self._condition: Test | None = compile_conditions(block, variables) if block else None
        self.allows = fields["Effect"] == "Allow"

    @property
    def dynamic(self) -> bool:
        """Whether it depends on more than the principal's policies, the action and the resource."""
        return self._condition is not None or bool(self._patterns)

    def applies(self, action: str, resource: str, context: Callable[[], Context]) -> bool:
        """action: in lower case. context: asked only where the statement is dynamic."""
        if not self.matches_action(action):
            return False
        if not self.matches_resource(resource, context):
            return False
        return self._condition is None or self._condition(context())

    def matches_action(self, action: str) -> bool:
        for match in self._actions:
            if match(action):
                return not self._negated_actions
        return self._negated_actions

    def matches_resource(self, resource: str, context: Callable[[], Context]) -> bool:
        for match in self._fixed:
            if match(resource):
                return not self._negated_resources
        for pattern in self._patterns:
            resolved = pattern.resolve(context())
            if resolved is None:  # under NotResource a Deny then applies, and an Allow does not
                if self._negated_resources and self.allows:
                    return False
            elif resolved(resource):
                return not self._negated_resources
        return self._negated_resources


class Policy:
    """A document ready to be evaluated.

    denies, allows: its statements by effect. dynamic: some statement looks at the request's context, so that
    a decision of it cannot be cached. statements: all, in the document's order.
    """

    __slots__ = ("allows", "denies", "dynamic", "statements")

    def __init__(self, statements: Sequence[Statement]) -> None:
        self.statements = statements
        self.allows = [statement for statement in statements if statement.allows]
        self.denies = [statement for statement in statements if not statement.allows]
        self.dynamic = any(statement.dynamic for statement in statements)

    def named_principals(self) -> set[str]:
        """The ARNs that a trust or resource policy names, for those who check that they exist."""
        return {
            arn
            for statement in self.statements
            if statement.principals is not None
            for arn in statement.principals.arns
        }


def strings(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else list(value or ())


def condition_values(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def condition_block(fields: Json) -> Mapping[str, Mapping[str, Sequence[str]]]:
    """Values as text: JSON's own booleans and numbers are allowed too."""
    return {
        operator: {
            key: [
                item if isinstance(item, str) else msgspec.json.encode(item).decode()
                for item in condition_values(value)
            ]
            for key, value in keys.items()
        }
        for operator, keys in fields.get("Condition", {}).items()
        if keys
    }


def _fixed(pattern: Pattern) -> Match:
    assert pattern.fixed is not None  # compiled without variables
    return pattern.fixed
