"""Aliases: names of versions, with weights; expected answers are AWS's recorded ones."""

from __future__ import annotations

from typing import Any

import pytest
from tests.unit.lambda_.conftest import Lambda
from tests.unit.lambda_.support import (
    ARN,
    active,
    conflict,
    create,
    invalid,
    not_found,
    publish,
    refused,
)

from noria.services.lambda_.functions import routed
from noria.services.lambda_.models import Alias

VERSION = "def handler(event, c):\n    return [c.function_version, c.invoked_function_arn]\n"


@pytest.fixture
async def two(service: Lambda) -> Lambda:
    """A function with versions 1 and 2."""
    await service.create(VERSION)
    await publish(service)
    await publish(service, timeout=9)
    return service


async def alias(service: Lambda, name: str, version: str, **members: Any) -> dict[str, Any]:
    answer: dict[str, Any] = await service.api.create_alias(
        service.ctx(), function_name="f", name=name, function_version=version, **members
    )
    return answer


def weights(**shares: float) -> dict[str, Any]:
    return {"AdditionalVersionWeights": {key.removeprefix("v"): share for key, share in shares.items()}}


async def test_an_alias_answers_as_awss(two: Lambda) -> None:
    made = await alias(two, "live", "1", description="custom-alias", routing_config=weights(v2=0.2))
    revision = made.pop("RevisionId")
    assert made == {
        "AliasArn": f"{ARN}:live",
        "Description": "custom-alias",
        "FunctionVersion": "1",
        "Name": "live",
        "RoutingConfig": {"AdditionalVersionWeights": {"2": 0.2}},
    }
    found = await two.api.get_alias(two.ctx(), function_name="f", name="live")
    assert found == {**made, "RevisionId": revision}


async def test_an_update_changes_what_it_names_and_the_revision(two: Lambda) -> None:
    made = await alias(two, "live", "1", description="d", routing_config=weights(v2=0.2))
    updated = await two.api.update_alias(
        two.ctx(), function_name="f", name="live", routing_config={"AdditionalVersionWeights": {}}
    )
    assert updated.pop("RevisionId") != made["RevisionId"]
    assert updated == {
        "AliasArn": f"{ARN}:live",
        "Description": "d",
        "FunctionVersion": "1",
        "Name": "live",
    }
    stale = two.api.update_alias(
        two.ctx(), function_name="f", name="live", description="x", revision_id=made["RevisionId"]
    )
    assert (await refused(stale))[:2] == ("PreconditionFailedException", 412)


async def test_a_function_is_found_by_its_alias(two: Lambda) -> None:
    await alias(two, "live", "2")
    for name, qualifier in (("f", "live"), ("f:live", None), (f"{ARN}:live", None)):
        found = await two.api.get_function(two.ctx(), function_name=name, qualifier=qualifier)
        assert found["Configuration"]["FunctionArn"] == f"{ARN}:live"
        assert found["Configuration"]["Version"] == "2"
    missing = two.api.get_function(two.ctx(), function_name="f", qualifier="aliasdoesnotexist")
    assert await refused(missing) == not_found(f"Function not found: {ARN}:aliasdoesnotexist")


async def test_an_alias_is_invoked_as_the_version_that_it_names(two: Lambda) -> None:
    await alias(two, "live", "2")
    assert (await two.invoke(qualifier="live"))["ExecutedVersion"] == "2"
    assert await two.call(qualifier="live") == ["2", f"{ARN}:live"]
    await two.api.update_alias(two.ctx(), function_name="f", name="live", function_version="1")
    assert await two.call(qualifier="live") == ["1", f"{ARN}:live"]


async def test_weights_share_invocations_out(two: Lambda) -> None:
    await alias(two, "live", "1", routing_config=weights(v2=1.0))
    assert await two.call(qualifier="live") == ["2", f"{ARN}:live"]


@pytest.mark.parametrize(("share", "version"), [(0.0, "2"), (0.19, "2"), (0.2, "1"), (0.99, "1")])
def test_a_version_gets_its_weight_of_all_draws(share: float, version: str) -> None:
    weighted = Alias(
        account="", region="", function="f", name="a", version="1", weights={"2": 0.2}, revision_id=""
    )
    assert routed(weighted, share) == version


async def test_aliases_are_listed_also_by_version(two: Lambda) -> None:
    for name, version in (("a", "1"), ("b", "2"), ("c", "1")):
        await alias(two, name, version)
    ctx = two.ctx()
    everything = await two.api.list_aliases(ctx, function_name="f")
    assert [each["Name"] for each in everything["Aliases"]] == ["a", "b", "c"]
    of_one = await two.api.list_aliases(ctx, function_name="f", function_version="1")
    assert [each["Name"] for each in of_one["Aliases"]] == ["a", "c"]
    first = await two.api.list_aliases(ctx, function_name="f", max_items=2)
    rest = await two.api.list_aliases(ctx, function_name="f", marker=first["NextMarker"])
    assert [each["Name"] for each in rest["Aliases"]] == ["c"]


async def test_deleting_an_alias_that_is_not_there_is_fine(two: Lambda) -> None:
    await alias(two, "live", "1")
    for _ in range(2):
        await two.api.delete_alias(two.ctx(), function_name="f", name="live")
    missing = two.api.get_alias(two.ctx(), function_name="f", name="live")
    assert await refused(missing) == not_found(f"Cannot find alias arn: {ARN}:live")


@pytest.mark.parametrize(
    ("version", "config", "error"),
    [
        ("1", weights(v1=0.5), invalid(
            "Invalid function version 1. Function version 1 is already included in routing configuration."
        )),
        ("1", weights(v2=0.5, v3=0.1), invalid(
            "Number of items in AdditionalVersionWeights cannot be greater than 1"
        )),
        ("1", weights(v10=0.5), not_found(f"Function not found: {ARN}:10")),
        ("10", None, not_found(f"Function not found: {ARN}:10")),
        ("$LATEST", weights(v1=0.5), invalid(
            "$LATEST is not supported for an alias pointing to more than 1 version"
        )),
    ],
)  # fmt: skip
async def test_what_an_alias_cannot_be(
    two: Lambda, version: str, config: Any, error: tuple[str, int, str]
) -> None:
    assert await refused(alias(two, "live", version, routing_config=config)) == error


async def test_latest_can_have_an_alias(two: Lambda) -> None:
    assert (await alias(two, "newest", "$LATEST", routing_config={}))["FunctionVersion"] == "$LATEST"
    assert (await two.call(qualifier="newest"))[0] == "$LATEST"


async def test_an_alias_exists_once(two: Lambda) -> None:
    await alias(two, "live", "1")
    assert await refused(alias(two, "live", "2")) == conflict(f"Alias already exists: {ARN}:live")


async def test_there_is_no_alias_without_a_function(service: Lambda) -> None:
    assert await refused(alias(service, "live", "1")) == not_found(f"Function not found: {ARN}:1")
    await create(service, "other")
    await active(service)
