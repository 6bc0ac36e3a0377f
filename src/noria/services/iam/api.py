"""The operations of IAM. Sizes, patterns and ranges of members have been checked by the protocol."""

from __future__ import annotations

from typing import Any

import msgspec

from noria.auth.credentials import unique_id
from noria.context import RequestContext
from noria.policy.document import parse_identity_policy, parse_trust_policy, size
from noria.policy.principals import invalid_principal
from noria.services.iam import errors, limits
from noria.services.iam.aws_managed import AWS_MANAGED
from noria.services.iam.models import AWS_ACCOUNT, POLICY_VERSION, ManagedPolicy, Role, encoded
from noria.services.iam.paging import page
from noria.services.iam.repository import POLICY_ARN, Repository
from noria.store.base import Records

Answer = dict[str, Any]


class IamApi:
    """One method an operation; see `noria.gateway` for how they are called."""

    def __init__(self, records: Records) -> None:
        self._store = Repository(records)

    async def reset(self, account: str) -> None:
        """Nothing but records, which `noria reset` removes."""

    # Managed policies

    async def create_policy(
        self,
        ctx: RequestContext,
        *,
        policy_name: str,
        policy_document: str,
        path: str = "/",
        description: str | None = None,
    ) -> Answer:
        _check_managed_document(policy_document)
        if len(await self._store.policies(ctx.account)) >= limits.POLICIES_PER_ACCOUNT:
            raise errors.quota_exceeded("PoliciesPerAccount", limits.POLICIES_PER_ACCOUNT)
        policy = ManagedPolicy(
            name=policy_name,
            account=ctx.account,
            path=path,
            policy_id=unique_id("ANPA", 21),
            created_s=ctx.now_ms // 1000,
            document=policy_document,
            description=description,
        )
        if not await self._store.insert_policy(policy):
            raise errors.policy_exists(policy_name)
        return {"Policy": policy.listed(0)}

    async def get_policy(self, ctx: RequestContext, *, policy_arn: str) -> Answer:
        policy = await self._policy(ctx, policy_arn)
        attachments = (await self._store.attachments(ctx.account)).get(policy.arn, 0)
        return {"Policy": policy.listed(attachments) | {"Description": policy.description, "Tags": []}}

    async def get_policy_version(self, ctx: RequestContext, *, policy_arn: str, version_id: str) -> Answer:
        policy = await self._policy(ctx, policy_arn)
        if version_id != POLICY_VERSION:
            raise errors.no_such_version(policy_arn, version_id)
        return {"PolicyVersion": policy.version() | {"Document": encoded(policy.document)}}

    async def list_policies(
        self,
        ctx: RequestContext,
        *,
        scope: str = "All",
        only_attached: bool = False,
        path_prefix: str = "/",
        marker: str | None = None,
        max_items: int | None = None,
    ) -> Answer:
        attachments = await self._store.attachments(ctx.account)
        policies: list[ManagedPolicy] = []
        if scope in ("All", "AWS"):
            policies += AWS_MANAGED.values()
        if scope in ("All", "Local"):
            policies += await self._store.policies(ctx.account)
        found = [
            policy
            for policy in policies
            if policy.path.startswith(path_prefix) and (not only_attached or policy.arn in attachments)
        ]
        shown, more = page(found, lambda policy: _policy_key(policy.arn), marker, max_items)
        return {"Policies": [policy.listed(attachments.get(policy.arn, 0)) for policy in shown]} | more

    async def list_policy_versions(
        self, ctx: RequestContext, *, policy_arn: str, marker: str | None = None, max_items: int | None = None
    ) -> Answer:
        policy = await self._policy(ctx, policy_arn)
        shown, more = page([policy], lambda _: POLICY_VERSION, marker, max_items)
        return {"Versions": [policy.version() for policy in shown]} | more

    async def delete_policy(self, ctx: RequestContext, *, policy_arn: str) -> None:
        policy = await self._policy(ctx, policy_arn)
        if policy.account == AWS_ACCOUNT:
            raise errors.not_your_own(policy_arn)
        if policy.arn in await self._store.attachments(ctx.account):
            raise errors.delete_conflict("Cannot delete a policy attached to entities.")
        await self._store.delete_policy(policy)

    # Roles

    async def create_role(
        self,
        ctx: RequestContext,
        *,
        role_name: str,
        assume_role_policy_document: str,
        path: str = "/",
        description: str | None = None,
        max_session_duration: int | None = None,
    ) -> Answer:
        await self._check_trust(assume_role_policy_document)
        if len(await self._store.roles(ctx.account)) >= limits.ROLES_PER_ACCOUNT:
            raise errors.quota_exceeded("RolesPerAccount", limits.ROLES_PER_ACCOUNT)
        role = Role(
            name=role_name,
            account=ctx.account,
            path=path,
            role_id=unique_id("AROA", 21),
            created_s=ctx.now_ms // 1000,
            trust=assume_role_policy_document,
            max_session_s=max_session_duration or limits.DEFAULT_SESSION_S,
            description=description,
        )
        if not await self._store.insert_role(role):
            raise errors.role_exists(role_name)
        # Unlike GetRole, AWS says nothing of a duration that was not asked for.
        return {"Role": role.listed() | {"MaxSessionDuration": max_session_duration}}

    async def get_role(self, ctx: RequestContext, *, role_name: str) -> Answer:
        role = await self._store.role(ctx.account, role_name)
        return {"Role": role.listed() | {"RoleLastUsed": {}}}

    async def list_roles(
        self,
        ctx: RequestContext,
        *,
        path_prefix: str = "/",
        marker: str | None = None,
        max_items: int | None = None,
    ) -> Answer:
        roles = [role for role in await self._store.roles(ctx.account) if role.path.startswith(path_prefix)]
        shown, more = page(roles, lambda role: role.name, marker, max_items)
        return {"Roles": [role.listed() for role in shown]} | more

    async def update_assume_role_policy(
        self, ctx: RequestContext, *, role_name: str, policy_document: str
    ) -> None:
        await self._store.role(ctx.account, role_name)
        await self._check_trust(policy_document)
        await self._store.change_role(
            ctx.account, role_name, lambda role: msgspec.structs.replace(role, trust=policy_document)
        )

    async def delete_role(self, ctx: RequestContext, *, role_name: str) -> None:
        role = await self._store.role(ctx.account, role_name)
        if role.attached:
            raise errors.delete_conflict("Cannot delete entity, must detach all policies first.")
        if role.inline:
            raise errors.delete_conflict("Cannot delete entity, must delete policies first.")
        await self._store.delete_role(ctx.account, role_name)

    # A role's managed policies

    async def attach_role_policy(self, ctx: RequestContext, *, role_name: str, policy_arn: str) -> None:
        policy = await self._store.find_policy(policy_arn, ctx.account)
        if policy is None:
            raise errors.not_attachable(policy_arn)

        def attach(role: Role) -> Role:
            if policy_arn in role.attached:
                return role
            if len(role.attached) >= limits.MANAGED_POLICIES_PER_ROLE:
                raise errors.quota_exceeded("PoliciesPerRole", limits.MANAGED_POLICIES_PER_ROLE)
            return msgspec.structs.replace(role, attached=(*role.attached, policy_arn))

        await self._store.change_role(ctx.account, role_name, attach)

    async def detach_role_policy(self, ctx: RequestContext, *, role_name: str, policy_arn: str) -> None:
        if POLICY_ARN.fullmatch(policy_arn) is None:
            raise errors.invalid_arn()

        def detach(role: Role) -> Role:
            if policy_arn not in role.attached:
                raise errors.no_such_policy(policy_arn)
            return msgspec.structs.replace(
                role, attached=tuple(arn for arn in role.attached if arn != policy_arn)
            )

        await self._store.change_role(ctx.account, role_name, detach)

    async def list_attached_role_policies(
        self,
        ctx: RequestContext,
        *,
        role_name: str,
        path_prefix: str = "/",
        marker: str | None = None,
        max_items: int | None = None,
    ) -> Answer:
        role = await self._store.role(ctx.account, role_name)
        arns = [arn for arn in role.attached if arn.partition(":policy")[2].startswith(path_prefix)]
        shown, more = page(arns, _policy_key, marker, max_items)
        policies = [{"PolicyName": arn.rpartition("/")[2], "PolicyArn": arn} for arn in shown]
        return {"AttachedPolicies": policies} | more

    # A role's inline policies

    async def put_role_policy(
        self, ctx: RequestContext, *, role_name: str, policy_name: str, policy_document: str
    ) -> None:
        await self._store.role(ctx.account, role_name)
        if size(policy_document) > limits.INLINE_POLICIES_CHARS:
            raise errors.inline_size_exceeded(limits.INLINE_POLICIES_CHARS, role_name)
        parse_identity_policy(policy_document)

        def put(role: Role) -> Role:
            inline = role.inline | {policy_name: policy_document}
            if sum(size(document) for document in inline.values()) > limits.INLINE_POLICIES_CHARS:
                raise errors.inline_size_exceeded(limits.INLINE_POLICIES_CHARS, role_name)
            return msgspec.structs.replace(role, inline=inline)

        await self._store.change_role(ctx.account, role_name, put)

    async def get_role_policy(self, ctx: RequestContext, *, role_name: str, policy_name: str) -> Answer:
        role = await self._store.role(ctx.account, role_name)
        document = role.inline.get(policy_name)
        if document is None:
            raise errors.no_such_role_policy(policy_name)
        return {"RoleName": role.name, "PolicyName": policy_name, "PolicyDocument": encoded(document)}

    async def list_role_policies(
        self, ctx: RequestContext, *, role_name: str, marker: str | None = None, max_items: int | None = None
    ) -> Answer:
        role = await self._store.role(ctx.account, role_name)
        shown, more = page(list(role.inline), lambda name: name, marker, max_items)
        return {"PolicyNames": shown} | more

    async def delete_role_policy(self, ctx: RequestContext, *, role_name: str, policy_name: str) -> None:
        def delete(role: Role) -> Role:
            if policy_name not in role.inline:
                raise errors.no_such_role_policy(policy_name)
            rest = {name: document for name, document in role.inline.items() if name != policy_name}
            return msgspec.structs.replace(role, inline=rest)

        await self._store.change_role(ctx.account, role_name, delete)

    async def _policy(self, ctx: RequestContext, arn: str) -> ManagedPolicy:
        policy = await self._store.find_policy(arn, ctx.account)
        if policy is None:
            raise errors.no_such_policy(arn)
        return policy

    async def _check_trust(self, document: str) -> None:
        """Raises MalformedPolicyDocument, also for a principal that does not exist, and LimitExceeded."""
        if size(document) > limits.TRUST_POLICY_CHARS:
            raise errors.quota_exceeded("ACLSizePerRole", limits.TRUST_POLICY_CHARS)
        for arn in sorted(parse_trust_policy(document).named_principals()):
            # A session may be named before it is made; users do not exist in Noria.
            if ":iam:" in arn and await self._store.find_role_by_arn(arn) is None:
                raise invalid_principal("AWS", arn)


def _check_managed_document(document: str) -> None:
    if size(document) > limits.MANAGED_POLICY_CHARS:
        raise errors.quota_exceeded("PolicySize", limits.MANAGED_POLICY_CHARS)
    parse_identity_policy(document)


def _policy_key(arn: str) -> str:
    """By name; AWS's own and the account's may have the same."""
    return f"{arn.rpartition('/')[2]}:{arn.split(':')[4]}"
