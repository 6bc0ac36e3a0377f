"""What must hold before a queue may trigger a function."""

from __future__ import annotations

import msgspec

from noria.errors import AwsError
from noria.services.ports import LAMBDA_SERVICE_PRINCIPAL, Caller, Functions, Permissions, Roles
from noria.services.triggers import errors
from noria.services.triggers.limits import MAX_BATCH_WITHOUT_WINDOW
from noria.services.triggers.names import Queue, name_of, unqualified

# What Lambda calls on the queue as the execution role.
QUEUE_OPERATIONS = ("ReceiveMessage", "DeleteMessage", "GetQueueAttributes")


class Checks(msgspec.Struct, frozen=True):
    functions: Functions
    roles: Roles
    permissions: Permissions
    caller: Caller

    async def function_exists(self, function_arn: str) -> None:
        arn = unqualified(function_arn)
        versioned = ":" in name_of(arn)  # there are no versions and aliases yet
        if versioned or not await self.functions.exists(arn):
            raise errors.no_such_function()

    async def role_may_poll(self, function_arn: str, queue: Queue, session_name: str) -> None:
        """The execution role can be assumed and has the rights, the queue exists and is patient enough."""
        arn = unqualified(function_arn)
        role_arn = await self.functions.role_arn(arn)
        timeout_s = await self.functions.timeout_s(arn)
        if role_arn is None or timeout_s is None:
            raise errors.no_such_function()
        session = await self.roles.assume(role_arn, LAMBDA_SERVICE_PRINCIPAL, session_name)
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


def check_batch(batch_size: int, window_s: int) -> None:
    if batch_size > MAX_BATCH_WITHOUT_WINDOW and window_s == 0:
        raise errors.invalid_parameter(
            "Maximum batch window in seconds must be greater than 0 if maximum batch size is greater than 10"
        )
