"""Lambda's operations on event source mappings, with the answers that AWS gives."""

from __future__ import annotations

import asyncio
import inspect
from typing import Any

import pytest
from botocore import xform_name
from tests.unit.triggers.world import ACCOUNT, FUNCTION_ARN, QUEUE_ARN, World, settle

from noria.errors import AwsError
from noria.services.triggers.actions import ACTIONS
from noria.services.triggers.api import TriggersApi


def test_every_operation_has_its_iam_action() -> None:
    methods = {name for name, _ in inspect.getmembers(TriggersApi, inspect.isfunction) if name[0] != "_"}
    assert methods - {"start", "stop", "reset"} == {xform_name(operation) for operation in ACTIONS}
    assert all(action.name == f"lambda:{operation}" for operation, action in ACTIONS.items())


def test_iam_sees_the_mapping_and_the_functions_arn(world: World) -> None:
    create = ACTIONS["CreateEventSourceMapping"]
    assert create.resource(world.ctx, {}) == "*"
    assert create.conditions is not None
    assert create.conditions(world.ctx, {"function_name": "consumer"}) == {"lambda:FunctionArn": FUNCTION_ARN}
    arn = ACTIONS["GetEventSourceMapping"].resource(world.ctx, {"uuid": "u"})
    assert arn == f"arn:aws:lambda:us-east-1:{ACCOUNT}:event-source-mapping:u"


async def test_create_answers_as_aws_does(world: World) -> None:
    answer = await world.create()
    uuid = answer["UUID"]
    assert answer == {
        "UUID": uuid,
        "BatchSize": 10,
        "MaximumBatchingWindowInSeconds": 0,
        "EventSourceArn": QUEUE_ARN,
        "FunctionArn": FUNCTION_ARN,
        "LastModified": 1_700_000_000.0,
        "LastProcessingResult": None,
        "State": "Creating",
        "StateTransitionReason": "USER_INITIATED",
        "FunctionResponseTypes": [],
        "EventSourceMappingArn": f"arn:aws:lambda:us-east-1:{ACCOUNT}:event-source-mapping:{uuid}",
    }
    assert await world.get(uuid) == answer
    await settle()
    assert await world.get(uuid) == {**answer, "State": "Enabled"}


@pytest.mark.parametrize(
    ("name", "arn"),
    [
        ("consumer", FUNCTION_ARN),
        (f"{ACCOUNT}:function:consumer", FUNCTION_ARN),
        (FUNCTION_ARN, FUNCTION_ARN),
        ("consumer:$LATEST", f"{FUNCTION_ARN}:$LATEST"),
        (f"{FUNCTION_ARN}:live", f"{FUNCTION_ARN}:live"),
    ],
)
async def test_a_function_may_be_named_in_every_form(world: World, name: str, arn: str) -> None:
    assert (await world.create(function_name=name))["FunctionArn"] == arn
    world.queue.send("x")
    await settle()
    assert world.bodies() == [["x"]]
    assert world.invoked == [arn.removesuffix(":$LATEST")]


async def test_tags_are_kept_through_changes_of_the_mapping(world: World) -> None:
    created = await world.create(tags={"a": "1"})
    arn, uuid = created["EventSourceMappingArn"], created["UUID"]
    assert await world.api.tagged.tags(arn) == {"a": "1"}
    await world.api.tagged.change_tags(arn, lambda old: {**old, "b": "2"})
    await world.api.update_event_source_mapping(world.ctx, uuid=uuid, batch_size=2)
    assert await world.api.tagged.tags(arn) == {"a": "1", "b": "2"}
    unknown = f"{arn[:-12]}000000000000"
    with pytest.raises(AwsError, match=f"Event source mapping not found: {unknown}") as error:
        await world.api.tagged.tags(unknown)
    assert (error.value.code, error.value.status) == ("ResourceNotFoundException", 404)


async def test_states_follow_what_is_asked_for(world: World) -> None:
    created = await world.create(enabled=False)
    uuid = created["UUID"]
    assert created["State"] == "Disabled"

    async def update(**changes: Any) -> list[str]:
        answer = await world.api.update_event_source_mapping(world.ctx, uuid=uuid, **changes)
        states = [answer["State"], (await world.get(uuid))["State"]]
        await settle()
        world.clock.advance(1)
        await settle()
        return [*states, (await world.get(uuid))["State"]]

    assert await update(batch_size=5) == ["Disabled", "Disabled", "Disabled"]
    assert await update(enabled=True) == ["Enabling", "Enabling", "Enabled"]
    assert await update(batch_size=1) == ["Updating", "Updating", "Enabled"]
    assert await update(enabled=False) == ["Disabling", "Disabling", "Disabled"]
    deleted = await world.api.delete_event_source_mapping(world.ctx, uuid=uuid)
    assert (deleted["State"], deleted["BatchSize"]) == ("Deleting", 1)
    with pytest.raises(AwsError) as gone:
        await world.get(uuid)
    assert (gone.value.code, gone.value.status) == ("ResourceNotFoundException", 404)
    assert gone.value.message == "The resource you requested does not exist."
    assert gone.value.members == {"Type": "User"}


async def test_a_change_shows_its_state_until_running_batches_are_through(world: World) -> None:
    gate = asyncio.Event()

    async def wait(event: dict[str, Any]) -> Any:
        await gate.wait()

    world.handler = wait
    world.queue.send("a")
    uuid = (await world.create())["UUID"]
    await settle()
    assert (await world.get(uuid))["State"] == "Enabled"
    await world.api.update_event_source_mapping(world.ctx, uuid=uuid, batch_size=1)
    await settle()
    assert (await world.get(uuid))["State"] == "Updating"
    await world.api.delete_event_source_mapping(world.ctx, uuid=uuid)
    await settle()
    world.clock.advance(1)
    await settle()
    assert (await world.get(uuid))["State"] == "Deleting"
    for verb, operation in (
        ("update", world.api.update_event_source_mapping),
        ("delete", world.api.delete_event_source_mapping),
    ):
        with pytest.raises(
            AwsError, match=f"Cannot {verb} the event source mapping because it is in use"
        ) as e:
            await operation(world.ctx, uuid=uuid)
        assert (e.value.code, e.value.status) == ("ResourceInUseException", 400)
    gate.set()
    await settle()
    world.clock.advance(1)
    await settle()
    with pytest.raises(AwsError, match="The resource you requested does not exist"):
        await world.get(uuid)
    assert world.queue.messages == {}


async def test_options_are_answered_where_they_were_given_and_taken_away_when_empty(world: World) -> None:
    filters = {"Filters": [{"Pattern": '{"body": {"a": [1]}}'}]}
    uuid = (
        await world.create(
            filter_criteria=filters, scaling_config={"MaximumConcurrency": 7}, tags={"stage": "test"}
        )
    )["UUID"]
    mapping = await world.get(uuid)
    assert mapping["FilterCriteria"] == filters
    assert mapping["ScalingConfig"] == {"MaximumConcurrency": 7}
    assert "ProvisionedPollerConfig" not in mapping
    updated = await world.api.update_event_source_mapping(
        world.ctx,
        uuid=uuid,
        filter_criteria={"Filters": []},
        scaling_config={},
        provisioned_poller_config={"MinimumPollers": 3},
    )
    assert updated["ProvisionedPollerConfig"] == {"MinimumPollers": 3, "MaximumPollers": 200}
    assert not {"FilterCriteria", "ScalingConfig"} & updated.keys()
    updated = await world.api.update_event_source_mapping(world.ctx, uuid=uuid, provisioned_poller_config={})
    assert "ProvisionedPollerConfig" not in updated


async def test_update_and_delete_of_an_unknown_mapping_are_refused(world: World) -> None:
    for operation in (world.api.update_event_source_mapping, world.api.delete_event_source_mapping):
        with pytest.raises(AwsError, match="The resource you requested does not exist"):
            await operation(world.ctx, uuid="x")


async def refused(world: World, **options: Any) -> AwsError:
    with pytest.raises(AwsError) as error:
        await world.create(**options)
    listed = await world.api.list_event_source_mappings(world.ctx)
    assert listed["EventSourceMappings"] == []
    return error.value


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"function_name": "none"}, "Function does not exist"),
        ({"function_name": "consumer:7"}, "Function does not exist"),
        ({"event_source_arn": None}, "Unrecognized event source."),
        ({"event_source_arn": None, "function_name": "none"}, "Unrecognized event source."),
        ({"event_source_arn": "arn:aws:s3:::bucket"}, "Unrecognized event source."),
        (
            {"filter_criteria": {"Filters": [{"Pattern": '{"body": "x"}'}]}},
            "Invalid filter pattern definition.",
        ),
        ({"filter_criteria": {"Filters": [{}]}}, "Invalid filter pattern definition."),
        (
            {"destination_config": {"OnFailure": {"Destination": QUEUE_ARN}}},
            "Unsupported DestinationConfig parameter for given event source mapping type.",
        ),
        (
            {"event_source_arn": f"{QUEUE_ARN}.fifo", "maximum_batching_window_in_seconds": 1},
            "Batching window is not supported for FIFO queues",
        ),
        (
            {
                "scaling_config": {"MaximumConcurrency": 2},
                "provisioned_poller_config": {"MinimumPollers": 2},
            },
            "ScalingConfig and ProvisionedPollerConfig cannot be used together.",
        ),
        (
            {"provisioned_poller_config": {"MinimumPollers": 5, "MaximumPollers": 4}},
            "MinimumPollers must be between 2 and 200, and MaximumPollers between MinimumPollers and 2000.",
        ),
        (
            {"batch_size": 11},
            "Maximum batch window in seconds must be greater than 0 if maximum batch size is greater than 10",
        ),
    ],
)
async def test_bad_parameters_get_awss_texts(world: World, options: dict[str, Any], message: str) -> None:
    error = await refused(world, **options)
    assert (error.code, error.status, error.message) == ("InvalidParameterValueException", 400, message)


async def test_a_role_that_lambda_may_not_assume_is_refused(world: World) -> None:
    world.trusts_lambda = False
    error = await refused(world)
    assert error.message == "The role defined for the function cannot be assumed by Lambda."


@pytest.mark.parametrize("operation", ["ReceiveMessage", "DeleteMessage", "GetQueueAttributes"])
async def test_a_role_without_the_queues_rights_is_refused(world: World, operation: str) -> None:
    world.rights.remove(f"sqs:{operation}")
    error = await refused(world)
    assert (error.code, error.status) == ("InvalidParameterValueException", 400)
    assert error.message == (
        f"The function execution role does not have permissions to call {operation} on SQS"
    )


async def test_a_queue_that_does_not_exist_is_refused(world: World) -> None:
    world.queue.exists = False
    error = await refused(world)
    assert (error.code, error.status) == ("InvalidParameterValueException", 400)
    assert error.message == (
        "Error occurred while ReceiveMessage. SQS Error Code: AWS.SimpleQueueService.NonExistentQueue."
        " SQS Error Message: The specified queue does not exist."
    )


async def test_a_queue_of_another_region_does_not_exist_for_lambda(world: World) -> None:
    error = await refused(world, event_source_arn=QUEUE_ARN.replace("us-east-1", "eu-west-1"))
    assert error.message.startswith("Error occurred while ReceiveMessage. SQS Error Code: AWS.SimpleQueue")


async def test_a_visibility_timeout_below_the_functions_timeout_is_refused(world: World) -> None:
    world.timeout = 60
    error = await refused(world)
    assert (error.code, error.status) == ("InvalidParameterValueException", 400)
    assert error.message == "Queue visibility timeout: 30 seconds is less than Function timeout: 60 seconds"


@pytest.mark.parametrize(
    ("arn", "what"),
    [
        ("arn:aws:kinesis:us-east-1:111111111111:stream/s", "An event source of kinesis"),
    ],
)
async def test_sources_that_are_yet_to_come_are_refused_by_name(world: World, arn: str, what: str) -> None:
    error = await refused(world, event_source_arn=arn)
    assert (error.code, error.status) == ("NotImplemented", 501)
    assert error.message.startswith(what)


async def test_a_second_mapping_of_queue_and_function_is_refused_also_at_the_same_time(world: World) -> None:
    answers: list[Any] = await asyncio.gather(world.create(), world.create(), return_exceptions=True)
    first, second = answers
    assert isinstance(second, AwsError)
    assert (second.code, second.status) == ("ResourceConflictException", 409)
    assert second.message == (
        f'An event source mapping with SQS arn (" {QUEUE_ARN} ") and function (" consumer ") already exists.'
        f" Please update or delete the existing mapping with UUID {first['UUID']}"
    )


async def test_mappings_are_listed_in_pages_and_by_queue_and_function(world: World) -> None:
    one = await world.create()
    two = await world.create(function_name="consumer:$LATEST")
    uuids = sorted((one["UUID"], two["UUID"]))

    async def listed(**options: Any) -> tuple[list[str], str | None]:
        answer = await world.api.list_event_source_mappings(world.ctx, **options)
        return [mapping["UUID"] for mapping in answer["EventSourceMappings"]], answer["NextMarker"]

    assert await listed() == (uuids, None)
    assert await listed(max_items=1) == (uuids[:1], uuids[0])
    assert await listed(max_items=1, marker=uuids[0]) == (uuids[1:], None)
    assert await listed(function_name="consumer") == ([one["UUID"]], None)
    assert await listed(event_source_arn=QUEUE_ARN) == (uuids, None)
    assert await listed(event_source_arn=f"{QUEUE_ARN}2") == ([], None)


async def test_a_mapping_may_move_to_another_function_only_if_that_one_is_fit(world: World) -> None:
    uuid = (await world.create())["UUID"]
    with pytest.raises(AwsError, match="Function does not exist"):
        await world.api.update_event_source_mapping(world.ctx, uuid=uuid, function_name="none")
    assert (await world.get(uuid))["FunctionArn"] == FUNCTION_ARN


async def test_an_update_may_not_make_a_large_batch_without_a_window(world: World) -> None:
    uuid = (await world.create(batch_size=100, maximum_batching_window_in_seconds=1))["UUID"]
    with pytest.raises(AwsError, match="Maximum batch window in seconds must be greater than 0"):
        await world.api.update_event_source_mapping(
            world.ctx, uuid=uuid, maximum_batching_window_in_seconds=0
        )
