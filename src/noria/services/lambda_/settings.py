"""What CreateFunction and UpdateFunctionConfiguration say alike, as the fields of a Function."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from noria.errors import not_implemented
from noria.services.lambda_ import errors
from noria.services.lambda_.models import LayerUse, Logging

Member = Mapping[str, Any] | None


def fields(
    *,
    environment: dict[str, str] | None,
    ephemeral_storage: Member,
    tracing_config: Member,
    dead_letter_config: Member,
    logging_config: Member,
    snap_start: Member,
    vpc_config: Member,
    layers: list[LayerUse] | None,
    old_logging: Logging | None = None,
) -> dict[str, Any]:
    """Of the members that the request has. Raises NotImplemented for what would have no effect.

    old_logging: of the function that is changed, whose members stay where the request has none.
    """
    given: dict[str, Any] = {}
    if environment is not None:
        given["environment"] = environment
    if layers is not None:
        given["layers"] = layers
    if ephemeral_storage is not None:
        given["ephemeral_storage_mb"] = ephemeral_storage["Size"]
    if tracing_config is not None and tracing_config.get("Mode"):
        given["tracing_mode"] = tracing_config["Mode"]
    if dead_letter_config is not None:
        given["dead_letter_arn"] = dead_letter_config.get("TargetArn") or ""
    if logging_config is not None:
        given["logging"] = _logging(logging_config, old_logging or Logging())
    if snap_start is not None:
        given["snap_start"] = snap_start.get("ApplyOn", "None") == "PublishedVersions"
    if vpc_config is not None and (vpc_config.get("SubnetIds") or vpc_config.get("SecurityGroupIds")):
        raise not_implemented("A VpcConfig with subnets or security groups")
    return given


def _logging(config: Mapping[str, Any], old: Logging) -> Logging:
    """Levels are of format JSON, where INFO is their default."""
    log_format = config.get("LogFormat") or old.format
    group = config.get("LogGroup") or old.group
    application, system = config.get("ApplicationLogLevel"), config.get("SystemLogLevel")
    if log_format != "JSON":
        if application or system:
            raise errors.invalid_parameter(
                "ApplicationLogLevel and SystemLogLevel can only be set with the LogFormat JSON."
            )
        return Logging("Text", group=group)
    return Logging(
        "JSON",
        application_level=application or old.application_level or "INFO",
        system_level=system or old.system_level or "INFO",
        group=group,
    )
