"""Settings of functions beside their code, and the URL from which that can be fetched."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from tests.unit.lambda_.conftest import Lambda, until
from tests.unit.lambda_.support import CODE, active, create, refused

from noria.clock import ManualClock
from noria.http.types import Request, Response


async def update(service: Lambda, **members: Any) -> dict[str, Any]:
    answer: dict[str, Any] = await service.api.update_function_configuration(
        service.ctx(), function_name="f", **members
    )
    await service.active()
    return answer


async def test_settings_are_shown_as_they_were_given(service: Lambda) -> None:
    created = await create(
        service,
        ephemeral_storage={"Size": 1024},
        tracing_config={"Mode": "Active"},
        logging_config={"LogGroup": "cool_lambda"},
        snap_start={"ApplyOn": "None"},
        vpc_config={"SubnetIds": [], "SecurityGroupIds": []},
    )
    assert created["EphemeralStorage"] == {"Size": 1024}
    assert created["TracingConfig"] == {"Mode": "Active"}
    assert created["LoggingConfig"] == {"LogFormat": "Text", "LogGroup": "cool_lambda"}
    await service.active()
    updated = await update(service, ephemeral_storage={"Size": 512}, tracing_config={"Mode": "PassThrough"})
    assert updated["EphemeralStorage"] == {"Size": 512}
    assert updated["TracingConfig"] == {"Mode": "PassThrough"}
    assert updated["LoggingConfig"] == {"LogFormat": "Text", "LogGroup": "cool_lambda"}


async def test_a_function_logs_into_the_group_that_it_names(service: Lambda) -> None:
    source = "import os\ndef handler(e, c):\n    return [c.log_group_name, os.environ['_X_AMZN_TRACE_ID']]\n"
    await service.create(
        source, logging_config={"LogGroup": "cool_lambda"}, tracing_config={"Mode": "Active"}
    )
    group, trace = await service.call()
    assert group == "cool_lambda"
    assert "Sampled=1" in trace
    await until(lambda: [group for group, _ in service.logs.streams] == ["cool_lambda"], "it is written")


@pytest.mark.parametrize(
    ("members", "what"),
    [
        ({"vpc_config": {"SubnetIds": ["s"]}}, "A VpcConfig with subnets or security groups"),
    ],
)
async def test_what_would_have_no_effect_is_refused_by_name(
    service: Lambda, members: dict[str, Any], what: str
) -> None:
    code, status, text = await refused(create(service, **members))
    assert (code, status) == ("NotImplemented", 501)
    assert text == f"{what} is not supported by Noria, see docs/parity.md."


def get(url: str) -> Request:
    parts = urlsplit(url)
    return Request("GET", parts.path, parts.query, {}, b"")


async def test_the_code_can_be_fetched_for_ten_minutes(tmp_path: Path) -> None:
    clock = ManualClock()
    service = Lambda(tmp_path, clock)
    service.roles.lifetime_s = 10**9
    await service.start()
    await active(service)

    async def fetched(url: str) -> Response:
        answer = service.api.web(get(url))
        assert answer is not None
        found: Response = await answer
        return found

    url = (await service.api.get_function(service.ctx(), function_name="f"))["Code"]["Location"]
    answer = await fetched(url)
    assert (answer.status, answer.body) == (200, CODE)
    clock.advance(600)
    assert (await fetched(url)).status == 200
    clock.advance(1)
    assert (await fetched(url)).status == 403
    later = url.replace("expires=", "expires=9")
    for forged in (later, url[:-1] + ("0" if url[-1] != "0" else "1"), url.partition("?")[0]):
        assert (await fetched(forged)).status == 403
    await service.stop()
