"""IAM's operations as IAM itself sees them.

https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsidentityandaccessmanagementiam.html
"""

from __future__ import annotations

from collections.abc import Mapping

from noria.auth.authorize import Action, Denial, Params
from noria.context import RequestContext

DENIAL = Denial("AccessDenied")


def _new_role(ctx: RequestContext, params: Params) -> str:
    return f"arn:aws:iam::{ctx.account}:role{params.get('path', '/')}{params['role_name']}"


def _role(ctx: RequestContext, params: Params) -> str:
    return f"arn:aws:iam::{ctx.account}:role/{params['role_name']}"


def _role_text(ctx: RequestContext, params: Params) -> str:
    return f"role {params['role_name']}"


def _roles(ctx: RequestContext, params: Params) -> str:
    return f"arn:aws:iam::{ctx.account}:role{params.get('path_prefix', '/')}"


def _new_policy(ctx: RequestContext, params: Params) -> str:
    return f"arn:aws:iam::{ctx.account}:policy{params.get('path', '/')}{params['policy_name']}"


def _new_policy_text(ctx: RequestContext, params: Params) -> str:
    return f"policy {params['policy_name']}"


def _policy(ctx: RequestContext, params: Params) -> str:
    arn: str = params["policy_arn"]
    return arn


def _policy_text(ctx: RequestContext, params: Params) -> str:
    return f"policy {params['policy_arn']}"


def _policies_text(ctx: RequestContext, params: Params) -> str:
    return f"policy path {params.get('path_prefix', '/')}"


def _attached(ctx: RequestContext, params: Params) -> Mapping[str, str]:
    return {"iam:PolicyARN": params["policy_arn"]}


def _on_policy(name: str) -> Action:
    return Action(f"iam:{name}", _policy, resource_text=_policy_text)


def _on_role(name: str) -> Action:
    attaches = name in ("AttachRolePolicy", "DetachRolePolicy")
    return Action(
        f"iam:{name}", _role, _attached if attaches else None, resource_text=_role_text, by_name=True
    )


ACTIONS: dict[str, Action] = {
    "CreatePolicy": Action("iam:CreatePolicy", _new_policy, resource_text=_new_policy_text),
    "GetPolicy": _on_policy("GetPolicy"),
    "GetPolicyVersion": _on_policy("GetPolicyVersion"),
    "ListPolicies": Action("iam:ListPolicies", lambda ctx, params: "*", resource_text=_policies_text),
    "ListPolicyVersions": _on_policy("ListPolicyVersions"),
    "DeletePolicy": _on_policy("DeletePolicy"),
    "CreateRole": Action("iam:CreateRole", _new_role),
    "GetRole": _on_role("GetRole"),
    "ListRoles": Action("iam:ListRoles", _roles),
    "UpdateAssumeRolePolicy": _on_role("UpdateAssumeRolePolicy"),
    "DeleteRole": _on_role("DeleteRole"),
    "AttachRolePolicy": _on_role("AttachRolePolicy"),
    "DetachRolePolicy": _on_role("DetachRolePolicy"),
    "ListAttachedRolePolicies": _on_role("ListAttachedRolePolicies"),
    "PutRolePolicy": _on_role("PutRolePolicy"),
    "GetRolePolicy": _on_role("GetRolePolicy"),
    "ListRolePolicies": _on_role("ListRolePolicies"),
    "DeleteRolePolicy": _on_role("DeleteRolePolicy"),
}
