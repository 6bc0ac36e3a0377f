"""TenancyConfig: an environment serves one tenant, and no other ever."""

from __future__ import annotations

from typing import Any

import pytest
from tests.unit.lambda_.conftest import Lambda, until
from tests.unit.lambda_.support import active, create, invalid, refused

SOURCE = """\
seen = []
def handler(event, context):
    seen.append(context.tenant_id)
    return seen
"""
PER_TENANT = {"TenantIsolationMode": "PER_TENANT"}
MISSING = invalid(
    "The invoked function is enabled with tenancy configuration. Add a valid tenant ID in your request and "
    "try again."
)
UNEXPECTED = invalid(
    "The invoked function is not enabled with tenancy configuration. Remove the tenant ID from your request "
    "and try again."
)


async def test_an_environment_serves_one_tenant_only(service: Lambda) -> None:
    await service.create(SOURCE, tenancy_config=PER_TENANT)
    assert await service.call(tenant_id="red") == ["red"]
    assert await service.call(tenant_id="blue") == ["blue"]
    assert await service.call(tenant_id="red") == ["red", "red"]
    assert await service.call(tenant_id="blue") == ["blue", "blue"]


async def test_the_configuration_is_shown(service: Lambda) -> None:
    await active(service, tenancy_config=PER_TENANT)
    shown = await service.api.get_function_configuration(service.ctx(), function_name="f")
    assert shown["TenancyConfig"] == PER_TENANT
    await active(service, "g")
    assert "TenancyConfig" not in await service.api.get_function_configuration(
        service.ctx(), function_name="g"
    )


@pytest.mark.parametrize("kind", ["RequestResponse", "Event", "DryRun"])
async def test_a_tenant_is_named_where_there_are_any(service: Lambda, kind: str) -> None:
    await active(service, tenancy_config=PER_TENANT)
    await active(service, "g")
    assert await refused(service.invoke(invocation_type=kind)) == MISSING
    assert await refused(service.invoke(name="g", tenant_id="red", invocation_type=kind)) == UNEXPECTED


async def test_an_asynchronous_invocation_is_its_tenants(service: Lambda) -> None:
    source = "def handler(event, context):\n    print('for', context.tenant_id)\n"
    await service.create(source, tenancy_config=PER_TENANT)
    await service.invoke(tenant_id="red", invocation_type="Event")
    await until(lambda: "for red\n" in service.logs.lines("f"), "it has run")


async def test_snap_start_does_not_go_with_tenants(service: Lambda) -> None:
    made = create(
        service,
        runtime="python3.12",
        tenancy_config=PER_TENANT,
        snap_start={"ApplyOn": "PublishedVersions"},
    )
    text = "SnapStart is not supported for functions with tenancy configuration."
    assert await refused(made) == invalid(text)


async def test_what_cannot_have_tenants_is_refused(service: Lambda) -> None:
    await active(service, tenancy_config=PER_TENANT, publish=True)
    api, ctx = service.api, service.ctx()
    refusals: list[Any] = [
        api.create_function_url_config(ctx, function_name="f", auth_type="NONE"),
        api.put_provisioned_concurrency_config(
            ctx, function_name="f", qualifier="1", provisioned_concurrent_executions=1
        ),
    ]
    texts = [(await refused(each))[2] for each in refusals]
    assert texts == [
        f"{what} is not supported for functions with tenancy configuration."
        for what in ("A function URL", "Provisioned concurrency")
    ]
