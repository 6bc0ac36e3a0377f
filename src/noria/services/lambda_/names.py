"""The forms in which a request may name a function, and the one function that is meant."""

from __future__ import annotations

import re

import msgspec

from noria.context import RequestContext
from noria.services.lambda_ import errors
from noria.services.lambda_.limits import FUNCTION_NAME_LENGTH
from noria.services.lambda_.models import function_arn

# A name, `account:function:name`, or an ARN, each with a qualifier or without (the model's own pattern,
# which the gateway has checked, with its parts named).
REFERENCE = re.compile(
    r"(?:arn:aws[a-zA-Z-]*:lambda:)?(?:(?P<region>[a-z]{2}(?:-[a-z]+)+-\d):)?(?:(?P<account>\d{12}):)?"
    r"(?:function:)?(?P<name>[a-zA-Z0-9-_.]+)(?::(?P<qualifier>\$LATEST(?:\.PUBLISHED)?|[a-zA-Z0-9-_]+))?"
)


class Reference(msgspec.Struct, frozen=True):
    """A function of the request's region. qualifier: "" where the request had none."""

    account: str
    region: str
    name: str
    qualifier: str = ""

    @property
    def arn(self) -> str:
        """With the qualifier, as AWS's error texts and the invoked-function ARN have it."""
        return function_arn(self.account, self.region, self.name, self.qualifier)


def resolve(ctx: RequestContext, function_name: str, qualifier: str | None = None) -> Reference:
    """Raises AWS's answers for another region's function, and for two qualifiers that differ.

    A function of another account is for its policy to open (`resources`), which has been asked before.
    """
    match = REFERENCE.fullmatch(function_name)
    if match is None:
        raise errors.invalid_parameter(f"Invalid function name: {function_name}")
    region, account, name, named = match.group("region", "account", "name", "qualifier")
    if len(name) > FUNCTION_NAME_LENGTH:
        raise errors.invalid_parameter(
            f"1 validation error detected: Value '{name}' at 'functionName' failed to satisfy constraint: "
            f"Member must have length less than or equal to {FUNCTION_NAME_LENGTH}"
        )
    if region and region != ctx.region:
        raise errors.other_region(region, ctx.region)
    if named and qualifier and named != qualifier:
        raise errors.invalid_parameter(
            "The derived qualifier from the function name does not match the specified qualifier."
        )
    return Reference(account or ctx.account, ctx.region, name, named or qualifier or "")


def require_function(reference: Reference) -> None:
    """For what versions and aliases do not have of their own."""
    if reference.qualifier:
        raise errors.invalid_parameter(
            "This operation is permitted on Lambda functions only. Aliases and versions do not support this "
            "operation. Please specify either a function name or an unqualified function ARN."
        )
