"""The decision: what all the policies that apply to a request say together.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Literal

import msgspec

from noria.context import Principal
from noria.policy.document import session_policy
from noria.policy.match import Context, ContextValue
from noria.policy.principals import Grant
from noria.policy.statement import Policy

PolicyType = Literal["identity-based", "resource-based", "permissions boundary", "session", "role trust"]

# AWS's words; those of an explicit deny stand after "with an explicit deny in".
NAMES: dict[PolicyType, tuple[str, str]] = {
    "identity-based": ("identity-based policy", "an identity-based policy"),
    "resource-based": ("resource-based policy", "a resource-based policy"),
    "permissions boundary": ("permissions boundary", "a permissions boundary"),
    "session": ("session policy", "a session policy"),
    "role trust": ("role trust policy", "the role trust policy"),
}


class Attached(msgspec.Struct, frozen=True):
    """A policy of a principal. name: as IAM shows it. arn: of a managed policy, "" for an inline one."""

    policy: Policy
    name: str = ""
    arn: str = ""


class Identity(msgspec.Struct, frozen=True):
    """What IAM knows of a principal.

    policies: its own and, of a user, those of its groups. tags: of the user or of the role, before those of
    its session. gone: the role or user is no more, and no policy of a resource lets a session that is left.
    """

    policies: tuple[Attached, ...] = ()
    boundary: Attached | None = None
    tags: Mapping[str, str] = {}
    gone: bool = False


NOBODY = Identity()
GONE = Identity(gone=True)


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

    @property
    def same_account(self) -> bool:
        """Whether the resource is of the principal's account, or of none (AWS's own managed policies)."""
        parts = self.resource.split(":", 5)
        return len(parts) < 6 or parts[4] in ("", "aws", self.principal.account)


class Decision(msgspec.Struct, frozen=True):
    """policy_type: of the policies that decided. explicit: a statement denies, rather than none allows.
    policy_arn: of the managed policy that denies, where AWS tells it."""

    allowed: bool
    policy_type: PolicyType = "identity-based"
    explicit: bool = False
    policy_arn: str = ""

    def because(self, action: str) -> str:
        """AWS's words for a denial, e.g. ``because no session policy allows the sqs:SendMessage action``."""
        missing, denying = NAMES[self.policy_type]
        if self.explicit:
            where = f": {self.policy_arn}" if self.policy_arn else ""
            return f"with an explicit deny in {denying}{where}"
        return f"because no {missing} allows the {action} action"


ALLOWED = Decision(True)


def evaluate(
    request: PolicyRequest, identity: Identity, resource: Policy | None = None, *, trust: bool = False
) -> Decision:
    """What the policies of the principal, of its session and of the resource say together.

    resource: the resource's own policy. trust: that is a role's trust policy, without which nobody may assume
    the role, also inside its account.
    """
    principal, same_account = request.principal, request.same_account
    denial = _denial(request, identity, resource, trust=trust)
    if denial is not None:
        return denial
    if identity.gone:
        return Decision(False)
    grant = _grant(request, resource) if resource is not None else "none"
    of_resource: PolicyType = "role trust" if trust else "resource-based"
    if principal.kind in ("service", "web-identity", "anonymous"):
        return ALLOWED if grant == "direct" else Decision(False, of_resource)
    if same_account and grant == "direct":
        return ALLOWED
    if principal.kind != "root":
        if not (same_account and grant == "role") and not _any_allows(request, identity.policies):
            return Decision(False)
        if identity.boundary is not None and not _any_allows(request, (identity.boundary,)):
            return Decision(False, "permissions boundary")
        session = principal.session_policies
        if session and not _any_allows(request, map(_of_session, session)):
            return Decision(False, "session")
    if grant == "none" and (trust or not same_account):
        return Decision(False, of_resource)
    return ALLOWED


def _denial(
    request: PolicyRequest, identity: Identity, resource: Policy | None, *, trust: bool
) -> Decision | None:
    """The first explicit deny there is: nothing outweighs it."""
    action, principal = request.action.lower(), request.principal
    for attached in identity.policies:
        if _denies(request, action, attached.policy):
            return _explicit(request, "identity-based", attached)
    if resource is not None:
        for statement in resource.denies:
            spoken_of = statement.principals is not None and statement.principals.grant(principal) != "none"
            if spoken_of and statement.applies(action, request.resource, request.context):
                return Decision(False, "role trust" if trust else "resource-based", True)
    boundary = identity.boundary
    if boundary is not None and _denies(request, action, boundary.policy):
        return _explicit(request, "permissions boundary", boundary)
    for text in principal.session_policies:
        if _denies(request, action, session_policy(text)):
            return Decision(False, "session", True)
    return None


def _explicit(request: PolicyRequest, policy_type: PolicyType, attached: Attached) -> Decision:
    """AWS tells the policy's ARN inside one account only."""
    return Decision(False, policy_type, True, attached.arn if request.same_account else "")


def _denies(request: PolicyRequest, action: str, policy: Policy) -> bool:
    for statement in policy.denies:  # noqa: SIM110, `any` costs more than the rest, and most have none
        if statement.applies(action, request.resource, request.context):
            return True
    return False


def _any_allows(request: PolicyRequest, policies: Iterable[Attached]) -> bool:
    action, resource, context = request.action.lower(), request.resource, request.context
    for attached in policies:
        for statement in attached.policy.allows:
            if statement.applies(action, resource, context):
                return True
    return False


def _of_session(text: str) -> Attached:
    return Attached(session_policy(text))


def _grant(request: PolicyRequest, resource: Policy) -> Grant:
    """The strongest way in which the resource's policy allows the request to the principal."""
    action, principal = request.action.lower(), request.principal
    grants: set[Grant] = {
        statement.principals.grant(principal)
        for statement in resource.allows
        if statement.principals is not None and statement.applies(action, request.resource, request.context)
    }
    for grant in GRANTS:
        if grant in grants:
            return grant
    return "none"


GRANTS: tuple[Grant, ...] = ("direct", "role", "account")  # the strongest first
