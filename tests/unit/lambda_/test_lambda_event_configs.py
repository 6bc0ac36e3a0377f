"""Event invoke configurations; expected answers are AWS's recorded ones."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from tests.unit.lambda_.conftest import ACCOUNT, REGION, Lambda
from tests.unit.lambda_.support import ARN, active, invalid, not_found, publish, refused

from noria.clock import ManualClock

QUEUE = f"arn:aws:sqs:{REGION}:{ACCOUNT}:records"
OTHER = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:other"
EMPTY: dict[str, Any] = {"OnFailure": {}, "OnSuccess": {}}
NO_CONFIG = "The function {} doesn't have an EventInvokeConfig"


@pytest.fixture
async def two(tmp_path: Path) -> AsyncIterator[Lambda]:
    """A function with version 1 and the alias ``live``, and another function."""
    service = Lambda(tmp_path, ManualClock())
    service.roles.lifetime_s = 10**9
    await service.start()
    await active(service)
    await publish(service)
    await service.api.create_alias(service.ctx(), function_name="f", name="live", function_version="1")
    await active(service, "other")
    yield service
    await service.stop()


async def put(service: Lambda, **members: Any) -> dict[str, Any]:
    request = {"function_name": "f", **members}
    answer: dict[str, Any] = await service.api.put_function_event_invoke_config(service.ctx(), **request)
    answer.pop("LastModified")
    return {name: value for name, value in answer.items() if value is not None}


async def test_a_configuration_replaces_and_an_update_adds(two: Lambda) -> None:
    whole = await put(two, maximum_retry_attempts=2, maximum_event_age_in_seconds=60)
    assert whole == {
        "DestinationConfig": EMPTY,
        "FunctionArn": f"{ARN}:$LATEST",
        "MaximumEventAgeInSeconds": 60,
        "MaximumRetryAttempts": 2,
    }
    assert await put(two, maximum_retry_attempts=0) == {
        "DestinationConfig": EMPTY,
        "FunctionArn": f"{ARN}:$LATEST",
        "MaximumRetryAttempts": 0,
    }
    updated = await two.api.update_function_event_invoke_config(
        two.ctx(), function_name="f", maximum_event_age_in_seconds=60
    )
    assert (updated["MaximumRetryAttempts"], updated["MaximumEventAgeInSeconds"]) == (0, 60)
    found = await two.api.get_function_event_invoke_config(two.ctx(), function_name="f", qualifier="$LATEST")
    assert found == updated


async def test_every_qualifier_has_its_own_in_every_form(two: Lambda) -> None:
    for members in (
        {"qualifier": "live"},
        {"function_name": "f:live"},
        {"function_name": f"{ARN}:live"},
        {"function_name": f"{ARN}:live", "qualifier": "live"},
    ):
        assert (await put(two, maximum_retry_attempts=1, **members))["FunctionArn"] == f"{ARN}:live"
    await put(two, qualifier="1", maximum_retry_attempts=1)
    await put(two, maximum_retry_attempts=1)
    listed = await two.api.list_function_event_invoke_configs(two.ctx(), function_name="f")
    arns = [each["FunctionArn"] for each in listed["FunctionEventInvokeConfigs"]]
    assert arns == [f"{ARN}:$LATEST", f"{ARN}:1", f"{ARN}:live"]
    await two.api.delete_function_event_invoke_config(two.ctx(), function_name="f", qualifier="1")
    await two.api.delete_alias(two.ctx(), function_name="f", name="live")
    listed = await two.api.list_function_event_invoke_configs(two.ctx(), function_name="f", max_items=1)
    assert [each["FunctionArn"] for each in listed["FunctionEventInvokeConfigs"]] == [f"{ARN}:$LATEST"]


async def test_what_is_not_there(two: Lambda) -> None:
    api, ctx = two.api, two.ctx()
    missing = not_found("The function doesn't exist.")
    for members in ({"function_name": "doesnotexist"}, {"qualifier": "doesnotexist"}):
        assert await refused(put(two, maximum_retry_attempts=1, **members)) == missing
    listed = api.list_function_event_invoke_configs(ctx, function_name="doesnotexist")
    assert await refused(listed) == missing
    latest = not_found(NO_CONFIG.format(f"{ARN}:$LATEST"))
    assert await refused(api.get_function_event_invoke_config(ctx, function_name="f")) == latest
    assert await refused(api.delete_function_event_invoke_config(ctx, function_name="f")) == latest
    updated = api.update_function_event_invoke_config(
        ctx, function_name="f", qualifier="live", maximum_retry_attempts=0
    )
    assert await refused(updated) == not_found(NO_CONFIG.format(f"{ARN}:live"))
    there = ARN.removesuffix(":f") + ":doesnotexist:$LATEST"
    got = api.get_function_event_invoke_config(ctx, function_name="doesnotexist")
    assert await refused(got) == not_found(NO_CONFIG.format(there))


async def test_destinations_are_kept_and_empty_ones_are_none(two: Lambda) -> None:
    config = {"OnSuccess": {"Destination": OTHER}, "OnFailure": {"Destination": QUEUE}}
    assert (await put(two, destination_config=config))["DestinationConfig"] == config
    assert (await put(two, destination_config={"OnSuccess": {}}))["DestinationConfig"] == EMPTY


@pytest.mark.parametrize(
    ("members", "error"),
    [
        ({}, invalid("You must specify at least one of error handling or destination setting.")),
        ({"function_name": "f:live", "qualifier": "1", "maximum_retry_attempts": 1}, invalid(
            "The derived qualifier from the function name does not match the specified qualifier."
        )),
        ({"destination_config": {"OnSuccess": {"Destination": f"arn:aws:iam:{REGION}:{ACCOUNT}:function:f"}}},
         invalid(
            "The provided destination config DestinationConfig(onSuccess=OnSuccess("
            f"destination=arn:aws:iam:{REGION}:{ACCOUNT}:function:f), onFailure=null) is invalid."
        )),
        ({"destination_config": {"OnFailure": {"Destination": ARN}}}, invalid(
            "You can't specify the function as a destination for itself."
        )),
        ({"destination_config": {"OnFailure": {"Destination": f"{OTHER}s"}}}, invalid(
            f"The destination ARN {OTHER}s is invalid."
        )),
    ],
)  # fmt: skip
async def test_what_cannot_be_configured(
    two: Lambda, members: dict[str, Any], error: tuple[str, int, str]
) -> None:
    assert await refused(put(two, **members)) == error


async def test_the_role_must_be_allowed_to_reach_a_destination(two: Lambda) -> None:
    two.permissions.denied.add("sqs:SendMessage")
    config = {"OnFailure": {"Destination": QUEUE}}
    assert await refused(put(two, destination_config=config)) == invalid(
        f"The function's execution role does not have permissions to call SendMessage on {QUEUE}"
    )


async def test_other_destinations_are_refused_by_name(two: Lambda) -> None:
    config = {"OnFailure": {"Destination": f"arn:aws:sns:{REGION}:{ACCOUNT}:topic"}}
    code, status, text = await refused(put(two, destination_config=config))
    assert (code, status) == ("NotImplemented", 501)
    assert text.startswith("A destination of SNS is not supported")
