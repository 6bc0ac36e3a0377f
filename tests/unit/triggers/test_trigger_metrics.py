"""What a mapping counts where it is asked to."""

from __future__ import annotations

from typing import Any

import pytest
from tests.unit.triggers.world import World, settle

from noria.errors import AwsError

ASKED = {"metrics_config": {"Metrics": ["EventCount"]}}


async def counted(world: World, **options: Any) -> dict[str, float]:
    uuid = (await world.create(**options))["UUID"]
    await settle()
    return world.metrics.sums(EventSourceMappingUUID=uuid)


async def test_events_are_counted_on_their_way(world: World) -> None:
    for body in ("a", "b", '{"wanted": true}', '{"wanted": true}', '{"wanted": true}'):
        world.queue.send(body)
    filters = {"filter_criteria": {"Filters": [{"Pattern": '{"body": {"wanted": [true]}}'}]}}
    assert await counted(world, **ASKED, **filters) == {
        "PolledEventCount": 5.0,
        "FilteredOutEventCount": 2.0,
        "InvokedEventCount": 3.0,
        "DeletedEventCount": 5.0,
    }


async def test_events_of_a_failed_invocation_are_failed(world: World) -> None:
    async def fail(event: dict[str, Any]) -> Any:
        raise ValueError("no")

    world.handler = fail
    world.queue.send("a")
    world.queue.send("b")
    assert await counted(world, **ASKED) == {
        "PolledEventCount": 2.0,
        "FilteredOutEventCount": 0.0,
        "InvokedEventCount": 2.0,
        "FailedInvokeEventCount": 2.0,
    }


async def test_events_that_the_function_reports_are_failed_and_the_others_deleted(world: World) -> None:
    async def report(event: dict[str, Any]) -> Any:
        return {"batchItemFailures": [{"itemIdentifier": "m1"}]}

    world.handler = report
    world.queue.send("a")
    world.queue.send("b")
    found = await counted(world, **ASKED, function_response_types=["ReportBatchItemFailures"])
    assert (found["FailedInvokeEventCount"], found["DeletedEventCount"]) == (1.0, 1.0)


async def test_an_invocation_that_could_not_begin_has_failed(world: World) -> None:
    async def refuse(event: dict[str, Any]) -> Any:
        raise AwsError("ResourceNotFoundException", "Function not found", 404)

    world.handler = refuse
    world.queue.send("a")
    found = await counted(world, **ASKED)
    assert found["FailedInvokeEventCount"] == 1.0
    assert "InvokedEventCount" not in found


async def test_who_does_not_ask_gets_no_counts(world: World) -> None:
    world.queue.send("a")
    assert await counted(world) == {}


async def test_the_configuration_is_shown_changed_and_taken_away(world: World) -> None:
    made = await world.create(**ASKED)
    assert made["MetricsConfig"] == {"Metrics": ["EventCount"]}
    same = await world.api.update_event_source_mapping(world.ctx, uuid=made["UUID"], batch_size=3)
    assert same["MetricsConfig"] == {"Metrics": ["EventCount"]}
    without = await world.api.update_event_source_mapping(
        world.ctx, uuid=made["UUID"], metrics_config={"Metrics": []}
    )
    assert "MetricsConfig" not in without


async def test_metrics_of_other_sources_are_refused(world: World) -> None:
    with pytest.raises(AwsError) as caught:
        await world.create(metrics_config={"Metrics": ["KafkaMetrics"]})
    assert caught.value.code == "InvalidParameterValueException"
