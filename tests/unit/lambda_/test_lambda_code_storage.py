"""75 GB of code: what would go beyond is refused, wherever it comes from."""

from __future__ import annotations

import pytest
from tests.unit.lambda_.conftest import Lambda
from tests.unit.lambda_.support import CODE, OTHER_CODE, active, create, refused

from noria.services.lambda_ import core

EXCEEDED = ("CodeStorageExceededException", 400, "Code storage limit exceeded.")


def limit(monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    monkeypatch.setattr(core, "TOTAL_CODE_BYTES", size)


async def test_of_functions_versions_and_layers(service: Lambda, monkeypatch: pytest.MonkeyPatch) -> None:
    api, ctx = service.api, service.ctx()
    await active(service)
    limit(monkeypatch, len(CODE))
    assert await refused(create(service, "g")) == EXCEEDED
    assert await refused(api.publish_version(ctx, function_name="f")) == EXCEEDED
    layer = api.publish_layer_version(ctx, layer_name="l", content={"ZipFile": CODE})
    assert await refused(layer) == EXCEEDED
    larger = api.update_function_code(ctx, function_name="f", zip_file=OTHER_CODE)
    assert len(OTHER_CODE) > len(CODE)
    assert await refused(larger) == EXCEEDED
    assert await service.call({"a": 1}) == {"a": 1}


async def test_what_is_replaced_makes_room(service: Lambda, monkeypatch: pytest.MonkeyPatch) -> None:
    api, ctx = service.api, service.ctx()
    await active(service)
    limit(monkeypatch, len(OTHER_CODE))
    published = api.update_function_code(ctx, function_name="f", zip_file=OTHER_CODE, publish=True)
    assert await refused(published) == EXCEEDED
    await api.update_function_code(ctx, function_name="f", zip_file=OTHER_CODE)
    await service.active()
    assert await service.call() == "other"
    settings = await api.get_account_settings(ctx)
    assert settings["AccountUsage"]["TotalCodeSize"] == len(OTHER_CODE)
