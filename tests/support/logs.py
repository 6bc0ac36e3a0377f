"""What tests of CloudWatch Logs share."""

from __future__ import annotations

import re
from typing import Any

import pytest

from noria.context import RequestContext
from noria.errors import AwsError
from noria.services.logs.api import LogsApi
from noria.services.logs.feed import Feed
from noria.services.logs.intake import Intake
from noria.services.logs.retention import StorageLimit
from noria.store.sqlite.store import SqliteStore

ACCOUNT, REGION = "111111111111", "us-east-1"
GROUP, STREAM = "/aws/lambda/consumer", "2026/11/25/[$LATEST]abc"
NOW = 1_800_000_000_000


def intake(store: SqliteStore, storage_bytes: int = 1 << 30, feed: Feed | None = None) -> Intake:
    return Intake(store.log_events, StorageLimit(store.log_events, storage_bytes), feed or Feed())


async def put(api: LogsApi, ctx: RequestContext, stream: dict[str, Any], *events: tuple[int, str]) -> Any:
    batch = [{"timestamp": time_ms, "message": message} for time_ms, message in events]
    return await api.put_log_events(ctx, **stream, log_events=batch)


def messages(answer: dict[str, Any]) -> list[str]:
    return [event["message"] for event in answer["events"]]


def refusal(code: str, message: str) -> Any:
    error = AwsError(code, message)
    return pytest.raises(AwsError, match=f"^{re.escape(str(error))}$")
