"""What each operation asks permission for, and how AWS names it when that is missing."""

from __future__ import annotations

from typing import Any

import pytest

from noria.auth.authorize import Denial
from noria.context import RequestContext, root_principal
from noria.services.iam.actions import ACTIONS, DENIAL

ACCOUNT = "111111111111"
CTX = RequestContext("r", "iam", "Op", ACCOUNT, "us-east-1", root_principal(ACCOUNT), 0)
POLICY = f"arn:aws:iam::{ACCOUNT}:policy/P"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/R"


@pytest.mark.parametrize(
    ("operation", "params", "resource", "text"),
    [
        (
            "CreatePolicy",
            {"policy_name": "P", "path": "/a/"},
            f"arn:aws:iam::{ACCOUNT}:policy/a/P",
            "policy P",
        ),
        ("GetPolicy", {"policy_arn": POLICY}, POLICY, f"policy {POLICY}"),
        ("GetPolicyVersion", {"policy_arn": POLICY}, POLICY, f"policy {POLICY}"),
        ("DeletePolicy", {"policy_arn": POLICY}, POLICY, f"policy {POLICY}"),
        ("ListPolicies", {}, "*", "policy path /"),
        ("CreateRole", {"role_name": "R", "path": "/a/"}, f"arn:aws:iam::{ACCOUNT}:role/a/R", None),
        ("CreateRole", {"role_name": "R"}, ROLE, None),
        ("ListRoles", {"path_prefix": "/a/"}, f"arn:aws:iam::{ACCOUNT}:role/a/", None),
        ("GetRole", {"role_name": "R"}, ROLE, "role R"),
        ("PutRolePolicy", {"role_name": "R"}, ROLE, "role R"),
        ("AttachRolePolicy", {"role_name": "R", "policy_arn": POLICY}, ROLE, "role R"),
    ],
)
def test_resources(operation: str, params: dict[str, Any], resource: str, text: str | None) -> None:
    action = ACTIONS[operation]
    assert action.resource(CTX, params) == resource
    assert (action.resource_text and action.resource_text(CTX, params)) == text
    assert action.by_name is (text == "role R")


def test_attaching_says_which_policy() -> None:
    for operation in ("AttachRolePolicy", "DetachRolePolicy"):
        conditions = ACTIONS[operation].conditions
        assert conditions is not None
        assert conditions(CTX, {"role_name": "R", "policy_arn": POLICY}) == {"iam:PolicyARN": POLICY}


def test_every_operation_needs_permission() -> None:
    assert all(action.needs_permission for action in ACTIONS.values())
    assert Denial("AccessDenied", 403) == DENIAL
