"""The decision: explicit deny, then allow, then implicit deny; a session's own policies narrow it further.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Literal

import msgspec

from noria.context import Principal
from noria.policy.document import Policy, session_policy
from noria.policy.match import Context, ContextValue
from noria.policy.principals import Grant

PolicyType = Literal["identity-based", "session"]
TrustGrant = Grant | Literal["deny"]


class PolicyRequest(msgspec.Struct):
    """Who wants to do what to what.

    action: ``sqs:SendMessage``. resource: an ARN, or ``*``. conditions: condition keys and their values.
    """

    principal: Principal
    action: str
    resource: str
    conditions: Mapping[str, ContextValue]
    _context: dict[str, ContextValue] | None = None

    def context(self) -> Context:
        """The condition keys in lower case, with what follows from them; made when first asked for."""
        if self._context is None:
            self._context = {key.lower(): value for key, value in self.conditions.items()}
            epoch = self._context.get("aws:epochtime")
            if isinstance(epoch, str):
                moment = datetime.fromtimestamp(int(epoch), UTC)
                self._context["aws:currenttime"] = moment.strftime("%Y-%m-%dT%H:%M:%SZ")
        return self._context


class Decision(msgspec.Struct, frozen=True):
    """policy_type: of the policies that decided. explicit: a statement denies, rather than none allows."""

    allowed: bool
    policy_type: PolicyType = "identity-based"
    explicit: bool = False

    def because(self, action: str) -> str:
        """AWS's words for a denial, e.g. ``because no session policy allows the sqs:SendMessage action``."""
        if self.explicit:
            article = "an" if self.policy_type == "identity-based" else "a"
            return f"with an explicit deny in {article} {self.policy_type} policy"
        return f"because no {self.policy_type} policy allows the {action} action"


ALLOWED = Decision(True)


def evaluate(request: PolicyRequest, identity: Sequence[Policy]) -> Decision:
    """What the principal's identity policies, and those of its session, say together."""
    by_identity = _decide(request, identity, "identity-based")
    texts = request.principal.session_policies
    if not texts or by_identity.explicit:
        return by_identity
    by_session = _decide(request, [session_policy(text) for text in texts], "session")
    return by_session if by_session.explicit or by_identity.allowed else by_identity


def _decide(request: PolicyRequest, policies: Sequence[Policy], policy_type: PolicyType) -> Decision:
    action, resource, context = request.action.lower(), request.resource, request.context
    for policy in policies:
        for statement in policy.denies:
            if statement.applies(action, resource, context):
                return Decision(False, policy_type, True)
    for policy in policies:
        for statement in policy.allows:
            if statement.applies(action, resource, context):
                return ALLOWED
    return Decision(False, policy_type)


def evaluate_trust(request: PolicyRequest, trust: Policy) -> TrustGrant:
    """What a trust policy says of the principal: denied, named itself, its account named, or nothing."""
    action, context = request.action.lower(), request.context
    for statement in trust.denies:
        if trust.principals[statement].grant(request.principal) != "none" and statement.applies(
            action, request.resource, context
        ):
            return "deny"
    grants = {
        trust.principals[statement].grant(request.principal)
        for statement in trust.allows
        if statement.applies(action, request.resource, context)
    }
    if "direct" in grants:
        return "direct"
    return "account" if "account" in grants else "none"
