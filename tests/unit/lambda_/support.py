"""What tests of the control plane say often."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any

import pytest
from tests.unit.lambda_.conftest import ACCOUNT, REGION, ROLE, RUNTIME, Lambda, zipped

from noria.errors import AwsError

ARN = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:f"
CODE = zipped({"app.py": "def handler(event, context):\n    return event\n"})
OTHER_CODE = zipped({"app.py": "def handler(event, context):\n    return 'other'\n"})


async def create(service: Lambda, name: str = "f", **members: Any) -> dict[str, Any]:
    """CreateFunction; the function is Pending."""
    request = {
        "runtime": RUNTIME,
        "handler": "app.handler",
        "role": ROLE,
        "code": {"ZipFile": CODE},
        **members,
    }
    answer: dict[str, Any] = await service.api.create_function(service.ctx(), function_name=name, **request)
    return answer


async def active(service: Lambda, name: str = "f", **members: Any) -> None:
    await create(service, name, **members)
    await service.active(name)


async def publish(service: Lambda, name: str = "f", **changes: Any) -> dict[str, Any]:
    """PublishVersion, after a change of the configuration if there is one."""
    if changes:
        await service.api.update_function_configuration(service.ctx(), function_name=name, **changes)
        await service.active(name)
    answer: dict[str, Any] = await service.api.publish_version(service.ctx(), function_name=name)
    return answer


async def refused(awaitable: Awaitable[Any]) -> tuple[str, int, str]:
    """(code, status, message) of the AwsError that it raises."""
    with pytest.raises(AwsError) as caught:
        await awaitable
    return caught.value.code, caught.value.status, caught.value.message


def not_found(text: str) -> tuple[str, int, str]:
    return "ResourceNotFoundException", 404, text


def invalid(text: str) -> tuple[str, int, str]:
    return "InvalidParameterValueException", 400, text


def conflict(text: str) -> tuple[str, int, str]:
    return "ResourceConflictException", 409, text
