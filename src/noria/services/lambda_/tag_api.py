"""Tags of functions, and of what else Lambda has that can be tagged."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

import msgspec

from noria.context import RequestContext
from noria.errors import not_implemented
from noria.services.lambda_ import checks, errors
from noria.services.lambda_.core import Core
from noria.services.lambda_.names import Reference
from noria.services.ports import TagEdit, TaggedResources


class TagApi:
    """Finds what an ARN's tags belong to."""

    def __init__(self, resources: Mapping[str, TaggedResources]) -> None:
        """resources: by their type in ARNs (``function``, ``event-source-mapping``)."""
        self._resources = resources

    def _of(self, ctx: RequestContext, arn: str) -> TaggedResources:
        _, _, _, region, account, kind, *_ = arn.split(":")
        if region != ctx.region:
            raise errors.other_region(region, ctx.region)
        if account != ctx.account:
            raise errors.other_account()
        if kind == "capacity-provider":  # there are none
            raise errors.not_found(f"Capacity provider not found: {arn}")
        resources = self._resources.get(kind)
        if resources is None:
            raise not_implemented(f"Tags of {kind}")
        return resources

    async def tag_resource(self, ctx: RequestContext, *, resource: str, tags: Mapping[str, str]) -> None:
        resources = self._of(ctx, resource)
        if not tags:
            raise errors.invalid_parameter("An error occurred and the request cannot be processed.")

        def edit(old: dict[str, str]) -> dict[str, str]:
            new = {**old, **tags}
            checks.check_tags(new)
            return new

        await resources.change_tags(resource, edit)

    async def untag_resource(self, ctx: RequestContext, *, resource: str, tag_keys: list[str]) -> None:
        gone = set(tag_keys)
        await self._of(ctx, resource).change_tags(
            resource, lambda old: {key: value for key, value in old.items() if key not in gone}
        )

    async def list_tags(self, ctx: RequestContext, *, resource: str) -> dict[str, Any]:
        return {"Tags": await self._of(ctx, resource).tags(resource)}


class FunctionTags:
    """Implements `ports.TaggedResources`."""

    def __init__(self, core: Core) -> None:
        self._control = core.control

    def _reference(self, arn: str) -> Reference:
        _, _, _, region, account, _, name, *qualifier = arn.split(":")
        if qualifier:
            raise errors.invalid_parameter(
                "Tags on function aliases and versions are not supported. Please specify a function ARN."
            )
        return Reference(account, region, name)

    async def tags(self, arn: str) -> dict[str, str]:
        return (await self._control.latest(self._reference(arn))).tags

    async def change_tags(self, arn: str, edit: TagEdit) -> None:
        await self._control.change(
            self._reference(arn),
            lambda old: msgspec.structs.replace(old, tags=edit(old.tags), revision_id=str(uuid.uuid4())),
        )
