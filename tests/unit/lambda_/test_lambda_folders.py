"""`noria dev`: a function runs from a folder of its owner's, whose changes are in force at once."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from tests.unit.lambda_.conftest import Lambda, until

from noria.errors import AwsError
from noria.services.lambda_ import folders

DEPLOYED = "def handler(event, context):\n    return 'deployed'\n"


def write(folder: Path, answer: str) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "app.py").write_text(f"def handler(event, context):\n    return {answer}\n")
    return folder


async def use(service: Lambda, folder: Path | str, **members: Any) -> dict[str, Any]:
    body = json.dumps({"function": "f", "folder": str(folder), **members}).encode()
    answer: dict[str, Any] = await service.api.development.use_folder(service.ctx(), body)
    return answer


async def leave(service: Lambda) -> dict[str, Any]:
    answer: dict[str, Any] = await service.api.development.leave_folder(service.ctx(), b'{"function": "f"}')
    return answer


async def test_a_folder_is_in_force_until_it_is_left_in_every_isolation(
    isolated: Lambda, tmp_path: Path
) -> None:
    await isolated.create(DEPLOYED)
    assert await isolated.call() == "deployed"
    folder = write(tmp_path / "work", "'first'")
    assert (await use(isolated, folder))["changes"] == 0
    assert await isolated.call() == "first"
    write(folder, "'second'")
    assert (await use(isolated, folder, changed=True))["changes"] == 1
    assert await isolated.call() == "second"
    assert await leave(isolated) == {"ended": True}
    assert await isolated.call() == "deployed"
    assert await leave(isolated) == {"ended": False}


async def test_an_unchanged_folder_keeps_its_environments(service: Lambda, tmp_path: Path) -> None:
    await service.create(DEPLOYED)
    folder = write(tmp_path / "work", "__import__('os').environ['AWS_LAMBDA_LOG_STREAM_NAME']")
    await use(service, folder)
    first = await service.call()
    await use(service, folder)
    assert await service.call() == first
    await use(service, folder, changed=True)
    assert await service.call() != first


async def test_a_folder_that_nobody_speaks_of_any_more_is_left(
    service: Lambda, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever used it was killed."""
    monkeypatch.setattr(folders, "LEASE_S", 0.05)
    await service.create(DEPLOYED)
    await use(service, write(tmp_path / "work", "'folder'"))
    await until(lambda: service.api.development.is_idle, "its lease ends")
    assert await service.call() == "deployed"


async def test_the_configuration_is_still_the_functions(service: Lambda, tmp_path: Path) -> None:
    await service.create(DEPLOYED)
    await use(service, write(tmp_path / "work", "__import__('os').environ.get('COLOUR')"))
    assert await service.call() is None
    await service.api.update_function_configuration(
        service.ctx(), function_name="f", environment={"Variables": {"COLOUR": "red"}}
    )
    await service.active()
    assert await service.call() == "red"


async def test_published_versions_run_their_own_code(service: Lambda, tmp_path: Path) -> None:
    await service.create(DEPLOYED, publish=True)
    await use(service, write(tmp_path / "work", "'folder'"))
    assert await service.call(qualifier="1") == "deployed"
    assert await service.call(qualifier="$LATEST") == "folder"


async def test_a_running_invocation_ends_with_the_code_it_began_with(service: Lambda, tmp_path: Path) -> None:
    await service.create(DEPLOYED)
    slow = "[print('begun', flush=True), __import__('time').sleep(0.3), 'old'][2]"
    folder = write(tmp_path / "work", slow)
    await use(service, folder)
    running = asyncio.create_task(service.call())
    await until(lambda: "begun\n" in service.logs.lines("f"), "it runs")
    write(folder, "'new'")
    await use(service, folder, changed=True)
    assert await service.call() == "new"
    assert await running == "old"


@pytest.mark.parametrize("folder", ["relative", "/nowhere/at/all"])
async def test_what_is_no_folder_is_refused(service: Lambda, folder: str) -> None:
    await service.create(DEPLOYED)
    with pytest.raises(AwsError, match="is no directory of this machine"):
        await use(service, folder)
    assert await service.call() == "deployed"


async def test_a_function_that_is_not_there_is_refused(service: Lambda, tmp_path: Path) -> None:
    with pytest.raises(AwsError, match=r"Function not found: arn:.*:function:f"):
        await use(service, tmp_path)
