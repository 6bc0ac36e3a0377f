"""Versions: published, unchanging, numbered; expected answers are AWS's recorded ones."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path

from tests.unit.lambda_.conftest import Lambda
from tests.unit.lambda_.support import (
    ARN,
    CODE,
    OTHER_CODE,
    active,
    conflict,
    create,
    invalid,
    not_found,
    publish,
    refused,
)

from noria.clock import SystemClock

SHA256 = base64.b64encode(hashlib.sha256(CODE).digest()).decode()
WHO = "def handler(event, context):\n    return [context.function_version, context.invoked_function_arn]\n"


async def test_a_published_version_answers_with_its_number_and_arn(service: Lambda) -> None:
    await active(service)
    version = await publish(service)
    assert (version["Version"], version["FunctionArn"]) == ("1", f"{ARN}:1")
    assert (version["State"], version["LastUpdateStatus"]) == ("Active", "Successful")
    assert version["CodeSha256"] == SHA256
    found = await service.api.get_function(service.ctx(), function_name="f", qualifier="1")
    assert found["Configuration"] == version


async def test_publishing_changes_the_revision_of_latest_and_not_that_of_the_version(service: Lambda) -> None:
    await active(service)
    ctx = service.ctx()
    before = await service.api.get_function_configuration(ctx, function_name="f")
    version = await publish(service)
    after = await service.api.get_function_configuration(ctx, function_name="f")
    again = await service.api.get_function_configuration(ctx, function_name="f:1")
    assert len({before["RevisionId"], version["RevisionId"], after["RevisionId"]}) == 3
    assert again["RevisionId"] == version["RevisionId"]


async def test_nothing_is_published_where_nothing_has_changed(service: Lambda) -> None:
    await active(service)
    assert (await publish(service))["Version"] == "1"
    assert (await publish(service))["Version"] == "1"
    assert (await publish(service, timeout=3))["Version"] == "1"
    assert (await publish(service, timeout=5))["Version"] == "2"
    assert (await publish(service, description="another"))["Version"] == "3"
    described = await service.api.publish_version(service.ctx(), function_name="f", description="mine")
    assert (described["Version"], described["Description"]) == ("3", "another")


async def test_a_version_keeps_its_code_and_configuration(service: Lambda) -> None:
    await active(service, environment={"Variables": {"A": "1"}})
    await publish(service)
    ctx = service.ctx()
    await service.api.update_function_code(ctx, function_name="f", zip_file=OTHER_CODE)
    await service.active()
    assert await service.call("event", qualifier="1") == "event"
    assert await service.call("event") == "other"


async def test_a_wrong_code_sha256_or_revision_publishes_nothing(service: Lambda) -> None:
    await active(service)
    api, ctx = service.api, service.ctx()
    wrong = api.publish_version(ctx, function_name="f", code_sha256="somenonexistentsha256")
    assert await refused(wrong) == invalid(
        f"CodeSHA256 (somenonexistentsha256) is different from current CodeSHA256 in $LATEST ({SHA256}). "
        "Please try again with the CodeSHA256 in $LATEST."
    )
    assert await refused(api.publish_version(ctx, function_name="f", revision_id="x")) == (
        "PreconditionFailedException",
        412,
        "The Revision Id provided does not match the latest Revision Id. "
        "Call the GetFunction/GetAlias API to retrieve the latest Revision Id",
    )


async def test_create_and_update_can_publish(service: Lambda) -> None:
    created = await create(service, publish=True)
    assert (created["Version"], created["FunctionArn"], created["State"]) == ("1", ARN, "Pending")
    await service.active()
    await service.active("f:1")
    assert await service.call(1, qualifier="1") == 1
    updated = await service.api.update_function_code(
        service.ctx(), function_name="f", zip_file=OTHER_CODE, publish=True
    )
    assert (updated["Version"], updated["FunctionArn"]) == ("2", f"{ARN}:2")
    await service.active("f:2")
    assert await service.call(1, qualifier="2") == "other"


async def test_an_invocation_says_which_version_ran(service: Lambda) -> None:
    await service.create(WHO)
    await publish(service)
    answer = await service.invoke(qualifier="1", log_type="Tail")
    assert answer["ExecutedVersion"] == "1"
    assert b"Version: 1\n" in base64.b64decode(answer["LogResult"])
    assert await service.call(qualifier="1") == ["1", f"{ARN}:1"]
    assert await service.call(qualifier="$LATEST") == ["$LATEST", f"{ARN}:$LATEST"]
    assert any("/[1]" in stream for _, stream in service.logs.streams)


async def test_versions_are_listed_after_latest_in_pages(service: Lambda) -> None:
    await active(service)
    for timeout in (1, 2, 3):
        await publish(service, timeout=timeout)
    listed = []
    marker = None
    while True:
        page = await service.api.list_versions_by_function(
            service.ctx(), function_name="f", max_items=1, marker=marker
        )
        listed += [(each["Version"], each["FunctionArn"]) for each in page["Versions"]]
        marker = page.get("NextMarker")
        if not marker:
            break
    assert listed == [(number, f"{ARN}:{number}") for number in ("$LATEST", "1", "2", "3")]


async def test_functions_are_listed_with_all_their_versions_in_pages(service: Lambda) -> None:
    for name in ("a", "b"):
        await active(service, name)
        await publish(service, name)
    listed = []
    marker = None
    while True:
        page = await service.api.list_functions(
            service.ctx(), function_version="ALL", max_items=1, marker=marker
        )
        listed += [(each["FunctionName"], each["Version"]) for each in page["Functions"]]
        marker = page.get("NextMarker")
        if not marker:
            break
    assert listed == [("a", "$LATEST"), ("a", "1"), ("b", "$LATEST"), ("b", "1")]


async def test_lists_leave_out_what_changes_by_itself(service: Lambda) -> None:
    await active(service)
    (listed,) = (await service.api.list_functions(service.ctx()))["Functions"]
    assert listed.keys().isdisjoint({"State", "LastUpdateStatus", "RuntimeVersionConfig"})


async def test_a_version_can_be_deleted_unless_an_alias_names_it(service: Lambda) -> None:
    await active(service)
    await publish(service)
    await publish(service, timeout=9)
    api, ctx = service.api, service.ctx()
    await api.create_alias(ctx, function_name="f", name="live", function_version="2")
    assert await refused(api.delete_function(ctx, function_name="f", qualifier="2")) == conflict(
        "Unable to delete version because the following aliases reference it: [live]"
    )
    assert await api.delete_function(ctx, function_name="f:1") == {"StatusCode": 204}
    gone = api.get_function(ctx, function_name="f", qualifier="1")
    assert await refused(gone) == not_found(f"Function not found: {ARN}:1")
    assert (await publish(service, timeout=10))["Version"] == "3"


async def test_an_alias_is_not_deleted_as_a_version(service: Lambda) -> None:
    await active(service)
    deleted = service.api.delete_function(service.ctx(), function_name="f", qualifier="live")
    assert await refused(deleted) == invalid("Deletion of aliases is not currently supported.")


async def test_all_of_a_function_goes_with_it(service: Lambda, tmp_path: Path) -> None:
    await active(service)
    await publish(service)
    api, ctx = service.api, service.ctx()
    await api.create_alias(ctx, function_name="f", name="live", function_version="1")
    await api.delete_function(ctx, function_name="f")
    await active(service)
    assert await refused(api.get_function(ctx, function_name="f:1")) == not_found(
        f"Function not found: {ARN}:1"
    )
    assert (await api.list_aliases(ctx, function_name="f"))["Aliases"] == []
    assert (await publish(service))["Version"] == "1"


async def test_versions_survive_a_restart(service: Lambda, tmp_path: Path) -> None:
    await active(service)
    await publish(service)
    await service.api.update_function_code(service.ctx(), function_name="f", zip_file=OTHER_CODE)
    await service.active()
    await service.stop()
    again = Lambda(tmp_path, SystemClock())
    await again.start()
    assert await again.call("event", qualifier="1") == "event"
    await again.stop()
