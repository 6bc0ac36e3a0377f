"""The Principal and NotPrincipal elements of trust and resource policies."""

from __future__ import annotations

import re
from typing import Any, Literal

import msgspec

from noria.context import Principal
from noria.errors import AwsError

Grant = Literal["none", "account", "role", "direct"]
"""How a statement names a principal. account: it trusts the principal's account, which must itself let the
principal; role: it names the role (or user) behind the session, whose boundary and session policies still
limit it; direct: it names the very principal, or everyone, which inside one account is enough.
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic_policy-eval-basics.html
"""

ACCOUNT = re.compile(r"(?:arn:aws[a-z-]*:iam::)?([0-9]{12})(?::root)?")
IDENTITY = re.compile(
    r"arn:aws[a-z-]*:(iam::[0-9]{12}:(user|role)|sts::[0-9]{12}:(assumed-role|federated-user))/[^*?\s]+"
)
OIDC_PROVIDER = re.compile(r"arn:aws[a-z-]*:iam::[0-9]{12}:oidc-provider/[^*?\s]+")
SERVICE = re.compile(r"[a-z0-9][a-z0-9.-]*\.amazonaws\.com(\.cn)?")
WEB_IDENTITY_PROVIDERS = frozenset(
    ("accounts.google.com", "cognito-identity.amazonaws.com", "graph.facebook.com", "www.amazon.com")
)


class Principals(msgspec.Struct, frozen=True):
    """Who a statement speaks of. everyone: ``*``. negated: of NotPrincipal, all but these.

    federated: ARNs of identity providers, for those whom they know and the sessions made for these.
    services_too: everyone includes AWS's services; a role's trust policy must name the service.
    """

    everyone: bool
    accounts: frozenset[str]
    arns: frozenset[str]
    services: frozenset[str]
    federated: frozenset[str] = frozenset()
    services_too: bool = True
    negated: bool = False

    def grant(self, principal: Principal) -> Grant:
        if self.negated:
            return "none" if self._excepts(principal) else "direct"
        if principal.kind == "service":
            named = principal.name in self.services or (self.everyone and self.services_too)
            return "direct" if named else "none"
        if principal.federated_provider in self.federated:
            return "direct"
        if principal.kind == "web-identity":  # everyone is enough to deny, not to allow
            return "account" if self.everyone else "none"
        if self.everyone or principal.arn in self.arns:
            return "direct"
        if principal.role_arn in self.arns:
            return "role"
        return "account" if principal.account in self.accounts else "none"

    def _excepts(self, principal: Principal) -> bool:
        """NotPrincipal spares only whom it names whole: a user and its account; a session, its role and
        their account (IAM reference, NotPrincipal)."""
        if principal.kind == "service":
            return principal.name in self.services
        if self.everyone or principal.federated_provider in self.federated:
            return True
        chain = {principal.arn, principal.role_arn} - {"", f"arn:aws:iam::{principal.account}:root"}
        return principal.account in self.accounts and chain <= self.arns


def parse_principals(element: Any, *, trust: bool = False, negated: bool = False) -> Principals:
    """trust: of a role's trust policy, which is stricter. Raises AwsError MalformedPolicyDocument."""
    if element == "*" and not trust:
        element = {"AWS": "*"}
    if not isinstance(element, dict):
        raise _malformed(
            "Principal must be a JSON object." if isinstance(element, str) else "Syntax error in policy."
        )
    if not element:
        raise _malformed("Missing required field Principal cannot be empty!")
    found: dict[str, set[str]] = {"AWS": set(), "Service": set(), "Federated": set()}
    for kind, value in element.items():
        if kind not in found:
            raise _malformed(f'Invalid principal in policy: "{kind}"')
        values = value if isinstance(value, list) else [value]
        if not values or not all(isinstance(item, str) for item in values):
            raise _malformed("Syntax error in policy.")
        found[kind].update(values)
    for service in sorted(found["Service"]):
        if not SERVICE.fullmatch(service):
            raise invalid_principal("SERVICE", service)
    for provider in sorted(found["Federated"] - WEB_IDENTITY_PROVIDERS):
        if not OIDC_PROVIDER.fullmatch(provider):
            raise invalid_principal("Federated", provider)
    everyone, accounts, arns = _aws_principals(found["AWS"])
    services, federated = frozenset(found["Service"]), frozenset(found["Federated"])
    return Principals(everyone, accounts, arns, services, federated, not trust, negated)


def _aws_principals(names: set[str]) -> tuple[bool, frozenset[str], frozenset[str]]:
    """(everyone, accounts, ARNs)"""
    accounts, arns = set(), set()
    for name in sorted(names - {"*"}):
        if account := ACCOUNT.fullmatch(name):
            accounts.add(account[1])
        elif IDENTITY.fullmatch(name):
            arns.add(name)
        else:
            raise invalid_principal("AWS", name)
    return "*" in names, frozenset(accounts), frozenset(arns)


def invalid_principal(kind: str, name: str) -> AwsError:
    return _malformed(f'Invalid principal in policy: "{kind}":"{name}"')


def _malformed(text: str) -> AwsError:
    return AwsError("MalformedPolicyDocument", text, 400)
