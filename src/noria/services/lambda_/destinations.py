"""Where records of asynchronous invocations go: queues and functions, reached as the function's role."""

from __future__ import annotations

import logging
from typing import Any

from noria.context import Principal
from noria.errors import AwsError, not_implemented
from noria.services.lambda_ import errors
from noria.services.lambda_.functions import FunctionTable
from noria.services.lambda_.models import Function
from noria.services.lambda_.names import Reference
from noria.services.ports import LAMBDA_SERVICE_PRINCIPAL, Caller, Permissions, Roles

log = logging.getLogger(__name__)

ACTIONS = {"sqs": ("SendMessage", "sqs:SendMessage"), "lambda": ("InvokeFunction", "lambda:InvokeFunction")}
AWS_HAS = {"sns": "SNS", "events": "EventBridge", "s3": "S3"}


class Destinations:
    """Checks and reaches them."""

    def __init__(
        self, functions: FunctionTable, roles: Roles, permissions: Permissions, call: Caller
    ) -> None:
        self._functions = functions
        self._roles = roles
        self._permissions = permissions
        self._call = call

    async def _principal(self, function: Function) -> Principal | None:
        session = await self._roles.assume(
            function.role, LAMBDA_SERVICE_PRINCIPAL, function.name, function.arn
        )
        return None if session is None else session.principal

    async def check(self, function: Function, arn: str, config: str) -> None:
        """A destination that can be: something there that the function's role may reach.

        config: the request's DestinationConfig in AWS's words, for the error text.
        """
        service = arn.split(":")[2] if arn.count(":") >= 5 else ""
        if service in AWS_HAS:
            raise not_implemented(f"A destination of {AWS_HAS[service]}")
        if service not in ACTIONS:
            raise errors.invalid_parameter(f"The provided destination config {config} is invalid.")
        if service == "lambda":
            target = _function_of(arn)
            if target is None or await self._functions.find(target) is None:
                raise errors.invalid_parameter(f"The destination ARN {arn} is invalid.")
            if (target.account, target.region, target.name) == (
                function.account,
                function.region,
                function.name,
            ):
                raise errors.invalid_parameter("You can't specify the function as a destination for itself.")
        operation, action = ACTIONS[service]
        principal = await self._principal(function)
        if principal is None or not await self._permissions.allows(principal, action, arn):
            raise errors.invalid_parameter(
                f"The function's execution role does not have permissions to call {operation} on {arn}"
            )

    async def check_dead_letter(self, function: Function) -> None:
        """Likewise of a function's DeadLetterConfig."""
        arn = function.dead_letter_arn
        service = arn.split(":")[2]
        if service == "sns":
            raise not_implemented("A DeadLetterConfig with an SNS topic")
        if service != "sqs" or arn.count(":") != 5:
            raise errors.invalid_parameter(f"The dead-letter target {arn} is neither a queue nor a topic.")
        principal = await self._principal(function)
        if principal is None or not await self._permissions.allows(principal, "sqs:SendMessage", arn):
            raise errors.invalid_parameter(
                "The provided execution role does not have permissions to call SendMessage on SQS"
            )

    async def send(
        self, function: Function, arn: str, body: str, attributes: dict[str, Any] | None = None
    ) -> bool:
        """False where it could not be delivered: then it is lost, as on AWS."""
        try:
            principal = await self._principal(function)
            if principal is None:
                raise errors.role_no_longer_assumable()
            _, _, service, region, account, rest = arn.split(":", 5)
            if service == "sqs":
                params: dict[str, Any] = {
                    "queue_url": f"https://sqs.{region}.amazonaws.com/{account}/{rest}",
                    "message_body": body,
                    **({"message_attributes": attributes} if attributes else {}),
                }
                await self._call(principal, region, "sqs", "SendMessage", params)
            else:
                params = {"function_name": arn, "invocation_type": "Event", "payload": body.encode()}
                await self._call(principal, region, "lambda", "Invoke", params)
        except AwsError as error:
            log.warning("a record of %s did not reach its destination %s: %s", function.arn, arn, error)
            return False
        return True


def _function_of(arn: str) -> Reference | None:
    _, _, _, region, account, rest = arn.split(":", 5)
    kind, _, named = rest.partition(":")
    name, _, qualifier = named.partition(":")
    return Reference(account, region, name, qualifier) if kind == "function" and name else None
