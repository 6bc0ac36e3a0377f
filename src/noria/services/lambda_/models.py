"""A function, as the store keeps it and as answers show it."""

from __future__ import annotations

import hashlib
import time
from typing import Any, Literal

import msgspec

LATEST = "$LATEST"
EPHEMERAL_STORAGE_MB = 512

State = Literal["Pending", "Active"]
UpdateStatus = Literal["InProgress", "Successful"]


class Function(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """code_sha256: of the zip, in hex; it names the package in the code directory.

    environment: None where the request had none; answers then leave the member out, as AWS's do.
    update_status: None until Active. build_id: changes whenever environments have to be new ones.
    """

    account: str
    region: str
    name: str
    runtime: str
    role: str
    handler: str
    description: str = ""
    timeout_s: int = 3
    memory_size_mb: int = 128
    environment: dict[str, str] | None = None
    tags: dict[str, str] = {}
    architecture: str = "x86_64"
    code_sha256: str
    code_size_bytes: int
    last_modified_ms: int
    revision_id: str
    build_id: str
    state: State = "Pending"
    update_status: UpdateStatus | None = None

    @property
    def arn(self) -> str:
        return function_arn(self.account, self.region, self.name)

    @property
    def log_group(self) -> str:
        return f"/aws/lambda/{self.name}"


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
        "Version": LATEST,
        "TracingConfig": {"Mode": "PassThrough"},
        "RevisionId": function.revision_id,
        "State": function.state,
        "PackageType": "Zip",
        "Architectures": [function.architecture],
        "EphemeralStorage": {"Size": EPHEMERAL_STORAGE_MB},
        "SnapStart": {"ApplyOn": "None", "OptimizationStatus": "Off"},
        "RuntimeVersionConfig": {"RuntimeVersionArn": runtime_version_arn(function.region, function.runtime)},
        "LoggingConfig": {"LogFormat": "Text", "LogGroup": function.log_group},
    }
    if function.environment is not None:
        answer["Environment"] = {"Variables": function.environment}
    if function.state == "Pending":
        answer |= {"StateReason": "The function is being created.", "StateReasonCode": "Creating"}
    if function.update_status is not None:
        answer["LastUpdateStatus"] = function.update_status
    if function.update_status == "InProgress":
        answer |= {
            "LastUpdateStatusReason": "The function is being created.",
            "LastUpdateStatusReasonCode": "Creating",
        }
    return answer
