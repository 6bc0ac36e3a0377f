"""Policies by which an account lets AWS's services write log events.

As AWS says of them, they hold for services only, and no service writes events here but Lambda, as its
functions' roles: they are checked, kept and shown.
"""

from __future__ import annotations

from typing import Any

import msgspec

from noria.context import RequestContext
from noria.errors import AwsError
from noria.policy.document import parse_resource_policy
from noria.services.logs import errors, limits, models
from noria.services.logs.core import LogsCore

KIND = "logs-resource-policy"
SCOPE = "ACCOUNT"


class ResourcePolicy(msgspec.Struct, frozen=True):
    document: str
    updated_ms: int

    def described(self, name: str) -> dict[str, Any]:
        return {
            "policyName": name,
            "policyDocument": self.document,
            "lastUpdatedTime": self.updated_ms,
            "policyScope": SCOPE,
        }


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(ResourcePolicy).decode


class ResourcePolicyOperations(LogsCore):
    """One method an operation; see `noria.gateway` for how they are called."""

    async def put_resource_policy(
        self, ctx: RequestContext, *, policy_name: str | None = None, policy_document: str | None = None
    ) -> dict[str, Any]:
        if not policy_name or not policy_document:
            raise errors.invalid_parameter("policyName and policyDocument are required.")
        try:
            parse_resource_policy(policy_document)
        except AwsError as error:
            raise errors.invalid_parameter(f"Invalid policy document: {error.message}") from error
        policy = ResourcePolicy(policy_document, self._clock.now_ms())
        place = KIND, ctx.account, ctx.region, policy_name
        while True:
            old = await self._records.get(*place)
            if old is not None:
                done = await self._records.replace(*place, _encode(policy), expected=old)
            else:
                present = await self._records.list(KIND, ctx.account, ctx.region)
                if len(present) >= limits.MAX_RESOURCE_POLICIES:
                    raise errors.limit_exceeded()
                done = await self._records.insert(*place, _encode(policy))
            if done:
                return {"resourcePolicy": policy.described(policy_name)}

    async def describe_resource_policies(
        self,
        ctx: RequestContext,
        *,
        policy_scope: str = SCOPE,
        next_token: str | None = None,
        limit: int = limits.DEFAULT_LIST,
    ) -> dict[str, Any]:
        after = models.parse_list_token(next_token).name if next_token else ""
        rows = await self._records.list(KIND, ctx.account, ctx.region, after=after, limit=limit + 1)
        if policy_scope != SCOPE:
            rows = []
        return {
            "resourcePolicies": [_decode(value).described(name) for name, value in rows[:limit]],
            "nextToken": models.list_token(rows[limit - 1][0]) if len(rows) > limit else None,
        }

    async def delete_resource_policy(self, ctx: RequestContext, *, policy_name: str | None = None) -> None:
        if not policy_name:
            raise errors.invalid_parameter("policyName is required.")
        if not await self._records.delete(KIND, ctx.account, ctx.region, policy_name):
            raise errors.no_such_policy(policy_name)
