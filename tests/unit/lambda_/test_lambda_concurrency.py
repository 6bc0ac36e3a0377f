"""Reserved concurrency and the account's limits; expected answers are AWS's recorded ones."""

from __future__ import annotations

import asyncio

import pytest
from tests.unit.lambda_.conftest import Lambda
from tests.unit.lambda_.support import ARN, CODE, active, invalid, not_found, publish, refused

from noria.errors import AwsError

SLOW = "import time\ndef handler(event, context):\n    time.sleep(event or 0)\n"
TOO_MANY = ("TooManyRequestsException", 429, "Rate Exceeded.")


async def reserve(service: Lambda, count: int, name: str = "f") -> dict[str, int]:
    answer: dict[str, int] = await service.api.put_function_concurrency(
        service.ctx(), function_name=name, reserved_concurrent_executions=count
    )
    return answer


async def test_concurrency_is_put_shown_and_deleted(service: Lambda) -> None:
    await active(service)
    api, ctx = service.api, service.ctx()
    nothing = {"ReservedConcurrentExecutions": None}
    assert await api.get_function_concurrency(ctx, function_name="f") == nothing
    assert await reserve(service, 0) == {"ReservedConcurrentExecutions": 0}
    assert await api.get_function_concurrency(ctx, function_name="f") == {"ReservedConcurrentExecutions": 0}
    found = await api.get_function(ctx, function_name="f")
    assert found["Concurrency"] == {"ReservedConcurrentExecutions": 0}
    await api.delete_function_concurrency(ctx, function_name="f")
    assert await api.get_function_concurrency(ctx, function_name="f") == nothing
    assert "Concurrency" not in await api.get_function(ctx, function_name="f")


async def test_no_more_run_at_once_than_are_reserved_whatever_the_version(service: Lambda) -> None:
    await service.create(SLOW)
    await publish(service)
    await reserve(service, 1)
    running = asyncio.create_task(service.invoke(0.5))
    await asyncio.sleep(0.1)
    for qualifier in ("$LATEST", "1"):
        with pytest.raises(AwsError) as caught:
            await service.invoke(qualifier=qualifier)
        assert (caught.value.code, caught.value.status, caught.value.message) == TOO_MANY
        assert caught.value.members["Reason"] == "ReservedFunctionConcurrentInvocationLimitExceeded"
    await running
    await service.call(0)
    service.api.metrics.collect(0)
    counts = {"Invocations": 2.0, "Throttles": 2.0, "ConcurrentExecutions": 1.0}
    assert service.metrics.sums(FunctionName="f").items() >= counts.items()


async def test_a_function_that_reserves_none_at_all_is_throttled(service: Lambda) -> None:
    await service.create(SLOW)
    await reserve(service, 0)
    assert await refused(service.invoke()) == TOO_MANY


async def test_at_least_a_hundred_are_left_to_the_others(service: Lambda) -> None:
    await active(service)
    await active(service, "other")
    assert await reserve(service, 900) == {"ReservedConcurrentExecutions": 900}
    too_many = invalid(
        "Specified ReservedConcurrentExecutions for function decreases account's "
        "UnreservedConcurrentExecution below its minimum value of [100]."
    )
    assert await refused(reserve(service, 901)) == too_many
    assert await refused(reserve(service, 1, "other")) == too_many
    await service.api.delete_function(service.ctx(), function_name="f")
    assert await reserve(service, 1, "other") == {"ReservedConcurrentExecutions": 1}


async def test_concurrency_is_of_functions_only(service: Lambda) -> None:
    await active(service)
    await publish(service)
    assert await refused(reserve(service, 1, "doesnotexist")) == not_found(
        f"Function not found: {ARN.removesuffix(':f')}:doesnotexist:$LATEST"
    )
    assert await refused(reserve(service, 1, f"{ARN}:1")) == invalid(
        "This operation is permitted on Lambda functions only. Aliases and versions do not support this "
        "operation. Please specify either a function name or an unqualified function ARN."
    )


async def test_the_accounts_settings_count_what_there_is(service: Lambda) -> None:
    await active(service)
    await publish(service)
    await reserve(service, 10)
    assert await service.api.get_account_settings(service.ctx()) == {
        "AccountLimit": {
            "TotalCodeSize": 80530636800,
            "CodeSizeUnzipped": 262144000,
            "CodeSizeZipped": 52428800,
            "ConcurrentExecutions": 1000,
            "UnreservedConcurrentExecutions": 990,
        },
        "AccountUsage": {"TotalCodeSize": 2 * len(CODE), "FunctionCount": 1},
    }
