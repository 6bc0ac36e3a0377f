"""A function, its versions and aliases, as the store keeps them and as answers show them."""

from __future__ import annotations

import hashlib
import time
from typing import Any, Literal

import msgspec

LATEST = "$LATEST"
EPHEMERAL_STORAGE_MB = 512

State = Literal["Pending", "Active", "Failed"]
UpdateStatus = Literal["InProgress", "Successful", "Failed"]
RecursiveLoop = Literal["Allow", "Terminate"]


class LayerUse(msgspec.Struct, frozen=True):
    """A layer version of a function. code_sha256: of its zip, in hex."""

    arn: str
    code_sha256: str
    code_size_bytes: int


class Logging(msgspec.Struct, frozen=True, omit_defaults=True):
    """LoggingConfig. Levels: of format JSON only. group: "" for the one that has the function's name."""

    format: Literal["Text", "JSON"] = "Text"
    application_level: str = ""
    system_level: str = ""
    group: str = ""


class Shared(msgspec.Struct, frozen=True, omit_defaults=True):
    """What all versions of a function share; kept with $LATEST, and empty in the others.

    versions: how many were ever published; numbers are not used again.
    """

    versions: int = 0
    recursive_loop: RecursiveLoop = "Terminate"
    code_signing_config_arn: str = ""


class Function(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One version, of which $LATEST is the one that changes.

    code_sha256: of the zip, in hex; it names the package in the code directory.
    environment: None where the request had none; answers then leave the member out, as AWS's do.
    update_status: None until Active. build_id: changes whenever environments have to be new ones.
    state_reason: why state or update_status is Failed. runtime_updates: RuntimeManagementConfig.
    isolates_tenants: TenancyConfig, an environment is one tenant's.
    source_description: of a published version, what $LATEST's description was then.
    """

    account: str
    region: str
    name: str
    version: str = LATEST
    runtime: str
    role: str
    handler: str
    description: str = ""
    source_description: str = ""
    timeout_s: int = 3
    memory_size_mb: int = 128
    environment: dict[str, str] | None = None
    tags: dict[str, str] = {}
    architecture: str = "x86_64"
    layers: list[LayerUse] = []
    ephemeral_storage_mb: int = EPHEMERAL_STORAGE_MB
    logging: Logging = Logging()
    isolates_tenants: bool = False
    tracing_mode: Literal["PassThrough", "Active"] = "PassThrough"
    dead_letter_arn: str = ""
    snap_start: bool = False
    runtime_updates: Literal["Auto", "FunctionUpdate", "Manual"] = "Auto"
    shared: Shared = Shared()
    code_sha256: str
    code_size_bytes: int
    last_modified_ms: int
    revision_id: str
    build_id: str
    state: State = "Pending"
    update_status: UpdateStatus | None = None
    state_reason: str = ""

    @property
    def arn(self) -> str:
        """Of the function, whatever the version."""
        return function_arn(self.account, self.region, self.name)

    @property
    def version_arn(self) -> str:
        """Of this version, ``$LATEST`` included."""
        return function_arn(self.account, self.region, self.name, self.version)

    @property
    def is_snapshot(self) -> bool:
        """Whether its environments are restored from a snapshot: those of published versions."""
        return self.snap_start and self.version != LATEST

    @property
    def log_group(self) -> str:
        return self.logging.group or f"/aws/lambda/{self.name}"


class Reservations(msgspec.Struct, frozen=True):
    """The concurrency that functions of an account in a region have reserved, by their names."""

    functions: dict[str, int] = {}

    @property
    def total(self) -> int:
        return sum(self.functions.values())


class Alias(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A name of a version. weights: versions and the shares of invocations that they get instead."""

    account: str
    region: str
    function: str
    name: str
    version: str
    description: str = ""
    weights: dict[str, float] = {}
    revision_id: str

    @property
    def arn(self) -> str:
        return function_arn(self.account, self.region, self.function, self.name)


def function_arn(account: str, region: str, name: str, qualifier: str = "") -> str:
    suffix = f":{qualifier}" if qualifier else ""
    return f"arn:aws:lambda:{region}:{account}:function:{name}{suffix}"


def timestamp(ms: int) -> str:
    """LastModified's form, e.g. ``2025-03-01T10:00:00.000+0000``."""
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(ms // 1000))}.{ms % 1000:03d}+0000"


def base64_sha256(hex_digest: str) -> str:
    """CodeSha256's form of the digest."""
    import base64

    return base64.b64encode(bytes.fromhex(hex_digest)).decode()


def runtime_version_arn(region: str, runtime: str) -> str:
    """AWS's arn names a build of the runtime by a digest; ours stands for the runtime's name."""
    return f"arn:aws:lambda:{region}::runtime:{hashlib.sha256(runtime.encode()).hexdigest()}"


def configuration(function: Function, qualifier: str = "") -> dict[str, Any]:
    """FunctionConfiguration, with the members in which AWS answers for a function of this kind."""
    answer: dict[str, Any] = {
        "FunctionName": function.name,
        "FunctionArn": function_arn(function.account, function.region, function.name, qualifier),
        "Runtime": function.runtime,
        "Role": function.role,
        "Handler": function.handler,
        "CodeSize": function.code_size_bytes,
        "Description": function.description,
        "Timeout": function.timeout_s,
        "MemorySize": function.memory_size_mb,
        "LastModified": timestamp(function.last_modified_ms),
        "CodeSha256": base64_sha256(function.code_sha256),
        "Version": function.version,
        "TracingConfig": {"Mode": function.tracing_mode},
        "RevisionId": function.revision_id,
        "State": function.state,
        "PackageType": "Zip",
        "Architectures": [function.architecture],
        "EphemeralStorage": {"Size": function.ephemeral_storage_mb},
        "SnapStart": {
            "ApplyOn": "PublishedVersions" if function.snap_start else "None",
            "OptimizationStatus": "On" if function.is_snapshot and function.state == "Active" else "Off",
        },
        "RuntimeVersionConfig": {"RuntimeVersionArn": runtime_version_arn(function.region, function.runtime)},
        "LoggingConfig": _logging(function),
    }
    if function.environment is not None:
        answer["Environment"] = {"Variables": function.environment}
    if function.layers:
        answer["Layers"] = [
            {"Arn": layer.arn, "CodeSize": layer.code_size_bytes} for layer in function.layers
        ]
    if function.isolates_tenants:
        answer["TenancyConfig"] = {"TenantIsolationMode": "PER_TENANT"}
    if function.dead_letter_arn:
        answer["DeadLetterConfig"] = {"TargetArn": function.dead_letter_arn}
    return answer | _state(function)


def _state(function: Function) -> dict[str, Any]:
    answer: dict[str, Any] = {}
    if function.state == "Pending":
        answer |= {"StateReason": "The function is being created.", "StateReasonCode": "Creating"}
    if function.state == "Failed":
        answer |= {"StateReason": function.state_reason, "StateReasonCode": "InternalError"}
    if function.update_status is not None:
        answer["LastUpdateStatus"] = function.update_status
    if function.update_status == "InProgress":
        answer |= {
            "LastUpdateStatusReason": "The function is being created.",
            "LastUpdateStatusReasonCode": "Creating",
        }
    if function.update_status == "Failed":
        answer |= {
            "LastUpdateStatusReason": function.state_reason,
            "LastUpdateStatusReasonCode": "InternalError",
        }
    return answer


def _logging(function: Function) -> dict[str, Any]:
    logging = function.logging
    answer = {"LogFormat": logging.format, "LogGroup": function.log_group}
    if logging.format == "JSON":
        answer["ApplicationLogLevel"] = logging.application_level
        answer["SystemLogLevel"] = logging.system_level
    return answer


# ListFunctions and ListVersionsByFunction leave these out, says their API reference.
_NOT_LISTED = frozenset(
    {
        "State", "StateReason", "StateReasonCode",
        "LastUpdateStatus", "LastUpdateStatusReason", "LastUpdateStatusReasonCode",
        "RuntimeVersionConfig",
    }
)  # fmt: skip


def listed(function: Function, qualifier: str = "") -> dict[str, Any]:
    """FunctionConfiguration as lists show it."""
    return {
        name: value for name, value in configuration(function, qualifier).items() if name not in _NOT_LISTED
    }


def alias_configuration(alias: Alias) -> dict[str, Any]:
    answer: dict[str, Any] = {
        "AliasArn": alias.arn,
        "Name": alias.name,
        "FunctionVersion": alias.version,
        "Description": alias.description,
        "RevisionId": alias.revision_id,
    }
    if alias.weights:
        answer["RoutingConfig"] = {"AdditionalVersionWeights": alias.weights}
    return answer
