"""Queues as the evaluator sees them."""

from __future__ import annotations

from noria.auth.authorize import Resource
from noria.policy.document import parse_resource_policy
from noria.services.sqs.queue import Queues
from noria.store.base import Records


class QueueResources:
    """Implements `noria.auth.authorize.Resources`."""

    def __init__(self, records: Records) -> None:
        self._queues = Queues(records)

    async def resource(self, arn: str) -> Resource | None:
        """arn: ``arn:aws:sqs:REGION:ACCOUNT:NAME``."""
        _, _, _, region, account, name = arn.split(":", 5)
        queue = await self._queues.get(account, region, name)
        if queue is None:
            return None
        policy = parse_resource_policy(queue.record.policy) if queue.record.policy else None
        return Resource(policy, queue.record.tags)
