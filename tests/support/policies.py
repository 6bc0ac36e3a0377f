"""Policies as tests write them."""

from __future__ import annotations

import json
from typing import Any

from noria.policy.document import parse_identity_policy, parse_resource_policy, parse_trust_policy
from noria.policy.evaluate import Attached, Identity
from noria.policy.statement import Policy


def document(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def identity_of(*policies: Policy, boundary: Policy | None = None) -> Identity:
    return Identity(tuple(map(Attached, policies)), Attached(boundary) if boundary is not None else None)


def identity_policy(*statements: dict[str, Any]) -> Policy:
    return parse_identity_policy(document(*statements))


def resource_policy(*statements: dict[str, Any]) -> Policy:
    return parse_resource_policy(document(*statements))


def trust_policy(*statements: dict[str, Any]) -> Policy:
    return parse_trust_policy(document(*statements))
