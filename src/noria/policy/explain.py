"""Why a decision is as it is: every statement that was considered, and what of it does not match."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from noria.policy.conditions import compile_conditions
from noria.policy.document import session_policy
from noria.policy.evaluate import Identity, PolicyRequest, PolicyType
from noria.policy.match import ContextValue
from noria.policy.statement import Policy, Statement, condition_block, strings

SHOWN = 5  # values of a list; the document itself has the rest


class Considered(msgspec.Struct, frozen=True):
    """A statement beside a request. policy: its name, or ARN. statement: its Sid, else ``#1``.

    why: what of it does not match the request; empty where it applies.
    """

    policy_type: PolicyType
    policy: str
    statement: str
    effect: str
    applies: bool
    why: tuple[str, ...]


def considered(
    request: PolicyRequest, identity: Identity, resource: Policy | None, *, trust: bool
) -> list[Considered]:
    """Every statement of every policy that has a say, in the order of the evaluation."""
    return [
        Considered(
            policy_type,
            name,
            statement.fields.get("Sid") or f"#{number}",
            statement.fields["Effect"],
            not (why := tuple(_mismatches(statement, request))),
            why,
        )
        for policy_type, name, policy in _policies(request, identity, resource, trust=trust)
        for number, statement in enumerate(policy.statements, 1)
    ]


def _policies(
    request: PolicyRequest, identity: Identity, resource: Policy | None, *, trust: bool
) -> Iterator[tuple[PolicyType, str, Policy]]:
    for attached in identity.policies:
        yield "identity-based", attached.arn or attached.name, attached.policy
    if resource is not None:
        yield "role trust" if trust else "resource-based", request.resource, resource
    if (boundary := identity.boundary) is not None:
        yield "permissions boundary", boundary.arn or boundary.name, boundary.policy
    for number, text in enumerate(request.principal.session_policies, 1):
        yield "session", f"session policy {number}", session_policy(text)


def _mismatches(statement: Statement, request: PolicyRequest) -> Iterator[str]:
    fields = statement.fields
    if statement.principals is not None and statement.principals.grant(request.principal) == "none":
        element = "NotPrincipal" if "NotPrincipal" in fields else "Principal"
        yield f"{element} {_shown([msgspec.json.encode(fields[element]).decode()])} does not mean the caller"
    if not statement.matches_action(request.action.lower()):
        yield _mismatch(fields, "Action", request.action)
    if not statement.matches_resource(request.resource, request.context):
        yield _mismatch(fields, "Resource", request.resource)
    for operator, keys in condition_block(fields).items():
        for key, values in keys.items():
            test = compile_conditions({operator: {key: values}}, statement.variables)
            if not test(request.context()):
                yield f"Condition {operator} {key}: wants {_shown(values)}, {_had(key, request)}"


def _mismatch(fields: dict[str, Any], element: str, asked: str) -> str:
    if f"Not{element}" in fields:
        return f"Not{element} {_shown(strings(fields[f'Not{element}']))} leaves out {asked}"
    return f"{element} {_shown(strings(fields[element]))} does not cover {asked}"


def _had(key: str, request: PolicyRequest) -> str:
    value: ContextValue | None = request.context().get(key.lower())
    if value is None:
        return "the request has no such key"
    return f"the request has {_shown([value] if isinstance(value, str) else value)}"


def _shown(values: Sequence[str]) -> str:
    more = len(values) - SHOWN
    text = ", ".join(values[:SHOWN]) or "nothing"
    return f"{text} and {more} more" if more > 0 else text
