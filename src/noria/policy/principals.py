"""The Principal element of trust policies (and, one day, of resource policies)."""

from __future__ import annotations

import re
from typing import Any, Literal

import msgspec

from noria.context import Principal
from noria.errors import AwsError

Grant = Literal["none", "account", "direct"]
"""How a statement names a principal. account: it trusts the principal's account, which must itself let the
principal; direct: it names the principal, which inside one account is enough."""

ACCOUNT = re.compile(r"(?:arn:aws[a-z-]*:iam::)?([0-9]{12})(?::root)?")
IDENTITY = re.compile(
    r"arn:aws[a-z-]*:(iam::[0-9]{12}:(user|role)|sts::[0-9]{12}:(assumed-role|federated-user))/[^*?\s]+"
)
SERVICE = re.compile(r"[a-z0-9][a-z0-9.-]*\.amazonaws\.com(\.cn)?")
WEB_IDENTITY_PROVIDERS = frozenset(
    ("accounts.google.com", "cognito-identity.amazonaws.com", "graph.facebook.com", "www.amazon.com")
)


class Principals(msgspec.Struct, frozen=True):
    """Who a statement speaks of. everyone: ``*``."""

    everyone: bool
    accounts: frozenset[str]
    arns: frozenset[str]
    services: frozenset[str]

    def grant(self, principal: Principal) -> Grant:
        if principal.kind == "service":
            return "direct" if principal.name in self.services else "none"
        if self.everyone or principal.arn in self.arns or principal.role_arn in self.arns:
            return "direct"
        return "account" if principal.account in self.accounts else "none"


def parse_principals(element: Any) -> Principals:
    """Raises AwsError MalformedPolicyDocument."""
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
        raise invalid_principal("Federated", provider)  # no identity provider can exist in Noria
    return _aws_principals(found["AWS"], frozenset(found["Service"]))


def _aws_principals(names: set[str], services: frozenset[str]) -> Principals:
    accounts, arns = set(), set()
    for name in sorted(names - {"*"}):
        if account := ACCOUNT.fullmatch(name):
            accounts.add(account[1])
        elif IDENTITY.fullmatch(name):
            arns.add(name)
        else:
            raise invalid_principal("AWS", name)
    return Principals("*" in names, frozenset(accounts), frozenset(arns), services)


def invalid_principal(kind: str, name: str) -> AwsError:
    return _malformed(f'Invalid principal in policy: "{kind}":"{name}"')


def _malformed(text: str) -> AwsError:
    return AwsError("MalformedPolicyDocument", text, 400)
