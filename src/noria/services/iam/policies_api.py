"""Managed policies and their versions."""

from __future__ import annotations

from typing import Any

import msgspec

from noria.auth.credentials import unique_id
from noria.context import RequestContext
from noria.services.iam import errors, limits
from noria.services.iam.aws_managed import aws_managed
from noria.services.iam.checks import check_managed_document, new_tags
from noria.services.iam.models import Bounded, ManagedPolicy, PolicyVersion, encoded, shown_tags
from noria.services.iam.paging import page
from noria.services.iam.repository import Repository
from noria.services.iam.review import log_findings

Answer = dict[str, Any]

USES = {"PermissionsPolicy": (True, False), "PermissionsBoundary": (False, True), None: (True, True)}
"""PolicyUsageFilter → (whether attachments count, whether boundaries do)."""


class PolicyOperations:
    """One method an operation; see `noria.gateway` for how they are called."""

    def __init__(self, store: Repository) -> None:
        self._store = store

    async def create_policy(
        self,
        ctx: RequestContext,
        *,
        policy_name: str,
        policy_document: str,
        path: str = "/",
        description: str | None = None,
        tags: list[dict[str, str]] | None = None,
    ) -> Answer:
        check_managed_document(policy_document)
        if len(await self._store.policies(ctx.account)) >= limits.POLICIES_PER_ACCOUNT:
            raise errors.quota_exceeded("PoliciesPerAccount", limits.POLICIES_PER_ACCOUNT)
        policy = ManagedPolicy(
            name=policy_name,
            account=ctx.account,
            path=path,
            policy_id=unique_id("ANPA"),
            created_s=ctx.now_ms // 1000,
            document=policy_document,
            description=description,
            tags=new_tags(tags),
        )
        if not await self._store.insert_policy(policy):
            raise errors.policy_exists(policy_name)
        log_findings(ctx.account, f"policy {policy_name}", policy_document)
        return {"Policy": policy.listed(0) | {"Tags": shown_tags(policy.tags) or None}}

    async def get_policy(self, ctx: RequestContext, *, policy_arn: str) -> Answer:
        policy = await self._store.policy(policy_arn, ctx.account)
        attached, boundaries = await self._store.policy_uses(ctx.account)
        shown = policy.listed(attached.get(policy.arn, 0), boundaries.get(policy.arn, 0))
        return {"Policy": shown | {"Description": policy.description, "Tags": shown_tags(policy.tags)}}

    async def list_policies(
        self,
        ctx: RequestContext,
        *,
        scope: str = "All",
        only_attached: bool = False,
        path_prefix: str = "/",
        policy_usage_filter: str | None = None,
        marker: str | None = None,
        max_items: int | None = None,
    ) -> Answer:
        attached, boundaries = await self._store.policy_uses(ctx.account)
        policies: list[ManagedPolicy] = []
        if scope in ("All", "AWS"):
            policies += aws_managed().values()
        if scope in ("All", "Local"):
            policies += await self._store.policies(ctx.account)
        if policy_usage_filter is not None:
            used = attached if policy_usage_filter == "PermissionsPolicy" else boundaries
            policies = [policy for policy in policies if policy.arn in used]
        found = [
            policy
            for policy in policies
            if policy.path.startswith(path_prefix) and (not only_attached or policy.arn in attached)
        ]
        shown, more = page(found, lambda policy: policy_key(policy.arn), marker, max_items)
        listed = [p.listed(attached.get(p.arn, 0), boundaries.get(p.arn, 0)) for p in shown]
        return {"Policies": listed} | more

    async def delete_policy(self, ctx: RequestContext, *, policy_arn: str) -> None:
        policy = await self._store.own_policy(policy_arn, ctx.account)
        if any(policy.arn in uses for uses in await self._store.policy_uses(ctx.account)):
            raise errors.delete_conflict("Cannot delete a policy attached to entities.")

        def check(policy: ManagedPolicy) -> None:
            if len(policy.all_versions()) > 1:
                raise errors.policy_has_versions()

        await self._store.delete_policy(policy_arn, ctx.account, check)

    async def list_entities_for_policy(
        self,
        ctx: RequestContext,
        *,
        policy_arn: str,
        entity_filter: str | None = None,
        path_prefix: str = "/",
        policy_usage_filter: str | None = None,
        marker: str | None = None,
        max_items: int | None = None,
    ) -> Answer:
        await self._store.policy(policy_arn, ctx.account)
        attachments, boundaries = USES[policy_usage_filter]
        found = [
            holder
            for holder in await self._store.holders(ctx.account)
            if entity_filter in (None, holder.kind.capitalize()) and holder.path.startswith(path_prefix)
            if (attachments and policy_arn in holder.attached)
            or (boundaries and isinstance(holder, Bounded) and holder.boundary == policy_arn)
        ]
        shown, more = page(found, lambda holder: f"{holder.kind}/{holder.name}", marker, max_items)
        answer: Answer = {"PolicyGroups": [], "PolicyUsers": [], "PolicyRoles": []}
        for holder in shown:
            word = holder.kind.capitalize()
            answer[f"Policy{word}s"].append({f"{word}Name": holder.name, f"{word}Id": holder.unique_id})
        return answer | more

    # Versions

    async def create_policy_version(
        self, ctx: RequestContext, *, policy_arn: str, policy_document: str, set_as_default: bool = False
    ) -> Answer:
        await self._store.own_policy(policy_arn, ctx.account)
        check_managed_document(policy_document)
        now_s = ctx.now_ms // 1000

        def add(policy: ManagedPolicy) -> ManagedPolicy:
            if len(policy.all_versions()) >= limits.VERSIONS_PER_POLICY:
                raise errors.too_many_versions(limits.VERSIONS_PER_POLICY)
            version = PolicyVersion(policy.latest + 1, policy_document, now_s)
            grown = msgspec.structs.replace(
                policy, versions=(*policy.all_versions(), version), latest=version.number, updated_s=now_s
            )
            return _with_default(grown, version) if set_as_default else grown

        policy = await self._store.change_policy(policy_arn, ctx.account, add)
        log_findings(ctx.account, f"policy {policy.name}", policy_document)
        return {"PolicyVersion": policy.listed_version(policy.all_versions()[-1])}

    async def get_policy_version(self, ctx: RequestContext, *, policy_arn: str, version_id: str) -> Answer:
        policy = await self._store.policy(policy_arn, ctx.account)
        version = policy.version(version_id)
        if version is None:
            raise errors.no_such_version(policy_arn, version_id)
        return {"PolicyVersion": policy.listed_version(version) | {"Document": encoded(version.document)}}

    async def list_policy_versions(
        self, ctx: RequestContext, *, policy_arn: str, marker: str | None = None, max_items: int | None = None
    ) -> Answer:
        """The newest first."""
        policy = await self._store.policy(policy_arn, ctx.account)
        newest = policy.latest
        shown, more = page(
            policy.all_versions(), lambda version: f"{newest - version.number:08d}", marker, max_items
        )
        return {"Versions": [policy.listed_version(version) for version in shown]} | more

    async def set_default_policy_version(
        self, ctx: RequestContext, *, policy_arn: str, version_id: str
    ) -> None:
        def choose(policy: ManagedPolicy) -> ManagedPolicy:
            version = policy.version(version_id)
            if version is None:
                raise errors.no_such_version(policy_arn, version_id)
            return msgspec.structs.replace(_with_default(policy, version), updated_s=ctx.now_ms // 1000)

        await self._store.change_policy(policy_arn, ctx.account, choose)

    async def delete_policy_version(self, ctx: RequestContext, *, policy_arn: str, version_id: str) -> None:
        def remove(policy: ManagedPolicy) -> ManagedPolicy:
            version = policy.version(version_id)
            if version is None:
                raise errors.no_such_version(policy_arn, version_id)
            if version_id == policy.version_id:
                raise errors.delete_conflict("Cannot delete the default version of a policy.")
            rest = tuple(other for other in policy.all_versions() if other != version)
            return msgspec.structs.replace(policy, versions=rest)

        await self._store.change_policy(policy_arn, ctx.account, remove)


def _with_default(policy: ManagedPolicy, version: PolicyVersion) -> ManagedPolicy:
    return msgspec.structs.replace(policy, document=version.document, version_id=version.version_id)


def policy_key(arn: str) -> str:
    """By name; AWS's own and the account's may have the same."""
    return f"{arn.rpartition('/')[2]}:{arn.split(':')[4]}"
