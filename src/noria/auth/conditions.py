"""The condition keys that every request has, whatever its operation: from who asks, for what, and how."""

from __future__ import annotations

from collections.abc import Mapping

from noria.context import Principal, RequestContext
from noria.policy.evaluate import Identity
from noria.policy.match import ContextValue


def request_tags(tags: Mapping[str, str] | None) -> dict[str, ContextValue]:
    """``aws:RequestTag/…`` and ``aws:TagKeys`` of a request that sets tags; nothing for one that does not."""
    if not tags:
        return {}
    return {"aws:TagKeys": list(tags)} | {f"aws:RequestTag/{key}": value for key, value in tags.items()}


def principal_tags(principal: Principal, identity: Identity) -> dict[str, str]:
    """``aws:PrincipalTag/…``: a session's own tags before those of its role."""
    tags = {key.lower(): value for key, value in identity.tags.items()}
    tags |= {key.lower(): value for key, value in principal.session_tags}
    return {f"aws:PrincipalTag/{key}": value for key, value in tags.items()}


PRINCIPAL_TYPES = {
    "root": "Account",
    "user": "User",
    "assumed-role": "AssumedRole",
    "federated-user": "FederatedUser",
    "anonymous": "Anonymous",
}


def principal_conditions(principal: Principal) -> dict[str, str]:
    """The ``aws:`` condition keys that follow from who asks."""
    if principal.kind == "service":
        service = {"aws:PrincipalIsAWSService": "true", "aws:PrincipalServiceName": principal.name}
        return service | dict(principal.session_conditions)
    if principal.kind == "web-identity":
        return {"aws:PrincipalIsAWSService": "false", "aws:FederatedProvider": principal.federated_provider}
    conditions = {
        "aws:PrincipalArn": principal.role_arn if principal.kind == "assumed-role" else principal.arn,
        "aws:PrincipalAccount": principal.account,
        "aws:PrincipalType": PRINCIPAL_TYPES[principal.kind],
        "aws:PrincipalIsAWSService": "false",
        "aws:userid": principal.user_id,
        "aws:ViaAWSService": "false",
    }
    if principal.kind == "user":
        conditions["aws:username"] = principal.name
    if principal.federated_provider:
        conditions["aws:FederatedProvider"] = principal.federated_provider
    conditions.update(principal.session_conditions)
    return conditions


def resource_conditions(resource: str) -> dict[str, str]:
    """The ``aws:`` condition keys that follow from an ARN; none from ``*``."""
    parts = resource.split(":", 5)
    if len(parts) < 6:
        return {}
    keys = {"aws:RequestedRegion": parts[3], "aws:ResourceAccount": parts[4]}
    return {key: value for key, value in keys.items() if value}


def global_conditions(ctx: RequestContext) -> dict[str, str]:
    """The ``aws:`` condition keys of a request; the evaluator adds ``aws:CurrentTime``."""
    conditions = principal_conditions(ctx.principal)
    conditions["aws:RequestedRegion"] = ctx.region
    conditions["aws:EpochTime"] = str(ctx.now_ms // 1000)
    conditions["aws:SecureTransport"] = "true" if ctx.base_url.startswith("https:") else "false"
    if not ctx.via_service:
        conditions["aws:SourceIp"] = ctx.source_ip
    if ctx.user_agent:
        conditions["aws:UserAgent"] = ctx.user_agent
    return conditions
