"""What tests of CloudWatch Logs share."""

from __future__ import annotations

import base64
import gzip
import json
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

import pytest
from tests.support.metrics import FakeMetrics as OtherMetrics

from noria.clock import Clock, ManualClock
from noria.context import Principal, RequestContext
from noria.errors import AwsError
from noria.services.logs.api import LogsApi
from noria.services.logs.deliveries import Deliveries
from noria.services.logs.feed import Feed
from noria.services.logs.filtering import Filtering
from noria.services.logs.intake import Intake
from noria.services.logs.metrics import LogMetrics
from noria.services.logs.retention import StorageLimit
from noria.services.ports import MetricSink
from noria.store.metrics import Minute, Series
from noria.store.sqlite.store import SqliteStore

ACCOUNT, REGION = "111111111111", "us-east-1"
GROUP, STREAM = "/aws/lambda/consumer", "2026/11/25/[$LATEST]abc"
NOW = 1_800_000_000_000


class Put(NamedTuple):
    """A metric's value that was put."""

    namespace: str
    name: str
    dimensions: dict[str, str]
    value: float
    unit: str
    minute: int
    times: float


class FakeMetrics:
    """A `ports.MetricSink` that remembers."""

    def __init__(self) -> None:
        self.puts: list[Put] = []

    def put(
        self,
        account: str,
        region: str,
        namespace: str,
        name: str,
        dimensions: Mapping[str, str],
        value: float,
        unit: str = "None",
        timestamp_s: float | None = None,
        count: float = 1.0,
    ) -> None:
        assert (account, region) == (ACCOUNT, REGION)
        assert timestamp_s is not None
        self.puts.append(Put(namespace, name, dict(dimensions), value, unit, int(timestamp_s // 60), count))

    def merge(self, series: Series, values: Minute) -> None:
        raise AssertionError("metric filters put one value at a time")


class FakeLambda:
    """A `ports.Caller` that is invoked: by whom, with what. error: with which it answers."""

    def __init__(self) -> None:
        self.invocations: list[tuple[Principal, str, dict[str, Any]]] = []
        self.error: AwsError | None = None

    async def __call__(
        self,
        principal: Principal,
        region: str,
        service: str,
        operation: str,
        params: Mapping[str, Any],
        via_service: str = "",
    ) -> Mapping[str, Any]:
        assert (region, service, operation) == (REGION, "lambda", "Invoke")
        assert params["invocation_type"] == "Event"
        data = json.loads(params["payload"])["awslogs"]["data"]
        if self.error is not None:
            raise self.error
        message = json.loads(gzip.decompress(base64.b64decode(data)))
        self.invocations.append((principal, params["function_name"], message))
        return {"StatusCode": 202}


def intake(
    store: SqliteStore,
    storage_bytes: int = 1 << 30,
    feed: Feed | None = None,
    metrics: MetricSink | None = None,
    deliveries: Deliveries | None = None,
) -> Intake:
    filtering = Filtering(
        store, metrics or FakeMetrics(), deliveries or Deliveries(FakeLambda(), ManualClock())
    )
    storage = StorageLimit(store.log_events, storage_bytes)
    return Intake(store.log_events, storage, feed or Feed(), filtering, LogMetrics(OtherMetrics()))


def logs_api(store: SqliteStore, clock: Clock, through: Intake | None = None) -> LogsApi:
    return LogsApi(store, clock, through or intake(store), Deliveries(FakeLambda(), clock))


async def put(api: LogsApi, ctx: RequestContext, stream: dict[str, Any], *events: tuple[int, str]) -> Any:
    batch = [{"timestamp": time_ms, "message": message} for time_ms, message in events]
    return await api.put_log_events(ctx, **stream, log_events=batch)


def messages(answer: dict[str, Any]) -> list[str]:
    return [event["message"] for event in answer["events"]]


def refusal(code: str, message: str) -> Any:
    error = AwsError(code, message)
    return pytest.raises(AwsError, match=f"^{re.escape(str(error))}$")
