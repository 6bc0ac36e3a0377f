"""CloudWatch Logs, put together: one public method an operation; beside them `reset`."""

from __future__ import annotations

from noria.services.logs.event_api import EventOperations
from noria.services.logs.group_api import GroupOperations
from noria.services.logs.metric_filter_api import MetricFilterOperations
from noria.services.logs.stream_api import StreamOperations


class LogsApi(GroupOperations, StreamOperations, EventOperations, MetricFilterOperations):
    """Shapes are those of botocore's ``logs`` model; times are milliseconds since the epoch."""

    async def reset(self, account: str) -> None:
        await self._log_events.delete_account(account)
