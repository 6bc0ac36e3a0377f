"""CloudWatch Logs, put together: one public method an operation; beside them `start`, `stop` and `reset`."""

from __future__ import annotations

from noria.services.logs.event_api import EventOperations
from noria.services.logs.group_api import GroupOperations
from noria.services.logs.metric_filter_api import MetricFilterOperations
from noria.services.logs.record_api import RecordOperations
from noria.services.logs.resource_policy_api import ResourcePolicyOperations
from noria.services.logs.stream_api import StreamOperations
from noria.services.logs.subscription_api import SubscriptionOperations
from noria.services.logs.tag_api import TagOperations


class LogsApi(
    GroupOperations,
    TagOperations,
    StreamOperations,
    EventOperations,
    RecordOperations,
    MetricFilterOperations,
    SubscriptionOperations,
    ResourcePolicyOperations,
):
    """Shapes are those of botocore's ``logs`` model; times are milliseconds since the epoch."""

    async def start(self) -> None:
        self._retention.start()

    async def stop(self) -> None:
        await self._retention.stop()
        await self._deliveries.stop()

    async def reset(self, account: str) -> None:
        """The settings of its groups are records, which go with the account's."""
        await self._log_events.delete_account(account)
        self._deliveries.forget(account)
