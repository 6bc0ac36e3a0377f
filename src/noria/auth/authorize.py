"""From an operation to a decision: IAM action, resource and condition keys, one evaluator, AWS's denial."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import msgspec

from noria.auth.calls import Calls
from noria.auth.conditions import (
    global_conditions,
    principal_conditions,
    principal_tags,
    resource_conditions,
)
from noria.auth.denials import MAX_RESOURCE_CHARS, Decided, Denials
from noria.clock import Clock
from noria.config import AuthMode
from noria.context import Principal, RequestContext
from noria.errors import AwsError
from noria.policy.document import session_policy
from noria.policy.evaluate import ALLOWED, NOBODY, Decision, Identity, PolicyRequest, evaluate
from noria.policy.match import ContextValue
from noria.policy.statement import Policy
from noria.store.cache import GenerationCache

Params = Mapping[str, Any]
Conditions = Callable[[], Mapping[str, ContextValue]]

Allowed = tuple[RequestContext, str, str, Mapping[str, ContextValue] | None] | Decided
"""What was allowed: the request, its action, resource and conditions, from which it is decided anew when
somebody asks why; to keep the reasons would cost every request more than its decision does."""

ALLOWED_KEPT = 256  # a few thousand would push out of the processor's cache what each request needs: +5 %
DECISIONS_CACHED = 8192  # (principal, action, resource) triples, some 200 bytes each


class Action(msgspec.Struct, frozen=True):
    """What AWS's service authorization reference says of an operation.

    name: the IAM action, e.g. ``sqs:SendMessage``.
    resource: the ARN that the decoded request is about, ``*`` for actions without a resource.
    conditions: further condition keys and their values, e.g. ``iam:PassedToService``.
    also: further actions that the request needs on the same resource (``sqs:TagQueue``, where it has tags).
    needs_permission: False for what anyone signed may do (sts:GetCallerIdentity), or for what the operation
        decides itself (sts:AssumeRole: trust and identity policies together).
    resource_text: how a denial names the resource where that is not the ARN (IAM: ``role NAME``); "" where it
        names none.
    by_name: the request names a user, group, role … without its path; the policy source completes the ARN.
    signed: False for what nobody signs, since it proves who asks by other means (a web identity's token).
    """

    name: str
    resource: Callable[[RequestContext, Params], str]
    conditions: Callable[[RequestContext, Params], Mapping[str, ContextValue]] | None = None
    needs_permission: bool = True
    resource_text: Callable[[RequestContext, Params], str] | None = None
    by_name: bool = False
    also: Callable[[Params], Sequence[str]] | None = None
    signed: bool = True


class Denial(msgspec.Struct, frozen=True):
    """How a service words an access-denied error; the text itself is the same everywhere.

    lowercase_action: SQS writes ``sqs:sendmessage``.
    """

    code: str
    status: int = 403
    query_code: str | None = None
    lowercase_action: bool = False


class Resource(msgspec.Struct, frozen=True):
    """What a resource says of itself: its policy, its tags (``aws:ResourceTag/…``), further conditions."""

    policy: Policy | None = None
    tags: Mapping[str, str] = {}
    conditions: Mapping[str, str] = {}


class PolicySource(Protocol):
    """Where a principal's policies come from. Implemented by IAM."""

    async def identity(self, principal: Principal) -> Identity:
        """In force now; GONE for a role or user that is gone, also where another took its name."""

    async def entity_arn(self, arn: str) -> str:
        """``arn:aws:iam::ACCOUNT:role/NAME`` with the role's path in it, also of users and so on; unchanged
        where there is none.
        """

    def generation(self) -> int:
        """Grows whenever any policy, also of a resource, or any tag may have changed."""


class Resources(Protocol):
    """Resources with policies or tags of their own. Implemented by the service whose ARNs they have."""

    async def resource(self, arn: str) -> Resource | None:
        """None where there is no such resource."""


class Authorizer:
    """Decides. `permissive` lets everything through, as the server says at its start."""

    def __init__(
        self,
        policies: PolicySource,
        mode: AuthMode,
        denials: Mapping[str, Denial],
        clock: Clock,
    ) -> None:
        """denials: by service name."""
        self.denied = Denials()
        self._allowed: deque[Allowed] = deque(maxlen=ALLOWED_KEPT)
        self.calls = Calls()
        self.resources: dict[str, Resources] = {}  # by the service in their ARNs; set by `app`
        self._policies = policies
        self._mode = mode
        self._denials = denials
        self._clock = clock
        now, size = policies.generation, DECISIONS_CACHED
        self._decisions: GenerationCache[tuple[Principal, str, str], Decision] = GenerationCache(now, size)
        self._found: GenerationCache[str, Resource] = GenerationCache(now, size)  # by ARN

    def known_to_be_allowed(self, ctx: RequestContext, action: Action, params: Params) -> bool:
        """Whether a decision that still holds allows the request; `authorize` decides otherwise."""
        if action.by_name or action.also is not None or not action.needs_permission:
            return False
        resource = action.resource(ctx, params)
        decision = self._decisions.get((ctx.principal, action.name, resource))
        if decision is None or not decision.allowed:
            return False
        conditions = action.conditions(ctx, params) if action.conditions else None
        self._allowed.append((ctx, action.name, resource, conditions))
        return True

    async def authorize(self, ctx: RequestContext, action: Action, params: Params) -> None:
        """Raise the service's access-denied error unless ctx.principal may do what the request asks."""
        if not action.needs_permission or self._unbound(ctx.principal, ctx.service):
            return
        resource = action.resource(ctx, params)
        if action.by_name:
            resource = await self._policies.entity_arn(resource)
        conditions = action.conditions(ctx, params) if action.conditions else None
        text = action.resource_text(ctx, params) if action.resource_text else resource
        for name in (action.name, *(action.also(params) if action.also else ())):
            await self._require(ctx, name, resource, conditions, text)

    async def require(
        self,
        ctx: RequestContext,
        action: str,
        resource: str,
        conditions: Mapping[str, ContextValue] | None = None,
    ) -> None:
        """For checks beside the request's own action (``iam:PassRole``)."""
        if not self._unbound(ctx.principal, action.partition(":")[0]):
            await self._require(ctx, action, resource, conditions, resource)

    async def allows(
        self,
        principal: Principal,
        action: str,
        resource: str,
        conditions: Mapping[str, ContextValue] | None = None,
    ) -> bool:
        """For a service that acts as `principal` without a request; a no can be explained all the same."""

        def context() -> dict[str, ContextValue]:
            return {**resource_conditions(resource), **self._own(principal), **(conditions or {})}

        decision = await self._decide(principal, action, resource, context)
        if not decision.allowed:
            request, identity, found = await self._asked(principal, action, resource, context)
            denied = Decided("", self._clock.now_ms(), request, identity, found.policy, False, decision)
            self.denied.keep_for_a_service(denied)
        return decision.allowed

    async def allows_with_trust(
        self,
        principal: Principal,
        action: str,
        role_arn: str,
        trust: Policy,
        conditions: Mapping[str, ContextValue] | None = None,
        request_id: str = "",
    ) -> bool:
        """Whether a role's trust policy and the principal's own policies together allow `action` on the role.

        A trust policy that names the principal itself is enough inside the role's account; one that names
        the account, or a principal of another account, needs the principal's own policies to allow it too.
        request_id: under which a refusal can be explained.
        """
        if self._mode == "permissive":
            return True
        identity = await self._identity(principal)
        context = {
            **resource_conditions(role_arn),
            **self._own(principal),
            **principal_tags(principal, identity),
            **(conditions or {}),
        }
        request = PolicyRequest(principal, action, role_arn, context)
        decision = evaluate(request, identity, trust, trust=True)
        self.calls.record(principal, action, role_arn, allowed=decision.allowed)
        if request_id:
            now_ms, allowed = self._clock.now_ms(), decision.allowed
            decided = Decided(request_id, now_ms, request, identity, trust, True, decision, allowed)
            if allowed:
                self._allowed.append(decided)
            else:
                self.denied.keep(decided)
        return decision.allowed

    async def allowed(self, request_id: str) -> Decided | None:
        """Why a request was allowed, by its policies as they are now; None where that is not known.

        Of several actions that it needed, the first is explained: its own.
        """
        if self._mode == "permissive":  # no policy had a say
            return None
        for known in self._allowed:
            if isinstance(known, Decided):
                if known.request_id == request_id:
                    return known
            elif known[0].request_id == request_id:
                ctx, action, resource, conditions = known
                context = self._context(ctx, resource, conditions)
                request, identity, found = await self._asked(ctx.principal, action, resource, context)
                decision = evaluate(request, identity, found.policy)
                return Decided(
                    request_id, ctx.now_ms, request, identity, found.policy, False, decision, allowed=True
                )
        return None

    def forget(self, account: str) -> None:
        """What was decided for an account's identities."""
        kept = [known for known in self._allowed if _principal(known).account != account]
        self._allowed.clear()
        self._allowed += kept

    def _unbound(self, principal: Principal, service: str) -> bool:
        """Root is bound by nothing but the policies of resources."""
        return principal.kind == "root" and (self._mode == "permissive" or service not in self.resources)

    async def _identity(self, principal: Principal) -> Identity:
        if principal.kind in ("user", "assumed-role", "federated-user"):
            return await self._policies.identity(principal)
        return NOBODY

    def _own(self, principal: Principal) -> dict[str, str]:
        return {**principal_conditions(principal), "aws:EpochTime": str(self._clock.now_ms() // 1000)}

    async def _require(
        self,
        ctx: RequestContext,
        action: str,
        resource: str,
        conditions: Mapping[str, ContextValue] | None,
        resource_text: str,
    ) -> None:
        context = self._context(ctx, resource, conditions)
        decision = await self._decide(ctx.principal, action, resource, context)
        if decision.allowed:
            self._allowed.append((ctx, action, resource, conditions))
            return
        request, identity, found = await self._asked(ctx.principal, action, resource, context)
        self.denied.keep(
            Decided(ctx.request_id, ctx.now_ms, request, identity, found.policy, False, decision)
        )
        raise self._denied(ctx, action, resource_text, decision)

    def _context(
        self, ctx: RequestContext, resource: str, conditions: Mapping[str, ContextValue] | None
    ) -> Conditions:
        return lambda: {**resource_conditions(resource), **global_conditions(ctx), **(conditions or {})}

    async def _decide(
        self, principal: Principal, action: str, resource: str, conditions: Conditions
    ) -> Decision:
        """conditions: asked only where a policy looks at them, since most decisions come from the cache."""
        service = action.partition(":")[0]
        if self._mode == "permissive" or self._unbound(principal, service):
            self.calls.record(principal, action, resource, allowed=True)
            return ALLOWED
        key = (principal, action, resource)
        if cached := self._decisions.get(key):
            return cached
        generation = self._decisions.generation
        identity = await self._identity(principal)
        found = await self._resource(service, resource)
        dynamic = _dynamic(principal, identity, found)
        if dynamic:
            request, *_ = await self._asked(principal, action, resource, conditions)
        else:
            request = PolicyRequest(principal, action, resource, {})
        decision = evaluate(request, identity, found.policy)
        self.calls.record(principal, action, resource, allowed=decision.allowed)
        if not dynamic and len(resource) <= MAX_RESOURCE_CHARS:
            self._decisions.put(key, decision, generation)
        return decision

    async def _asked(
        self, principal: Principal, action: str, resource: str, conditions: Conditions
    ) -> tuple[PolicyRequest, Identity, Resource]:
        """The request with all of its context, and what it is decided by."""
        identity = await self._identity(principal)
        found = await self._resource(action.partition(":")[0], resource)
        tags = {f"aws:ResourceTag/{key}": value for key, value in found.tags.items()}
        context = {**tags, **found.conditions, **principal_tags(principal, identity), **conditions()}
        return PolicyRequest(principal, action, resource, context), identity, found

    async def _resource(self, service: str, arn: str) -> Resource:
        resources = self.resources.get(service)
        if resources is None or arn.count(":") < 5 or len(arn) > MAX_RESOURCE_CHARS:
            return NO_RESOURCE
        found = self._found.get(arn)
        if found is None:
            generation = self._found.generation
            found = await resources.resource(arn) or NO_RESOURCE
            self._found.put(arn, found, generation)
        return found

    def _denied(self, ctx: RequestContext, action: str, resource: str, decision: Decision) -> AwsError:
        denial = self._denials[ctx.service]
        name = action.lower() if denial.lowercase_action else action
        where = f" on resource: {resource}" if resource else ""
        return AwsError(
            denial.code,
            f"User: {ctx.principal.arn} is not authorized to perform: {name}{where} {decision.because(name)}",
            denial.status,
            query_code=denial.query_code,
        )


NO_RESOURCE = Resource()


def _principal(known: Allowed) -> Principal:
    return known.request.principal if isinstance(known, Decided) else known[0].principal


def _dynamic(principal: Principal, identity: Identity, resource: Resource) -> bool:
    """Whether a decision depends on the request's context, so that it cannot be kept."""
    return (
        any(attached.policy.dynamic for attached in identity.policies)
        or (identity.boundary is not None and identity.boundary.policy.dynamic)
        or (resource.policy is not None and resource.policy.dynamic)
        or any(session_policy(text).dynamic for text in principal.session_policies)
    )
