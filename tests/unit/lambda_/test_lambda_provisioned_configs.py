"""Provisioned concurrency as it is configured, with AWS's recorded answers, and what comes of it."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Any

from tests.unit.lambda_.conftest import Lambda
from tests.unit.lambda_.support import ARN, active, conflict, invalid, not_found, publish, refused

from noria.clock import SystemClock

NONE = (
    "ProvisionedConcurrencyConfigNotFoundException",
    404,
    "No Provisioned Concurrency Config found for this function",
)
INITIALIZATION = "import os\ndef handler(e, c):\n    return os.environ['AWS_LAMBDA_INITIALIZATION_TYPE']\n"


def put(service: Lambda, qualifier: str, count: int = 1) -> Any:
    return service.api.put_provisioned_concurrency_config(
        service.ctx(), function_name="f", qualifier=qualifier, provisioned_concurrent_executions=count
    )


def get(service: Lambda, qualifier: str) -> Any:
    return service.api.get_provisioned_concurrency_config(
        service.ctx(), function_name="f", qualifier=qualifier
    )


def delete(service: Lambda, qualifier: str) -> Any:
    return service.api.delete_provisioned_concurrency_config(
        service.ctx(), function_name="f", qualifier=qualifier
    )


async def shown(service: Lambda, **members: Any) -> list[str]:
    """The ARNs' qualifiers of a list."""
    answer = await service.api.list_provisioned_concurrency_configs(
        service.ctx(), function_name="f", **members
    )
    return [each["FunctionArn"].rpartition(":")[2] for each in answer["ProvisionedConcurrencyConfigs"]]


async def ready(service: Lambda, qualifier: str) -> dict[str, Any]:
    for _ in range(1000):
        answer: dict[str, Any] = await get(service, qualifier)
        if answer["Status"] == "READY":
            return answer
        await asyncio.sleep(0.01)
    raise AssertionError(answer)


async def reserve(service: Lambda, count: int) -> None:
    await service.api.put_function_concurrency(
        service.ctx(), function_name="f", reserved_concurrent_executions=count
    )


async def test_a_versions_environments_are_ready_before_it_is_invoked(service: Lambda) -> None:
    await service.create(INITIALIZATION, publish=True)
    answer = await put(service, "1", 2)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+0000", answer.pop("LastModified"))
    assert answer == {
        "RequestedProvisionedConcurrentExecutions": 2,
        "AllocatedProvisionedConcurrentExecutions": 0,
        "AvailableProvisionedConcurrentExecutions": 0,
        "Status": "IN_PROGRESS",
    }
    answer = await ready(service, "1")
    assert answer["AllocatedProvisionedConcurrentExecutions"] == 2
    assert answer["AvailableProvisionedConcurrentExecutions"] == 2
    assert await service.call(qualifier="1") == "provisioned-concurrency"
    assert await service.call() == "on-demand"
    await delete(service, "1")
    assert await refused(get(service, "1")) == NONE
    await delete(service, "1")  # there need not be one
    assert await shown(service) == []


async def test_an_alias_keeps_its_versions_environments(service: Lambda) -> None:
    await service.create(INITIALIZATION, publish=True)
    await publish(service, description="second")
    alias = {"function_name": "f", "name": "live"}
    await service.api.create_alias(service.ctx(), function_version="1", **alias)
    await put(service, "live")
    await ready(service, "live")
    assert await service.call(qualifier="live") == "provisioned-concurrency"
    await service.api.update_alias(service.ctx(), function_version="2", **alias)
    await ready(service, "live")
    assert await service.call(qualifier="2") == "provisioned-concurrency"
    assert await shown(service) == ["live"]
    await service.api.delete_alias(service.ctx(), **alias)
    assert await refused(get(service, "live")) == not_found(f"Cannot find alias arn: {ARN}:live")
    assert await shown(service) == []


async def test_a_version_is_provisioned_by_itself_or_by_an_alias(service: Lambda) -> None:
    await active(service, publish=True)
    await service.api.create_alias(service.ctx(), function_name="f", name="live", function_version="1")
    await put(service, "1")
    text = "Alias can't be used for Provisioned Concurrency configuration on an already Provisioned version"
    assert await refused(put(service, "live")) == conflict(text)
    await delete(service, "1")
    await put(service, "live")
    text = "Version is pointed by a Provisioned Concurrency alias"
    assert await refused(put(service, "1")) == conflict(text)


async def test_only_published_versions_and_aliases_have_one(service: Lambda) -> None:
    await active(service, publish=True)
    text = "Provisioned Concurrency Configs cannot be applied to unpublished function versions."
    assert await refused(put(service, "$LATEST")) == invalid(text)
    text = "The function resource provided must be an alias or a published version."
    assert await refused(get(service, "$LATEST")) == invalid(text)
    assert await refused(put(service, "7")) == not_found(f"Function not found: {ARN}:7")
    assert await refused(get(service, "none")) == not_found(f"Cannot find alias arn: {ARN}:none")
    assert await refused(get(service, "1")) == NONE


async def test_reserved_and_provisioned_concurrency_fit(service: Lambda) -> None:
    await active(service, publish=True)
    await publish(service, description="second")
    await reserve(service, 2)
    await put(service, "1", 2)
    text = (
        "Requested Provisioned Concurrency should not be greater than the reservedConcurrentExecution for "
        "function"
    )
    assert await refused(put(service, "1", 3)) == invalid(text)
    assert await refused(put(service, "2", 1)) == invalid(text)
    text = (
        " ReservedConcurrentExecutions  1 should not be lower than function's total provisioned concurrency "
        "[2]."
    )
    assert await refused(reserve(service, 1)) == invalid(text)


async def test_what_is_provisioned_for_one_version_is_not_there_for_another(service: Lambda) -> None:
    await active(service, publish=True)
    await reserve(service, 2)
    await put(service, "1", 2)
    refusal = await refused(service.invoke())
    assert refusal == ("TooManyRequestsException", 429, "Rate Exceeded.")
    assert await service.call({"a": 1}, qualifier="1") == {"a": 1}
    await put(service, "1", 1)
    assert await service.call({"a": 1}) == {"a": 1}


async def test_the_account_keeps_what_is_not_reserved(service: Lambda) -> None:
    await active(service, publish=True)
    text = (
        "Specified ConcurrentExecutions for function is greater than account's unreserved concurrency [1000]."
    )
    assert await refused(put(service, "1", 1001)) == invalid(text)
    text = (
        "Specified ConcurrentExecutions for function decreases account's UnreservedConcurrentExecution below "
        "its minimum value of [100]."
    )
    assert await refused(put(service, "1", 901)) == invalid(text)


async def test_a_version_that_does_not_start_fails(service: Lambda) -> None:
    await service.create("import nothing_of_that_name\n", publish=True)
    await put(service, "1")
    for _ in range(1000):
        answer = await get(service, "1")
        if answer["Status"] != "IN_PROGRESS":
            break
        await asyncio.sleep(0.01)
    assert answer["Status"] == "FAILED"
    assert "No module named 'nothing_of_that_name'" in answer["StatusReason"]


async def test_it_is_listed_by_pages_and_goes_with_its_version(service: Lambda) -> None:
    await active(service, publish=True)
    for description in ("second", "third"):
        await publish(service, description=description)
    for version in ("1", "2", "3"):
        await put(service, version)
    page = await service.api.list_provisioned_concurrency_configs(
        service.ctx(), function_name="f", max_items=2
    )
    assert len(page["ProvisionedConcurrencyConfigs"]) == 2
    assert await shown(service, marker=page["NextMarker"]) == ["3"]
    await service.api.delete_function(service.ctx(), function_name="f", qualifier="2")
    assert await shown(service) == ["1", "3"]
    await service.api.delete_function(service.ctx(), function_name="f")
    await active(service, publish=True)
    assert await shown(service) == []


async def test_it_is_in_force_again_after_a_restart(tmp_path: Path) -> None:
    first = Lambda(tmp_path, SystemClock())
    await first.start()
    await first.create(INITIALIZATION, publish=True)
    await put(first, "1")
    await first.stop()
    second = Lambda(tmp_path, SystemClock())
    await second.start()
    await ready(second, "1")
    assert await second.call(qualifier="1") == "provisioned-concurrency"
    await second.stop()
