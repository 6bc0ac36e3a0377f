"""Policies of functions: who, beside the account's own identities, may do what with them."""

from __future__ import annotations

import json
from typing import Any

from noria.context import RequestContext
from noria.errors import not_implemented
from noria.services.lambda_ import errors, policies
from noria.services.lambda_.core import Core
from noria.services.lambda_.functions import qualified
from noria.services.lambda_.models import LATEST
from noria.services.lambda_.names import Reference, resolve


class PolicyApi:
    """One policy for the function, one for each version and alias."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._policies = core.policies

    async def add_permission(
        self,
        ctx: RequestContext,
        *,
        function_name: str,
        statement_id: str,
        action: str,
        principal: str,
        source_arn: str | None = None,
        source_account: str | None = None,
        event_source_token: str | None = None,
        function_url_auth_type: str | None = None,
        invoked_via_function_url: bool | None = None,
        principal_org_id: str | None = None,
        qualifier: str | None = None,
        revision_id: str | None = None,
    ) -> dict[str, Any]:
        reference, _ = await self._core.latest(ctx, function_name, qualifier)
        if reference.qualifier == LATEST:
            raise errors.invalid_parameter("We currently do not support adding policies for $LATEST.")
        await self._core.require_qualifier(reference)
        if function_url_auth_type is not None and action != "lambda:InvokeFunctionUrl":
            raise errors.invalid_parameter(
                "FunctionUrlAuthType is only supported for lambda:InvokeFunctionUrl action"
            )
        equals = {
            "AWS:SourceAccount": source_account,
            "aws:PrincipalOrgID": principal_org_id,
            "lambda:EventSourceToken": event_source_token,
            "lambda:FunctionUrlAuthType": function_url_auth_type,
        }
        condition = {
            "StringEquals": {key: value for key, value in equals.items() if value is not None},
            "ArnLike": {"AWS:SourceArn": source_arn} if source_arn else {},
            "Bool": {}
            if invoked_via_function_url is None
            else {"lambda:InvokedViaFunctionUrl": str(invoked_via_function_url).lower()},
        }
        added = policies.statement(
            statement_id, policies.principal_element(principal), action, reference.arn, condition
        )
        key = qualified(reference.name, reference.qualifier)
        old = await self._policies.get(reference.account, reference.region, key)
        new = policies.with_statement(old, added, revision_id, "GetPolicy")
        if old is None:
            stored = await self._policies.insert(reference.account, reference.region, key, new)
        else:
            stored = await self._policies.replace(reference.account, reference.region, key, old, new)
        if not stored:
            raise errors.revision_mismatch("GetPolicy")
        return {"Statement": json.dumps(added, separators=(",", ":"))}

    async def remove_permission(
        self,
        ctx: RequestContext,
        *,
        function_name: str,
        statement_id: str,
        qualifier: str | None = None,
        revision_id: str | None = None,
    ) -> None:
        reference = resolve(ctx, function_name, qualifier)
        if await self._core.functions.get(reference.account, reference.region, reference.name) is None:
            raise errors.not_found(f"No policy found for: {reference.arn}")
        await self._core.require_qualifier(reference)
        key = qualified(reference.name, reference.qualifier)
        old = await self._policies.get(reference.account, reference.region, key)
        new = policies.without_statement(old, statement_id, revision_id, "GetPolicy")
        if new is None:
            await self._policies.delete(reference.account, reference.region, key)
        elif old is None or not await self._policies.replace(
            reference.account, reference.region, key, old, new
        ):
            raise errors.revision_mismatch("GetPolicy")

    async def get_policy(
        self, ctx: RequestContext, *, function_name: str, qualifier: str | None = None
    ) -> dict[str, Any]:
        reference: Reference = resolve(ctx, function_name, qualifier)
        key = qualified(reference.name, reference.qualifier)
        policy = await self._policies.get(reference.account, reference.region, key)
        if policy is None:
            raise errors.not_found()
        return {"Policy": policy.document, "RevisionId": policy.revision_id}

    async def put_resource_policy(
        self, ctx: RequestContext, *, resource_arn: str, policy: str, revision_id: str | None = None
    ) -> dict[str, Any]:
        """In the place of all that was added before."""
        reference = await self._resource(ctx, resource_arn)
        if reference.qualifier == LATEST:
            raise errors.invalid_parameter("We currently do not support adding policies for $LATEST.")
        key = qualified(reference.name, reference.qualifier)
        new = policies.whole(policy, reference.arn)
        old = await self._policies.get(reference.account, reference.region, key)
        policies.check_revision(old, revision_id, "GetResourcePolicy")
        if old is None:
            stored = await self._policies.insert(reference.account, reference.region, key, new)
        else:
            stored = await self._policies.replace(reference.account, reference.region, key, old, new)
        if not stored:
            raise errors.revision_mismatch("GetResourcePolicy")
        return {"Policy": new.document, "RevisionId": new.revision_id}

    async def get_resource_policy(self, ctx: RequestContext, *, resource_arn: str) -> dict[str, Any]:
        reference = await self._resource(ctx, resource_arn)
        return await self.get_policy(ctx, function_name=reference.arn)

    async def delete_resource_policy(
        self, ctx: RequestContext, *, resource_arn: str, revision_id: str | None = None
    ) -> None:
        reference = await self._resource(ctx, resource_arn)
        key = qualified(reference.name, reference.qualifier)
        old = await self._policies.get(reference.account, reference.region, key)
        if old is None:
            raise errors.not_found()
        policies.check_revision(old, revision_id, "GetResourcePolicy")
        await self._policies.delete(reference.account, reference.region, key)

    async def _resource(self, ctx: RequestContext, arn: str) -> Reference:
        """The function, version or alias of an ARN, which there is."""
        if arn.split(":")[5] != "function":
            raise not_implemented("A policy of a runtime")
        reference, _ = await self._core.latest(ctx, arn)
        await self._core.require_qualifier(reference)
        return reference
