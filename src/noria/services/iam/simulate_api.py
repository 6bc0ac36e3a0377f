"""What policies would decide: the evaluator over the policies of a request or of an identity."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from noria.context import Principal, RequestContext
from noria.errors import AwsError
from noria.policy.document import parse_resource_policy
from noria.policy.evaluate import Attached, Decision, Identity, PolicyRequest, evaluate
from noria.policy.match import ContextValue
from noria.policy.statement import Statement
from noria.services.iam import errors
from noria.services.iam.models import Bounded, User
from noria.services.iam.paging import page
from noria.services.iam.repository import ENTITY_ARN, Repository
from noria.services.iam.sources import (
    IAM_POLICY,
    RESOURCE_POLICY,
    Source,
    context_keys,
    given,
    holder_of,
    sources_of,
    statement_keys,
)

Answer = dict[str, Any]

EVALUATIONS = 10_000  # of actions and resources in one request: seconds of work, and more than pages are for


class Simulation(msgspec.Struct):
    """caller: who would ask. context: condition keys and values of the request."""

    caller: Principal
    sources: list[Source]
    boundary: Source | None
    resource_policy: Source | None
    context: Mapping[str, ContextValue]


class SimulationOperations:
    """One method an operation; see `noria.gateway` for how they are called."""

    def __init__(self, store: Repository) -> None:
        self._store = store

    async def simulate_custom_policy(
        self,
        ctx: RequestContext,
        *,
        policy_input_list: list[str],
        action_names: list[str],
        permissions_boundary_policy_input_list: list[str] | None = None,
        resource_arns: list[str] | None = None,
        resource_policy: str | None = None,
        caller_arn: str | None = None,
        context_entries: list[Answer] | None = None,
        marker: str | None = None,
        max_items: int | None = None,
    ) -> Answer:
        simulation = Simulation(
            _caller(ctx, caller_arn, resource_policy),
            given(policy_input_list),
            _boundary(permissions_boundary_policy_input_list or []),
            _resource_policy(resource_policy),
            _context(context_entries or []),
        )
        return _answer(simulation, action_names, resource_arns or ["*"], marker, max_items)

    async def simulate_principal_policy(
        self,
        ctx: RequestContext,
        *,
        policy_source_arn: str,
        action_names: list[str],
        policy_input_list: list[str] | None = None,
        permissions_boundary_policy_input_list: list[str] | None = None,
        resource_arns: list[str] | None = None,
        resource_policy: str | None = None,
        caller_arn: str | None = None,
        context_entries: list[Answer] | None = None,
        marker: str | None = None,
        max_items: int | None = None,
    ) -> Answer:
        holder = await holder_of(self._store, ctx.account, policy_source_arn)
        boundary = _boundary(permissions_boundary_policy_input_list or [])
        if boundary is None and isinstance(holder, Bounded) and holder.boundary:
            own = await self._store.policy(holder.boundary, ctx.account)
            (boundary,) = given([own.document], own.name)
            boundary.name = own.name
        if caller_arn is None and isinstance(holder, User):
            caller_arn = policy_source_arn
        simulation = Simulation(
            _caller(ctx, caller_arn, resource_policy),
            await sources_of(self._store, holder) + given(policy_input_list or []),
            boundary,
            _resource_policy(resource_policy),
            _context(context_entries or []),
        )
        return _answer(simulation, action_names, resource_arns or ["*"], marker, max_items)

    async def get_context_keys_for_custom_policy(
        self, ctx: RequestContext, *, policy_input_list: list[str]
    ) -> Answer:
        return {"ContextKeyNames": context_keys(given(policy_input_list))}

    async def get_context_keys_for_principal_policy(
        self, ctx: RequestContext, *, policy_source_arn: str, policy_input_list: list[str] | None = None
    ) -> Answer:
        holder = await holder_of(self._store, ctx.account, policy_source_arn)
        sources = await sources_of(self._store, holder) + given(policy_input_list or [])
        return {"ContextKeyNames": context_keys(sources)}


def _caller(ctx: RequestContext, arn: str | None, resource_policy: str | None) -> Principal:
    if arn is None:
        if resource_policy is not None:
            raise errors.invalid_input("CallerArn is required where there is a ResourcePolicy.")
        return Principal("user", ctx.account, "", "")
    parts = ENTITY_ARN.fullmatch(arn)
    if parts is None or parts[2] != "user":
        raise errors.invalid_input(f"Invalid Entity Arn: {arn} does not clearly define entity type and name.")
    return Principal("user", parts[1], arn, "", parts[3])


def _boundary(texts: Sequence[str]) -> Source | None:
    if len(texts) > 1:
        raise errors.invalid_input("There can be one permissions boundary at most.")
    return next(iter(given(texts, "PermissionsBoundaryPolicyInputList")), None)


def _resource_policy(text: str | None) -> Source | None:
    if text is None:
        return None
    try:
        return Source("ResourcePolicy", text, parse_resource_policy(text))
    except AwsError as error:
        raise errors.invalid_input(error.message) from error


def _context(entries: Sequence[Answer]) -> dict[str, ContextValue]:
    context: dict[str, ContextValue] = {}
    for entry in entries:
        if not entry.keys() >= {"ContextKeyName", "ContextKeyValues"}:
            raise errors.invalid_input("A context entry needs ContextKeyName and ContextKeyValues.")
        values: list[str] = entry["ContextKeyValues"]
        many = len(values) != 1 or entry.get("ContextKeyType", "").endswith("List")
        context[entry["ContextKeyName"]] = values if many else values[0]
    return context


def _answer(
    simulation: Simulation,
    actions: Sequence[str],
    resources: Sequence[str],
    marker: str | None,
    max_items: int | None,
) -> Answer:
    for action in actions:
        if action.count(":") != 1:
            raise errors.invalid_input(f"Invalid Action Name: {action}")
    if len(actions) * len(resources) > EVALUATIONS:
        raise errors.invalid_input(f"More than {EVALUATIONS} actions and resources in one request.")
    asked = [(action, resource) for action in actions for resource in resources]
    order = dict(enumerate(asked))
    shown, more = page(list(order), lambda number: f"{number:08d}", marker, max_items)
    return {"EvaluationResults": [_result(simulation, *order[number]) for number in shown]} | more


def _result(simulation: Simulation, action: str, resource: str) -> Answer:
    boundary = simulation.boundary
    identity = Identity(
        tuple(Attached(source.policy, source.name) for source in simulation.sources),
        Attached(boundary.policy, boundary.name) if boundary else None,
    )
    request = PolicyRequest(simulation.caller, action, resource, simulation.context)
    by_resource = simulation.resource_policy
    decision = evaluate(request, identity, by_resource.policy if by_resource else None)
    every = [(IAM_POLICY, source) for source in (*simulation.sources, *((boundary,) if boundary else ()))]
    if by_resource:
        every.append((RESOURCE_POLICY, by_resource))
    result: Answer = {
        "EvalActionName": action,
        "EvalResourceName": resource,
        "EvalDecision": _word(decision),
        "MatchedStatements": [
            _shown(kind, source, number)
            for kind, source in every
            if source is not boundary or decision.policy_type == "permissions boundary"
            for number, statement in enumerate(source.policy.statements)
            if (decision.allowed or decision.explicit) and statement.allows is decision.allowed
            if _applies(statement, request)
        ],
        "MissingContextValues": _missing([source for _, source in every], request),
    }
    if boundary:
        only = Identity((Attached(boundary.policy),))
        allowed = evaluate(
            PolicyRequest(simulation.caller, action, resource, simulation.context), only
        ).allowed
        result["PermissionsBoundaryDecisionDetail"] = {"AllowedByPermissionsBoundary": allowed}
    return result


def _word(decision: Decision) -> str:
    if decision.allowed:
        return "allowed"
    return "explicitDeny" if decision.explicit else "implicitDeny"


def _applies(statement: Statement, request: PolicyRequest) -> bool:
    if statement.principals is not None and statement.principals.grant(request.principal) == "none":
        return False
    return statement.applies(request.action.lower(), request.resource, request.context)


def _missing(sources: Sequence[Source], request: PolicyRequest) -> list[str]:
    """Condition keys that statements on this action and resource look at, and that nobody has given."""
    given_keys = request.context()
    return sorted(
        {
            key
            for source in sources
            for statement in source.policy.statements
            if statement.matches_action(request.action.lower())
            for key in statement_keys(statement)
            if key.lower() not in given_keys
        }
    )


def _shown(kind: str, source: Source, number: int) -> Answer:
    start, end = source.positions[number]
    return {
        "SourcePolicyId": source.name,
        "SourcePolicyType": kind,
        "StartPosition": source.position(start),
        "EndPosition": source.position(end),
    }
