"""The control plane of functions: shapes, states, names, limits, AWS's errors."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from tests.unit.lambda_.conftest import ACCOUNT, REGION, ROLE, RUNTIME, Lambda, zipped
from tests.unit.lambda_.support import ARN, CODE, create, refused

from noria.clock import SystemClock
from noria.services.lambda_ import runtimes
from noria.services.lambda_.runtime_table import RUNTIMES

OTHER = "python3.9" if RUNTIME != "python3.9" else "python3.14"
UUID = r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"


@pytest.fixture
async def strict(tmp_path: Path) -> AsyncIterator[Lambda]:
    service = Lambda(tmp_path, SystemClock(), strict_runtimes=True)
    await service.start()
    yield service
    await service.stop()


async def test_a_created_function_answers_as_awss(service: Lambda) -> None:
    created = await create(service, description="d", environment={"Variables": {"A": "b"}}, timeout=5)
    assert re.fullmatch(UUID, created.pop("RevisionId"))
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+0000", created.pop("LastModified"))
    runtime_arn = created.pop("RuntimeVersionConfig")["RuntimeVersionArn"]
    assert re.fullmatch(rf"arn:aws:lambda:{REGION}::runtime:[0-9a-f]{{64}}", runtime_arn)
    assert created == {
        "Architectures": ["x86_64"],
        "CodeSha256": base64.b64encode(hashlib.sha256(CODE).digest()).decode(),
        "CodeSize": len(CODE),
        "Description": "d",
        "Environment": {"Variables": {"A": "b"}},
        "EphemeralStorage": {"Size": 512},
        "FunctionArn": ARN,
        "FunctionName": "f",
        "Handler": "app.handler",
        "LoggingConfig": {"LogFormat": "Text", "LogGroup": "/aws/lambda/f"},
        "MemorySize": 128,
        "PackageType": "Zip",
        "Role": ROLE,
        "Runtime": RUNTIME,
        "SnapStart": {"ApplyOn": "None", "OptimizationStatus": "Off"},
        "State": "Pending",
        "StateReason": "The function is being created.",
        "StateReasonCode": "Creating",
        "Timeout": 5,
        "TracingConfig": {"Mode": "PassThrough"},
        "Version": "$LATEST",
    }


async def test_a_function_becomes_active(service: Lambda) -> None:
    created = await create(service)
    await service.active()
    found = await service.api.get_function(service.ctx(), function_name="f")
    configuration = found["Configuration"]
    assert found["Code"]["RepositoryType"] == "S3"
    assert (configuration["State"], configuration["LastUpdateStatus"]) == ("Active", "Successful")
    assert "StateReason" not in configuration
    assert configuration["RevisionId"] != created["RevisionId"]


async def test_a_pending_function_cannot_be_invoked_or_updated(service: Lambda) -> None:
    await create(service)
    refusal = (
        "ResourceConflictException",
        409,
        "The operation cannot be performed at this time. "
        "The function is currently in the following state: Pending",
    )
    assert await refused(service.invoke()) == refusal
    update = service.api.update_function_configuration(service.ctx(), function_name="f", timeout=4)
    assert await refused(update) == refusal


async def test_a_function_that_was_pending_at_a_crash_becomes_active(service: Lambda, tmp_path: Path) -> None:
    await create(service)
    await service.stop()
    again = Lambda(tmp_path, SystemClock())
    await again.start()
    await again.active()
    assert await again.call(1) == 1
    await again.stop()


async def test_an_update_is_in_progress_and_then_successful(service: Lambda) -> None:
    await create(service)
    await service.active()
    code = zipped({"app.py": "def handler(e, c):\n    return 2\n"})
    answer = await service.api.update_function_code(service.ctx(), function_name="f", zip_file=code)
    assert (answer["State"], answer["LastUpdateStatus"]) == ("Active", "InProgress")
    assert answer["LastUpdateStatusReason"] == "The function is being created."
    assert answer["LastUpdateStatusReasonCode"] == "Creating"
    assert answer["CodeSha256"] == base64.b64encode(hashlib.sha256(code).digest()).decode()
    update = service.api.update_function_configuration(service.ctx(), function_name="f", timeout=4)
    assert await refused(update) == (
        "ResourceConflictException",
        409,
        f"The operation cannot be performed at this time. An update is in progress for resource: {ARN}",
    )
    await service.active()


async def test_configuration_is_changed_member_by_member(service: Lambda) -> None:
    await create(service, description="first", environment={"Variables": {"A": "b"}})
    await service.active()
    await service.api.update_function_configuration(
        service.ctx(), function_name="f", timeout=9, memory_size=512, description=""
    )
    await service.active()
    found = await service.api.get_function_configuration(service.ctx(), function_name="f")
    assert (found["Timeout"], found["MemorySize"], found["Description"]) == (9, 512, "")
    assert found["Environment"] == {"Variables": {"A": "b"}}
    await service.api.update_function_configuration(
        service.ctx(), function_name="f", environment={"Variables": {}}
    )
    await service.active()
    found = await service.api.get_function_configuration(service.ctx(), function_name="f")
    assert found["Environment"] == {"Variables": {}}


async def test_an_old_revision_is_not_updated(service: Lambda) -> None:
    created = await create(service)
    await service.active()
    update = service.api.update_function_code(
        service.ctx(), function_name="f", zip_file=CODE, revision_id=created["RevisionId"]
    )
    assert await refused(update) == (
        "PreconditionFailedException",
        412,
        "The Revision Id provided does not match the latest Revision Id. "
        "Call the GetFunction/GetAlias API to retrieve the latest Revision Id",
    )


async def test_a_dry_run_of_an_update_changes_nothing(service: Lambda) -> None:
    await create(service)
    await service.active()
    before = await service.api.get_function_configuration(service.ctx(), function_name="f")
    code = zipped({"other.py": ""})
    answer = await service.api.update_function_code(
        service.ctx(), function_name="f", zip_file=code, dry_run=True
    )
    assert answer["CodeSize"] == len(code)
    assert await service.api.get_function_configuration(service.ctx(), function_name="f") == before


async def test_a_name_is_taken_once(service: Lambda) -> None:
    await create(service)
    assert await refused(create(service)) == (
        "ResourceConflictException",
        409,
        "Function already exist: f",
    )


@pytest.mark.parametrize(
    "name", ["f", f"{ACCOUNT}:f", f"{ACCOUNT}:function:f", "function:f", ARN, f"{ARN}:$LATEST", "f:$LATEST"]
)
async def test_every_form_of_its_name_finds_a_function(service: Lambda, name: str) -> None:
    await create(service)
    found = await service.api.get_function_configuration(service.ctx(), function_name=name)
    assert found["FunctionArn"] == (f"{ARN}:$LATEST" if name.endswith("$LATEST") else ARN)


async def test_what_is_not_there_is_not_found(service: Lambda) -> None:
    api, ctx = service.api, service.ctx()
    for call in (
        api.get_function(ctx, function_name="f"),
        api.get_function_configuration(ctx, function_name="f"),
        api.delete_function(ctx, function_name="f"),
        api.update_function_code(ctx, function_name="f", zip_file=CODE),
        api.update_function_configuration(ctx, function_name="f", timeout=4),
    ):
        assert await refused(call) == ("ResourceNotFoundException", 404, f"Function not found: {ARN}")
    assert await refused(api.invoke(ctx, function_name="f", payload=b"{}")) == (
        "ResourceNotFoundException",
        404,
        f"Function not found: {ARN}:$LATEST",
    )
    await create(service)
    await service.active()
    for call in (
        api.get_function(ctx, function_name="f", qualifier="1"),
        api.invoke(ctx, function_name="f:1", payload=b"{}"),
    ):
        assert await refused(call) == ("ResourceNotFoundException", 404, f"Function not found: {ARN}:1")


async def test_other_regions_and_accounts_are_out_of_reach(service: Lambda) -> None:
    api, ctx = service.api, service.ctx()
    there = ARN.replace(REGION, "ap-southeast-1")
    assert await refused(api.get_function(ctx, function_name=there)) == (
        "ResourceNotFoundException",
        404,
        f"Functions from 'ap-southeast-1' are not reachable in this region ('{REGION}')",
    )
    theirs = ARN.replace(ACCOUNT, "999999999999")
    assert (await refused(create(service, theirs)))[:2] == ("AccessDeniedException", 403)
    await create(service)
    assert (await refused(api.get_function(service.ctx("eu-west-1"), function_name="f")))[1] == 404


async def test_two_qualifiers_have_to_agree(service: Lambda) -> None:
    call = service.api.get_function(service.ctx(), function_name="f:$LATEST", qualifier="1")
    assert await refused(call) == (
        "InvalidParameterValueException",
        400,
        "The derived qualifier from the function name does not match the specified qualifier.",
    )


async def test_a_name_has_64_characters_at_most(service: Lambda) -> None:
    name = "a" * 65
    assert await refused(create(service, name)) == (
        "InvalidParameterValueException",
        400,
        f"1 validation error detected: Value '{name}' at 'functionName' failed to satisfy constraint: "
        "Member must have length less than or equal to 64",
    )


async def test_the_caller_must_be_allowed_to_pass_the_role_to_lambda(service: Lambda) -> None:
    service.permissions.denied.add("iam:PassRole")
    assert (await refused(create(service)))[0] == "AccessDeniedException"
    assert service.permissions.required == [
        (
            "iam:PassRole",
            ROLE,
            {
                "iam:PassedToService": "lambda.amazonaws.com",
                "iam:AssociatedResourceArn": "arn:aws:lambda:us-west-1:111122223333:function:f",
            },
        )
    ]


async def test_the_role_must_trust_lambda(service: Lambda) -> None:
    refusal = (
        "InvalidParameterValueException",
        400,
        "The role defined for the function cannot be assumed by Lambda.",
    )
    other = ROLE.replace("Activity25Role", "Other")
    service.roles.distrusting.add(other)
    assert await refused(create(service, role=other)) == refusal
    await create(service)
    await service.active()
    update = service.api.update_function_configuration(service.ctx(), function_name="f", role=other)
    assert await refused(update) == refusal


async def test_functions_are_listed_in_pages(service: Lambda) -> None:
    for name in ("b", "a", "c"):
        await create(service, name)
    first = await service.api.list_functions(service.ctx(), max_items=2)
    assert [each["FunctionName"] for each in first["Functions"]] == ["a", "b"]
    second = await service.api.list_functions(service.ctx(), max_items=2, marker=first["NextMarker"])
    assert [each["FunctionName"] for each in second["Functions"]] == ["c"]
    assert second["NextMarker"] is None
    assert (await service.api.list_functions(service.ctx("eu-west-1")))["Functions"] == []
    assert (await refused(service.api.list_functions(service.ctx(), marker="é")))[1] == 400


async def test_deleting_a_function_removes_its_code(service: Lambda, tmp_path: Path) -> None:
    await create(service)
    await service.active()
    await service.call()
    assert await service.api.delete_function(service.ctx(), function_name="f") == {"StatusCode": 204}
    await service.api._control.stop()
    assert list((tmp_path / "code").iterdir()) == []
    latest = service.api.delete_function(service.ctx(), function_name="f", qualifier="$LATEST")
    assert (await refused(latest))[2] == ("$LATEST version cannot be deleted without deleting the function.")


async def test_tags_are_shown(service: Lambda) -> None:
    await create(service, tags={"team": "x"})
    assert (await service.api.get_function(service.ctx(), function_name="f"))["Tags"] == {"team": "x"}
    many = {str(n): "" for n in range(51)}
    assert (await refused(create(service, "g", tags=many)))[2] == "Number of tags exceeds resource tag limit."


async def test_an_environment_has_4_kb_at_most(service: Lambda) -> None:
    fits = {"A": "x" * (4096 - len('{"A":""}'))}
    await create(service, environment={"Variables": fits})
    too_large = {"A": fits["A"] + "x"}
    assert await refused(create(service, "g", environment={"Variables": too_large})) == (
        "InvalidParameterValueException",
        400,
        "Lambda was unable to configure your environment variables because the environment variables "
        f'you have provided exceeded the 4KB limit. String measured: {{"A":"{too_large["A"]}"}}',
    )


async def test_reserved_variables_are_refused_by_name(service: Lambda) -> None:
    variables = {"AWS_REGION": "x", "OK": "y", "_HANDLER": "z"}
    assert (await refused(create(service, environment={"Variables": variables})))[2] == (
        "Lambda was unable to configure your environment variables because the environment variables "
        "you have provided contains reserved keys that are currently not supported for modification. "
        "Reserved keys used in this request: AWS_REGION, _HANDLER"
    )


async def test_a_runtime_that_aws_does_not_have_is_answered_as_aws_does(service: Lambda) -> None:
    assert await refused(create(service, runtime="PYTHON3.9")) == (
        "InvalidParameterValueException",
        400,
        "Value PYTHON3.9 at 'runtime' failed to satisfy constraint: Member must satisfy enum value set: "
        "[nodejs20.x, python3.14, provided.al2023, python3.12, python3.13, nodejs24.x, nodejs22.x, java25, "
        "python3.10, python3.11, java21, ruby3.3, ruby3.4, ruby3.2, python3.8, python3.9, java17, "
        "nodejs16.x, dotnet10, dotnet8, java11, dotnet6, nodejs18.x, provided.al2, java8.al2] "
        "or be a valid ARN",
    )


@pytest.mark.parametrize(
    ("members", "what"),
    [
        ({"runtime": "java21"}, "The runtime java21"),
        ({"package_type": "Image"}, "CreateFunction's PackageType Image"),
        ({"code": {"S3Bucket": "b", "S3Key": "k"}}, "CreateFunction's Code.S3Bucket"),
    ],
)
async def test_what_is_not_supported_is_refused_by_name(
    service: Lambda, members: dict[str, Any], what: str
) -> None:
    code, status, text = await refused(create(service, **members))
    assert (code, status) == ("NotImplemented", 501)
    assert text == f"{what} is not supported by Noria, see docs/parity.md."


async def test_limits_of_time_and_memory(service: Lambda) -> None:
    assert (await refused(create(service, timeout=901)))[2].endswith("less than or equal to 900")
    assert (await refused(create(service, memory_size=10_241)))[2].endswith("less than or equal to 10240")


async def test_strict_runtimes_refuse_what_they_cannot_run_exactly(
    strict: Lambda, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runtimes, "find_interpreter", lambda version: None)
    await create(strict)
    code, status, text = await refused(create(strict, "g", runtime=OTHER))
    assert (code, status) == ("InvalidParameterValueException", 400)
    assert text.startswith(f"There is no Python {OTHER.removeprefix('python')} on this machine: ")


async def test_reset_removes_an_accounts_functions(service: Lambda, tmp_path: Path) -> None:
    await create(service)
    await service.active()
    await service.call()
    await service.api.reset("999999999999")
    assert await service.call(1) == 1
    await service.api.reset(ACCOUNT)
    assert (await service.api.list_functions(service.ctx()))["Functions"] == []
    assert list((tmp_path / "code").iterdir()) == []


async def test_the_port_for_the_trigger(service: Lambda) -> None:
    functions = service.api.functions
    assert not await functions.exists(ARN)
    assert await functions.role_arn(ARN) is None
    assert (await refused(functions.invoke(ARN, b"{}")))[0] == "ResourceNotFoundException"
    await service.create("def handler(event, context):\n    return event['Records'][9]\n")
    assert await functions.exists(ARN)
    assert await functions.role_arn(ARN) == ROLE
    failed = await functions.invoke(ARN, b'{"Records": []}')
    assert failed.function_error == "Unhandled"
    assert b"IndexError" in failed.payload
    fine = await functions.invoke(ARN, b'{"Records": [0,1,2,3,4,5,6,7,8,"nine"]}')
    assert (fine.function_error, fine.payload) == ("", b'"nine"')
    assert functions.environments(ARN) == 1
    listed = {row["runtime"] for row in await functions.runtimes()}
    assert listed == set(RUNTIMES)
