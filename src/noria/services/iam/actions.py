"""IAM's operations as IAM itself sees them.

https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsidentityandaccessmanagementiam.html
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from noria.auth.authorize import Action, Denial, Params
from noria.context import RequestContext
from noria.policy.match import ContextValue
from noria.services.iam.service_linked import linked_role

DENIAL = Denial("AccessDenied")

Text = Callable[[RequestContext, Params], str]
Conditions = Callable[[RequestContext, Params], Mapping[str, ContextValue]]

# kind → (the request's member that names one, how a denial says it)
KINDS = {
    "user": ("user_name", "user"),
    "group": ("group_name", "group"),
    "role": ("role_name", "role"),
    "instance-profile": ("instance_profile_name", "instance profile"),
}


def _anything(ctx: RequestContext, params: Params) -> str:
    return "*"


def _named(kind: str, ctx: RequestContext, params: Params) -> str:
    """Users may leave out their own name."""
    name: str = params.get(KINDS[kind][0]) or ctx.principal.name
    return name


def _with_tags(action: str) -> Callable[[Params], tuple[str, ...]]:
    """Who makes something with tags needs to be allowed to tag it, too."""
    return lambda params: (f"iam:{action}",) if params.get("tags") else ()


def _on(kind: str, name: str, conditions: Conditions | None = None) -> Action:
    """An operation on one that is there."""
    return Action(
        f"iam:{name}",
        lambda ctx, params: f"arn:aws:iam::{ctx.account}:{kind}/{_named(kind, ctx, params)}",
        conditions,
        resource_text=lambda ctx, params: f"{KINDS[kind][1]} {_named(kind, ctx, params)}",
        by_name=True,
    )


def _new(kind: str, name: str, conditions: Conditions | None = None, tagging: str = "") -> Action:
    """An operation that makes one, with its path. tagging: the action that tags it."""

    def resource(ctx: RequestContext, params: Params) -> str:
        return f"arn:aws:iam::{ctx.account}:{kind}{params.get('path', '/')}{params[KINDS[kind][0]]}"

    also = _with_tags(tagging) if tagging else None
    return Action(f"iam:{name}", resource, conditions, also=also)


def _list(kind: str, name: str) -> Action:
    return Action(
        f"iam:{name}",
        lambda ctx, params: f"arn:aws:iam::{ctx.account}:{kind}{params.get('path_prefix', '/')}",
    )


def _on_all(name: str) -> Action:
    return Action(f"iam:{name}", _anything)


def _on_policy(name: str, conditions: Conditions | None = None) -> Action:
    return Action(
        f"iam:{name}",
        lambda ctx, params: str(params["policy_arn"]),
        conditions,
        resource_text=lambda ctx, params: f"policy {params['policy_arn']}",
    )


def _new_policy(ctx: RequestContext, params: Params) -> str:
    return f"arn:aws:iam::{ctx.account}:policy{params.get('path', '/')}{params['policy_name']}"


def _on_arn(name: str, member: str) -> Action:
    """An operation that names a user, group or role by its ARN."""
    return Action(f"iam:{name}", lambda ctx, params: str(params[member]))


def _on_key_owner(ctx: RequestContext, params: Params) -> str:
    """Completed to the ARN of the user who has the key."""
    return f"arn:aws:iam::{ctx.account}:access-key/{params['access_key_id']}"


def _new_oidc_provider(ctx: RequestContext, params: Params) -> str:
    return f"arn:aws:iam::{ctx.account}:oidc-provider/{str(params['url']).partition('://')[2]}"


def _oidc_provider(ctx: RequestContext, params: Params) -> str:
    return str(params["open_id_connect_provider_arn"])


def _linked(ctx: RequestContext, params: Params) -> str:
    service = params["aws_service_name"]
    role = linked_role(service, params.get("custom_suffix"))
    path = f"{role.path}{role.name}" if role else f"/aws-service-role/{service}/*"
    return f"arn:aws:iam::{ctx.account}:role{path}"


def _linked_deletion(ctx: RequestContext, params: Params) -> str:
    """The task's id holds the role's path and name: ``task/aws-service-role/SERVICE/ROLE/UUID``."""
    path = str(params["deletion_task_id"]).removeprefix("task").rpartition("/")[0]
    return f"arn:aws:iam::{ctx.account}:role{path}"


# Condition keys of a request


def _attached(ctx: RequestContext, params: Params) -> Mapping[str, ContextValue]:
    return {"iam:PolicyARN": params["policy_arn"]}


def _tagging(ctx: RequestContext, params: Params) -> Mapping[str, ContextValue]:
    """Of tags that are set, or taken away."""
    tags: Iterable[Mapping[str, str]] = params.get("tags") or ()
    keys: dict[str, ContextValue] = {f"aws:RequestTag/{tag['Key']}": tag["Value"] for tag in tags}
    named = [tag["Key"] for tag in tags] + list(params.get("tag_keys") or ())
    return keys | {"aws:TagKeys": named} if named else keys


def _bounded(ctx: RequestContext, params: Params) -> Mapping[str, ContextValue]:
    boundary = params.get("permissions_boundary")
    return {"iam:PermissionsBoundary": boundary} if boundary else {}


def _new_identity(ctx: RequestContext, params: Params) -> Mapping[str, ContextValue]:
    return {**_tagging(ctx, params), **_bounded(ctx, params)}


def _service_name(ctx: RequestContext, params: Params) -> Mapping[str, ContextValue]:
    return {"iam:AWSServiceName": params["aws_service_name"]}


def _credential_service(ctx: RequestContext, params: Params) -> Mapping[str, ContextValue]:
    return {"iam:ServiceSpecificCredentialServiceName": params["service_name"]}


def _holder_operations(kind: str) -> dict[str, Action]:
    """Of attachments and inline policies, which users, groups and roles have alike."""
    word = kind.capitalize()
    plain = (
        f"ListAttached{word}Policies", f"Put{word}Policy", f"Get{word}Policy", f"List{word}Policies",
        f"Delete{word}Policy",
    )  # fmt: skip
    return {
        **{name: _on(kind, name, _attached) for name in (f"Attach{word}Policy", f"Detach{word}Policy")},
        **{name: _on(kind, name) for name in plain},
    }


ACTIONS: dict[str, Action] = {
    # Users
    "CreateUser": _new("user", "CreateUser", _new_identity, "TagUser"),
    "ListUsers": _list("user", "ListUsers"),
    "PutUserPermissionsBoundary": _on("user", "PutUserPermissionsBoundary", _bounded),
    "TagUser": _on("user", "TagUser", _tagging),
    "UntagUser": _on("user", "UntagUser", _tagging),
    **{
        name: _on("user", name)
        for name in (
            "GetUser", "UpdateUser", "DeleteUser", "ListUserTags", "DeleteUserPermissionsBoundary",
            "ListGroupsForUser", "CreateAccessKey", "ListAccessKeys", "UpdateAccessKey", "DeleteAccessKey",
            "ListServiceSpecificCredentials", "UpdateServiceSpecificCredential",
            "ResetServiceSpecificCredential", "DeleteServiceSpecificCredential", "GetLoginProfile",
            "DeleteLoginProfile", "ListMFADevices", "ListSigningCertificates", "ListSSHPublicKeys",
        )
    },
    "CreateServiceSpecificCredential": _on("user", "CreateServiceSpecificCredential", _credential_service),
    "GetAccessKeyLastUsed": Action("iam:GetAccessKeyLastUsed", _on_key_owner, by_name=True),
    **_holder_operations("user"),
    # Groups
    "CreateGroup": _new("group", "CreateGroup"),
    "ListGroups": _list("group", "ListGroups"),
    **{
        name: _on("group", name)
        for name in ("GetGroup", "UpdateGroup", "DeleteGroup", "AddUserToGroup", "RemoveUserFromGroup")
    },
    **_holder_operations("group"),
    # Roles
    "CreateRole": _new("role", "CreateRole", _new_identity, "TagRole"),
    "ListRoles": _list("role", "ListRoles"),
    "PutRolePermissionsBoundary": _on("role", "PutRolePermissionsBoundary", _bounded),
    "TagRole": _on("role", "TagRole", _tagging),
    "UntagRole": _on("role", "UntagRole", _tagging),
    **{
        name: _on("role", name)
        for name in (
            "GetRole", "UpdateRole", "UpdateRoleDescription", "UpdateAssumeRolePolicy", "DeleteRole",
            "ListRoleTags", "DeleteRolePermissionsBoundary", "DeleteServiceLinkedRole",
            "ListInstanceProfilesForRole",
        )
    },
    **_holder_operations("role"),
    "CreateServiceLinkedRole": Action("iam:CreateServiceLinkedRole", _linked, _service_name),
    "GetServiceLinkedRoleDeletionStatus": Action("iam:GetServiceLinkedRoleDeletionStatus", _linked_deletion),
    # Managed policies
    "CreatePolicy": Action(
        "iam:CreatePolicy",
        _new_policy,
        _tagging,
        resource_text=lambda ctx, params: f"policy {params['policy_name']}",
        also=_with_tags("TagPolicy"),
    ),
    "ListPolicies": Action(
        "iam:ListPolicies",
        _anything,
        resource_text=lambda ctx, params: f"policy path {params.get('path_prefix', '/')}",
    ),
    "TagPolicy": _on_policy("TagPolicy", _tagging),
    "UntagPolicy": _on_policy("UntagPolicy", _tagging),
    **{
        name: _on_policy(name)
        for name in (
            "GetPolicy", "DeletePolicy", "ListPolicyTags", "ListEntitiesForPolicy", "CreatePolicyVersion",
            "GetPolicyVersion", "ListPolicyVersions", "SetDefaultPolicyVersion", "DeletePolicyVersion",
        )
    },
    # Instance profiles
    "CreateInstanceProfile": _new(
        "instance-profile", "CreateInstanceProfile", _tagging, "TagInstanceProfile"
    ),
    "ListInstanceProfiles": _list("instance-profile", "ListInstanceProfiles"),
    "TagInstanceProfile": _on("instance-profile", "TagInstanceProfile", _tagging),
    "UntagInstanceProfile": _on("instance-profile", "UntagInstanceProfile", _tagging),
    **{
        name: _on("instance-profile", name)
        for name in (
            "GetInstanceProfile", "DeleteInstanceProfile", "ListInstanceProfileTags",
            "AddRoleToInstanceProfile", "RemoveRoleFromInstanceProfile",
        )
    },
    # OpenID Connect providers
    "CreateOpenIDConnectProvider": Action(
        "iam:CreateOpenIDConnectProvider",
        _new_oidc_provider,
        _tagging,
        also=_with_tags("TagOpenIDConnectProvider"),
    ),
    "ListOpenIDConnectProviders": _on_all("ListOpenIDConnectProviders"),
    **{
        name: Action(f"iam:{name}", _oidc_provider, _tagging)
        for name in (
            "GetOpenIDConnectProvider", "DeleteOpenIDConnectProvider", "AddClientIDToOpenIDConnectProvider",
            "RemoveClientIDFromOpenIDConnectProvider", "UpdateOpenIDConnectProviderThumbprint",
            "TagOpenIDConnectProvider", "UntagOpenIDConnectProvider", "ListOpenIDConnectProviderTags",
        )
    },
    # The account
    **{
        name: _on_all(name)
        for name in (
            "CreateAccountAlias", "DeleteAccountAlias", "ListAccountAliases", "GetAccountSummary",
            "GetAccountAuthorizationDetails", "SimulateCustomPolicy", "GetContextKeysForCustomPolicy",
            "GetServiceLastAccessedDetails", "GetServiceLastAccessedDetailsWithEntities",
        )
    },
    # Of users, groups and roles, by their ARNs
    "SimulatePrincipalPolicy": _on_arn("SimulatePrincipalPolicy", "policy_source_arn"),
    "GetContextKeysForPrincipalPolicy": _on_arn("GetContextKeysForPrincipalPolicy", "policy_source_arn"),
    "GenerateServiceLastAccessedDetails": _on_arn("GenerateServiceLastAccessedDetails", "arn"),
    "ListPoliciesGrantingServiceAccess": _on_arn("ListPoliciesGrantingServiceAccess", "arn"),
}  # fmt: skip
