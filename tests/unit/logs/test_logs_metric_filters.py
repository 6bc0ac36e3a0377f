"""Metric filters, on a store in memory."""

from __future__ import annotations

from tests.support.logs import refusal

from noria.context import RequestContext
from noria.services.logs.api import LogsApi


async def test_a_pattern_is_tried_on_messages(api: LogsApi, ctx: RequestContext) -> None:
    answer = await api.test_metric_filter(
        ctx, filter_pattern="[first, status=4*]", log_event_messages=["a 200", "b 404", "c 410"]
    )
    assert answer["matches"] == [
        {"eventNumber": 2, "eventMessage": "b 404", "extractedValues": {"$first": "b", "$status": "404"}},
        {"eventNumber": 3, "eventMessage": "c 410", "extractedValues": {"$first": "c", "$status": "410"}},
    ]
    with refusal("InvalidParameterException", "Invalid metric filter pattern"):
        await api.test_metric_filter(ctx, filter_pattern="[a", log_event_messages=["a"])
    with refusal("InvalidParameterException", "Invalid character(s) in term ':'"):
        await api.test_metric_filter(ctx, filter_pattern="a:b", log_event_messages=["a"])
