"""Layers: published, used, permitted; expected answers are AWS's recorded ones."""

from __future__ import annotations

import base64
import hashlib
import json
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.unit.lambda_.conftest import ACCOUNT, REGION, Lambda, zipped
from tests.unit.lambda_.support import active, conflict, create, invalid, not_found, refused

from noria.clock import SystemClock
from noria.services.lambda_.resources import FunctionResources

LAYER = f"arn:aws:lambda:{REGION}:{ACCOUNT}:layer:lib"
CONTENT = zipped({"python/lib_of_layer.py": "WHO = 'one'\n", "bin/tool": "#!/bin/sh\n", "data/a": "a"})
VERSION = f"python{sys.version_info.major}.{sys.version_info.minor}"
USING = """
import os, sys, lib_of_layer
def handler(event, context):
    opt = [path for path in os.environ["PATH"].split(":") if path.endswith("/bin")][-1][:-4]
    data = sorted(os.listdir(opt + "/data"))
    return [lib_of_layer.WHO, data, [open(f"{opt}/data/{name}").read() for name in data]]
"""


async def publish(
    service: Lambda, content: bytes = CONTENT, name: str = "lib", **members: Any
) -> dict[str, Any]:
    answer: dict[str, Any] = await service.api.publish_layer_version(
        service.ctx(), layer_name=name, content={"ZipFile": content}, **members
    )
    return answer


async def test_a_layer_version_answers_as_awss(service: Lambda) -> None:
    published = await publish(
        service,
        description="d",
        license_info="MIT",
        compatible_runtimes=["python3.12"],
        compatible_architectures=["x86_64"],
    )
    assert published["CreatedDate"].endswith("+0000")
    location = published["Content"].pop("Location")
    assert location.startswith("/_noria/code/")
    del published["CreatedDate"]
    assert published == {
        "CompatibleArchitectures": ["x86_64"],
        "CompatibleRuntimes": ["python3.12"],
        "Content": {
            "CodeSha256": base64.b64encode(hashlib.sha256(CONTENT).digest()).decode(),
            "CodeSize": len(CONTENT),
        },
        "Description": "d",
        "LayerArn": LAYER,
        "LayerVersionArn": f"{LAYER}:1",
        "LicenseInfo": "MIT",
        "Version": 1,
    }
    for found in (
        await service.api.get_layer_version(service.ctx(), layer_name="lib", version_number=1),
        await service.api.get_layer_version(service.ctx(), layer_name=LAYER, version_number=1),
        await service.api.get_layer_version_by_arn(service.ctx(), arn=f"{LAYER}:1"),
    ):
        assert (found["LayerVersionArn"], found["LicenseInfo"]) == (f"{LAYER}:1", "MIT")


async def test_versions_are_listed_newest_first_and_numbers_are_not_used_again(service: Lambda) -> None:
    api, ctx = service.api, service.ctx()
    await publish(service, compatible_runtimes=["python3.12"])
    await publish(service)

    async def versions(**members: Any) -> list[int]:
        listed = await api.list_layer_versions(ctx, layer_name="lib", **members)
        return [each["Version"] for each in listed["LayerVersions"]]

    assert await versions() == [2, 1]
    assert await versions(compatible_runtime="python3.12") == [1]
    assert await versions(compatible_architecture="arm64") == []
    first = await api.list_layer_versions(ctx, layer_name="lib", max_items=1)
    assert await versions(marker=first["NextMarker"]) == [1]
    for number in (1, 2):
        await api.delete_layer_version(ctx, layer_name="lib", version_number=number)
    await api.delete_layer_version(ctx, layer_name="lib", version_number=2)
    assert await versions() == []
    gone = api.get_layer_version(ctx, layer_name="lib", version_number=1)
    assert await refused(gone) == not_found("The resource you requested does not exist.")
    assert (await publish(service))["Version"] == 3


async def test_layers_are_listed_with_their_newest_version(service: Lambda) -> None:
    for name in ("b", "a", "b"):
        await publish(service, name=name)
    listed = await service.api.list_layers(service.ctx())
    assert [(each["LayerName"], each["LatestMatchingVersion"]["Version"]) for each in listed["Layers"]] == [
        ("a", 1),
        ("b", 2),
    ]
    first = await service.api.list_layers(service.ctx(), max_items=1)
    rest = await service.api.list_layers(service.ctx(), marker=first["NextMarker"])
    assert [each["LayerName"] for each in rest["Layers"]] == ["b"]


async def test_a_function_finds_its_layers_where_aws_puts_them(isolated: Lambda) -> None:
    await publish(isolated)
    site = f"python/lib/{VERSION}/site-packages/lib_of_layer.py"
    other = zipped({site: "WHO = 'other'\n", "data/a": "A", "data/b": "B"})
    await publish(isolated, other, name="other")
    await isolated.create(USING, layers=[f"{LAYER}:1"])
    assert await isolated.call() == ["one", ["a"], ["a"]]
    both = [f"{LAYER}:1", LAYER.removesuffix("lib") + "other:1"]
    updated = await isolated.api.update_function_configuration(isolated.ctx(), function_name="f", layers=both)
    assert [layer["Arn"] for layer in updated["Layers"]] == both
    assert updated["Layers"][0]["CodeSize"] == len(CONTENT)
    await isolated.active()
    assert await isolated.call() == ["other", ["a", "b"], ["A", "B"]]


async def test_the_functions_own_modules_come_first(service: Lambda) -> None:
    await publish(service)
    own = {"app.py": USING, "lib_of_layer.py": "WHO = 'own'\n"}
    await service.create(own, layers=[f"{LAYER}:1"])
    assert (await service.call())[0] == "own"


async def test_a_function_keeps_a_layer_that_is_deleted(service: Lambda, tmp_path: Path) -> None:
    await publish(service)
    await publish(service, zipped({"data/b": "b"}), name="other")
    both = [f"{LAYER}:1", LAYER.removesuffix("lib") + "other:1"]
    await service.create(USING, layers=both)
    for name in ("lib", "other"):
        await service.api.delete_layer_version(service.ctx(), layer_name=name, version_number=1)
    assert await service.call() == ["one", ["a", "b"], ["a", "b"]]
    await service.stop()
    again = Lambda(tmp_path, SystemClock())
    await again.start()
    assert await again.call() == ["one", ["a", "b"], ["a", "b"]]
    await again.api.delete_function(again.ctx(), function_name="f")
    await again.stop()
    assert list((tmp_path / "code").iterdir()) == []


async def test_a_layer_survives_the_server(service: Lambda, tmp_path: Path) -> None:
    await publish(service)
    await service.stop()
    again = Lambda(tmp_path, SystemClock())
    await again.start()
    await again.create(USING, layers=[f"{LAYER}:1"])
    assert (await again.call())[0] == "one"
    await again.stop()


async def test_what_layers_a_function_cannot_have(service: Lambda) -> None:
    six = [f"{LAYER}{number}:1" for number in range(6)]
    assert await refused(create(service, layers=six)) == invalid("Cannot reference more than 5 layers.")
    missing = f"{LAYER}:1"
    assert await refused(create(service, layers=[missing])) == invalid(
        f"Layer version {missing} does not exist."
    )
    await publish(service)
    await publish(service)
    assert await refused(create(service, layers=[f"{LAYER}:1", f"{LAYER}:2"])) == invalid(
        "Two different versions of the same layer are not allowed to be referenced in the same function. "
        f"{LAYER}:2 and {LAYER}:1 are versions of the same layer."
    )
    service.permissions.denied.add("lambda:GetLayerVersion")
    assert (await refused(create(service, layers=[f"{LAYER}:1"])))[:2] == ("AccessDeniedException", 403)


async def test_code_and_layers_together_have_a_limit(
    service: Lambda, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    await publish(service)
    monkeypatch.setattr("noria.services.lambda_.api.UNZIPPED_BYTES", 60)
    code, status, text = await refused(create(service, layers=[f"{LAYER}:1"]))
    assert (code, status) == ("InvalidParameterValueException", 400)
    assert text.startswith("Function code combined with layers exceeds the maximum allowed size of 60 bytes.")
    assert len(list((tmp_path / "code").iterdir())) == 1


async def test_layer_permissions(service: Lambda) -> None:
    api, ctx = service.api, service.ctx()
    await publish(service)
    version = {"layer_name": "lib", "version_number": 1}
    statement = {"statement_id": "s1", "action": "lambda:GetLayerVersion", "principal": "*"}
    nothing = not_found("No policy is associated with the given resource.")
    assert await refused(api.get_layer_version_policy(ctx, **version)) == nothing
    added = await api.add_layer_version_permission(ctx, **version, **statement)
    assert json.loads(added["Statement"]) == {
        "Action": "lambda:GetLayerVersion",
        "Effect": "Allow",
        "Principal": "*",
        "Resource": f"{LAYER}:1",
        "Sid": "s1",
    }
    found = await api.get_layer_version_policy(ctx, **version)
    assert found["RevisionId"] == added["RevisionId"]
    assert [each["Sid"] for each in json.loads(found["Policy"])["Statement"]] == ["s1"]
    seen = await FunctionResources(service.store.records).resource(f"{LAYER}:1")
    assert seen is not None
    assert seen.policy is not None
    assert await refused(api.add_layer_version_permission(ctx, **version, **statement)) == conflict(
        "The statement id (s1) provided already exists. Please provide a new statement id, or remove the "
        "existing statement."
    )
    stale = (
        "PreconditionFailedException",
        412,
        "The Revision Id provided does not match the latest Revision Id. "
        "Call the GetLayerPolicy API to retrieve the latest Revision Id",
    )
    again = {**statement, "statement_id": "s2", "revision_id": "x"}
    assert await refused(api.add_layer_version_permission(ctx, **version, **again)) == stale
    remove = {**version, "statement_id": "s1"}
    assert await refused(api.remove_layer_version_permission(ctx, **remove, revision_id="x")) == stale
    missing = api.remove_layer_version_permission(ctx, **version, statement_id="doesnotexist")
    assert await refused(missing) == not_found("Statement doesnotexist is not found in resource policy.")
    await api.remove_layer_version_permission(ctx, **remove)
    assert await refused(api.get_layer_version_policy(ctx, **version)) == nothing
    for call in (
        api.get_layer_version_policy(ctx, layer_name="lib", version_number=2),
        api.remove_layer_version_permission(ctx, layer_name="lib", version_number=2, statement_id="s1"),
        api.add_layer_version_permission(ctx, layer_name="lib", version_number=2, **statement),
    ):
        assert await refused(call) == not_found(f"Layer version {LAYER}:2 does not exist.")


async def test_reset_removes_layers(service: Lambda, tmp_path: Path) -> None:
    await publish(service)
    await active(service, layers=[f"{LAYER}:1"])
    await service.api.reset(ACCOUNT)
    assert (await service.api.list_layers(service.ctx()))["Layers"] == []
    assert list((tmp_path / "code").iterdir()) == []
