"""What the linter finds in queues' policies: in the log when one is set, and in `noria status`."""

from __future__ import annotations

import logging
from functools import lru_cache

import msgspec

from noria.policy.lint import findings
from noria.services.ports import Concern
from noria.services.sqs.queue import Queues, arn_of
from noria.store.base import Records

log = logging.getLogger(__name__)

WARNINGS_SHOWN = 100
DOCUMENTS_CACHED = 1024


@lru_cache(DOCUMENTS_CACHED)
def _findings(policy: str, queue_arn: str) -> tuple[str, ...]:
    return tuple(findings(msgspec.json.decode(policy), queue_arn)) if policy else ()


def log_findings(account: str, region: str, name: str, policy: str) -> None:
    """policy: valid, and just stored; "" for none."""
    for text in _findings(policy, arn_of(account, region, name)):
        log.warning("%s, policy of queue %s: %s", account, name, " ".join(text.split()))


class QueuePolicyReview:
    """Looks at the policies of all queues."""

    def __init__(self, records: Records) -> None:
        self._queues = Queues(records)

    async def warnings(self) -> list[Concern]:
        """At most WARNINGS_SHOWN."""
        found = [
            Concern(queue.account, f"policy of queue {queue.name}", text)
            for queue in await self._queues.all()
            for text in _findings(queue.record.policy, queue.arn)
        ]
        return found[:WARNINGS_SHOWN]
