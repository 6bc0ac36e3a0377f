"""What an account is as a whole: its alias, its quotas and what it uses of them, everything in it."""

from __future__ import annotations

from typing import Any

from noria.context import RequestContext
from noria.services.iam import errors, limits
from noria.services.iam.attachments_api import attached_policies
from noria.services.iam.aws_managed import aws_managed
from noria.services.iam.last_used import LastUsed
from noria.services.iam.models import Group, InstanceProfile, ManagedPolicy, Role, User, encoded, shown_tags
from noria.services.iam.paging import page
from noria.services.iam.profiles_api import shown_profile
from noria.services.iam.repository import Repository

Answer = dict[str, Any]
Detail = User | Group | Role | ManagedPolicy

LISTS = {
    "User": "UserDetailList",
    "Group": "GroupDetailList",
    "Role": "RoleDetailList",
    "LocalManagedPolicy": "Policies",
    "AWSManagedPolicy": "Policies",
}
"""Filter → the list of GetAccountAuthorizationDetails."""


class AccountOperations:
    """One method an operation; see `noria.gateway` for how they are called."""

    def __init__(self, store: Repository, last_used: LastUsed) -> None:
        self._store = store
        self._last_used = last_used

    async def create_account_alias(self, ctx: RequestContext, *, account_alias: str) -> None:
        """Takes the place of the one that the account has; unique across all accounts."""
        if not await self._store.set_alias(ctx.account, account_alias):
            raise errors.alias_exists(account_alias)

    async def delete_account_alias(self, ctx: RequestContext, *, account_alias: str) -> None:
        if await self._store.alias(ctx.account) != account_alias:
            raise errors.no_such_alias(account_alias)
        await self._store.delete_alias(ctx.account)

    async def list_account_aliases(
        self, ctx: RequestContext, *, marker: str | None = None, max_items: int | None = None
    ) -> Answer:
        alias = await self._store.alias(ctx.account)
        shown, more = page([alias] if alias else [], str, marker, max_items)
        return {"AccountAliases": shown} | more

    async def get_account_summary(self, ctx: RequestContext) -> Answer:
        users = await self._store.users.all(ctx.account)
        roles = await self._store.roles.all(ctx.account)
        policies = await self._store.policies(ctx.account)
        groups = await self._store.groups.all(ctx.account)
        profiles = await self._store.profiles.all(ctx.account)
        providers = await self._store.oidc_providers.all(ctx.account)
        used = {
            "Users": len(users),
            "Groups": len(groups),
            "Roles": len(roles),
            "Policies": len(policies),
            "InstanceProfiles": len(profiles),
            "Providers": len(providers),
            "PolicyVersionsInUse": sum(len(policy.all_versions()) for policy in policies),
            "AccountAccessKeysPresent": 1,  # root's of the data directory
        }
        none = (
            "ServerCertificates", "MFADevices", "MFADevicesInUse", "AccountMFAEnabled",
            "AccountPasswordPresent", "AccountSigningCertificatesPresent",
        )  # fmt: skip
        return {"SummaryMap": used | dict.fromkeys(none, 0) | QUOTAS}

    async def get_account_authorization_details(
        self,
        ctx: RequestContext,
        *,
        filter: list[str] | None = None,
        marker: str | None = None,
        max_items: int | None = None,
    ) -> Answer:
        kinds = frozenset(filter or LISTS)
        attached, boundaries = await self._store.policy_uses(ctx.account)
        details: list[tuple[str, Detail]] = []
        if "User" in kinds:
            details += [("User", user) for user in await self._store.users.all(ctx.account)]
        if "Group" in kinds:
            details += [("Group", group) for group in await self._store.groups.all(ctx.account)]
        if "Role" in kinds:
            details += [("Role", role) for role in await self._store.roles.all(ctx.account)]
        if "LocalManagedPolicy" in kinds:
            own = await self._store.policies(ctx.account)
            details += [("LocalManagedPolicy", policy) for policy in own]
        if "AWSManagedPolicy" in kinds:  # of AWS's own, those in use
            used = [policy for arn, policy in aws_managed().items() if arn in attached or arn in boundaries]
            details += [("AWSManagedPolicy", policy) for policy in used]
        shown, more = page(details, lambda detail: f"{detail[0]}/{detail[1].name}", marker, max_items)
        answer: Answer = {name: [] for name in LISTS.values()}
        profiles = await self._store.profiles.all(ctx.account)
        for kind, detail in shown:
            if isinstance(detail, ManagedPolicy):
                entry = _policy(detail, attached.get(detail.arn, 0), boundaries.get(detail.arn, 0))
            else:
                entry = await self._holder(detail, profiles)
            answer[LISTS[kind]].append(entry)
        return answer | more

    async def _holder(self, holder: User | Group | Role, profiles: list[InstanceProfile]) -> Answer:
        """profiles: of the account."""
        shown = holder.listed() | {"AttachedManagedPolicies": attached_policies(holder.attached)}
        if isinstance(holder, Group):
            return shown | {"GroupPolicyList": holder.policy_list()}
        shown |= holder.details() | {"Tags": shown_tags(holder.tags)}
        if isinstance(holder, User):
            return shown | {"UserPolicyList": holder.policy_list(), "GroupList": list(holder.groups)}
        own = [profile for profile in profiles if holder.name in profile.roles]
        used = await self._last_used.of(holder.account, holder.role_id)
        return shown | {
            "RolePolicyList": holder.policy_list(),
            "InstanceProfileList": [await shown_profile(self._store, profile) for profile in own],
            "RoleLastUsed": {"LastUsedDate": used.time_s, "Region": used.region} if used else {},
        }


QUOTAS = {
    "UsersQuota": limits.USERS_PER_ACCOUNT,
    "GroupsQuota": limits.GROUPS_PER_ACCOUNT,
    "RolesQuota": limits.ROLES_PER_ACCOUNT,
    "PoliciesQuota": limits.POLICIES_PER_ACCOUNT,
    "InstanceProfilesQuota": limits.INSTANCE_PROFILES_PER_ACCOUNT,
    "GroupsPerUserQuota": limits.GROUPS_PER_USER,
    "AccessKeysPerUserQuota": limits.ACCESS_KEYS_PER_USER,
    "VersionsPerPolicyQuota": limits.VERSIONS_PER_POLICY,
    "AttachedPoliciesPerUserQuota": limits.MANAGED_POLICIES_PER_ENTITY,
    "AttachedPoliciesPerGroupQuota": limits.MANAGED_POLICIES_PER_ENTITY,
    "AttachedPoliciesPerRoleQuota": limits.MANAGED_POLICIES_PER_ENTITY,
    "PolicySizeQuota": limits.MANAGED_POLICY_CHARS,
    "UserPolicySizeQuota": limits.INLINE_POLICIES_CHARS["user"],
    "GroupPolicySizeQuota": limits.INLINE_POLICIES_CHARS["group"],
    "RolePolicySizeQuota": limits.INLINE_POLICIES_CHARS["role"],
    "AssumeRolePolicySizeQuota": limits.TRUST_POLICY_CHARS,
}


def _policy(policy: ManagedPolicy, attached: int, boundaries: int) -> Answer:
    versions = sorted(policy.all_versions(), key=lambda version: -version.number)
    return policy.listed(attached, boundaries) | {
        "Description": policy.description,
        "PolicyVersionList": [
            policy.listed_version(version) | {"Document": encoded(version.document)} for version in versions
        ],
    }
