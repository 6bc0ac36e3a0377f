"""What must hold before a queue may trigger a function."""

from __future__ import annotations

from collections.abc import Mapping as Dict
from typing import Any

import msgspec

from noria.errors import AwsError, not_implemented
from noria.services.ports import LAMBDA_SERVICE_PRINCIPAL, Caller, Functions, Permissions, Roles
from noria.services.triggers import errors
from noria.services.triggers.limits import (
    DEFAULT_POLLERS,
    MAX_BATCH_WITHOUT_WINDOW,
    MAX_POLLERS,
    MIN_POLLERS,
)
from noria.services.triggers.mapping import Mapping
from noria.services.triggers.names import Queue, parse_queue, unqualified

# What Lambda calls on the queue as the execution role.
QUEUE_OPERATIONS = ("ReceiveMessage", "DeleteMessage", "GetQueueAttributes")


class Checks(msgspec.Struct, frozen=True):
    functions: Functions
    roles: Roles
    permissions: Permissions
    caller: Caller

    async def function_exists(self, function_arn: str) -> None:
        if not await self.functions.exists(unqualified(function_arn)):
            raise errors.no_such_function()

    async def role_may_poll(self, function_arn: str, queue: Queue, session_name: str) -> None:
        """The execution role can be assumed and has the rights, the queue exists and is patient enough."""
        arn = unqualified(function_arn)
        role_arn = await self.functions.role_arn(arn)
        timeout_s = await self.functions.timeout_s(arn)
        if role_arn is None or timeout_s is None:
            raise errors.no_such_function()
        session = await self.roles.assume(role_arn, LAMBDA_SERVICE_PRINCIPAL, session_name, arn)
        if session is None:
            raise errors.role_not_assumable()
        for operation in QUEUE_OPERATIONS:
            if not await self.permissions.allows(session.principal, f"sqs:{operation}", queue.arn):
                raise errors.role_lacks(operation)
        params = {"queue_url": queue.url, "attribute_names": ["VisibilityTimeout"]}
        try:
            answer = await self.caller(
                session.principal,
                queue.region,
                "sqs",
                "GetQueueAttributes",
                params,
                LAMBDA_SERVICE_PRINCIPAL,
            )
        except AwsError as error:
            raise errors.queue_refused(error.query_code, error.message) from error
        visibility_timeout_s = int(answer["Attributes"]["VisibilityTimeout"])
        if visibility_timeout_s < timeout_s:
            raise errors.invalid_parameter(
                f"Queue visibility timeout: {visibility_timeout_s} seconds is less than"
                f" Function timeout: {timeout_s} seconds"
            )


def check_options(mapping: Mapping) -> None:
    """What must hold between a mapping's own members."""
    if mapping.window_s and parse_queue(mapping.source_arn).is_fifo:
        raise errors.invalid_parameter("Batching window is not supported for FIFO queues")
    if mapping.maximum_concurrency is not None and mapping.pollers is not None:
        raise errors.two_scaling_modes()
    if mapping.batch_size > MAX_BATCH_WITHOUT_WINDOW and mapping.window_s == 0:
        raise errors.invalid_parameter(
            "Maximum batch window in seconds must be greater than 0 if maximum batch size is greater than 10"
        )


def pollers_of(config: Dict[str, Any]) -> tuple[int, int] | None:
    """Of a request's ProvisionedPollerConfig, whose absence of members ends provisioned mode."""
    if config.get("PollerGroupName") is not None:
        raise not_implemented("ProvisionedPollerConfig's PollerGroupName")
    least, most = config.get("MinimumPollers"), config.get("MaximumPollers")
    if least is None and most is None:
        return None
    least = DEFAULT_POLLERS[0] if least is None else least
    most = max(DEFAULT_POLLERS[1], least) if most is None else most
    if not (MIN_POLLERS <= least <= MAX_POLLERS[0] and least <= most <= MAX_POLLERS[1]):
        raise errors.invalid_pollers()
    return least, most
