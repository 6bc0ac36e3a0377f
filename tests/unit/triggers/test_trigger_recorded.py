"""Filters of mappings as AWS was recorded to apply them: one message that came through, one that did not."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.unit.triggers.world import World, settle

Body = dict[str, Any]

# The recorded case: the pattern of the body, what reached the function, what did not.
RECORDED: dict[str, tuple[Body, Body, Body | str]] = {
    "single": ({"my-key": ["my-value"]}, {"my-key": "my-value"}, {"my-key": "other-value"}),
    "valid-json-filter": ({"my-key": ["my-value"]}, {"my-key": "my-value"}, "this is not JSON"),
    "or": (
        {"my-key": ["my-value-one", "my-value-two"]},
        {"my-key": "my-value-two"},
        {"my-key": "my-value-three"},
    ),
    "and": (
        {"my-key-one": ["other-filter", "my-value-one"], "my-key-two": ["my-value-two"]},
        {"my-key-one": "my-value-one", "my-key-two": "my-value-two"},
        {"my-key-one": "my-value-one", "my-key-two": "other"},
    ),
    "exists": (
        {"my-key": [{"exists": True}]},
        {"my-key": "any-value-one"},
        {"other-key": "any-value-two"},
    ),
    "numeric-bigger": ({"my-number": [{"numeric": [">", 100]}]}, {"my-number": 101}, {"my-number": 100}),
    "numeric-smaller": ({"my-number": [{"numeric": ["<", 100]}]}, {"my-number": 99}, {"my-number": 100}),
    "numeric-range": (
        {"my-number": [{"numeric": [">=", 100, "<", 200]}]},
        {"my-number": 100},
        {"my-number": 200},
    ),
    "prefix": ({"my-key": [{"prefix": "yes"}]}, {"my-key": "yes-value"}, {"my-key": "no-value"}),
    "single-filter": ({"testItem": ["test24"]}, {"testItem": "test24"}, {"testItem": "tesWER"}),
    "or-filter": ({"testItem": ["test24", "test45"]}, {"testItem": "test45"}, {"testItem": "WERTD"}),
    "and-filter": (
        {"test2": ["go"], "testItem": ["test24", "test45"]},
        {"test2": "go", "testItem": "test45"},
        {"test2": "stop", "testItem": "test45"},
    ),
    "exists-filter": ({"test2": [{"exists": True}]}, {"test2": "7411"}, {"testItem": "74545"}),
    "filter4": ({"test2": [{"numeric": [">", 100]}]}, {"test2": 105}, "this is a test string"),
    "filter5": ({"test2": [{"numeric": ["<", 100]}]}, {"test2": 93}, {"test2": 105}),
    "filter6": ({"test2": [{"numeric": [">=", 100, "<", 200]}]}, {"test2": 105}, {"test2": 200}),
    "numeric-prefix": ({"test2": [{"prefix": "us-1"}]}, {"test2": "us-1-48454"}, {"test2": "eu-wert"}),
}


@pytest.mark.parametrize("case", RECORDED)
async def test_a_filter_lets_through_what_it_did_on_aws(world: World, case: str) -> None:
    pattern, wanted, unwanted = RECORDED[case]
    text = json.dumps({"body": pattern})
    made = await world.create(filter_criteria={"Filters": [{"Pattern": text}]})
    assert made["FilterCriteria"] == {"Filters": [{"Pattern": text}]}
    world.queue.send(unwanted if isinstance(unwanted, str) else json.dumps(unwanted))
    world.queue.send(json.dumps(wanted))
    await settle()
    assert world.bodies() == [[json.dumps(wanted)]]
    assert world.queue.messages == {}


async def test_what_an_empty_answer_means_to_a_mapping_that_reports_failures(world: World) -> None:
    """``test_report_batch_item_failures_empty_json_batch_succeeds``"""

    async def answer(event: dict[str, Any]) -> Any:
        return b"{}"

    world.handler = answer
    world.queue.send("a")
    await world.create(function_response_types=["ReportBatchItemFailures"])
    await settle()
    assert world.queue.messages == {}


async def test_what_an_error_means_to_a_mapping_that_reports_failures(world: World) -> None:
    """``test_report_batch_item_failures_on_lambda_error``"""

    async def fail(event: dict[str, Any]) -> Any:
        raise ValueError("no")

    world.handler = fail
    world.queue.send("a")
    world.queue.send("b")
    await world.create(function_response_types=["ReportBatchItemFailures"])
    await settle()
    assert sorted(world.queue.messages) == ["m1", "m2"]
