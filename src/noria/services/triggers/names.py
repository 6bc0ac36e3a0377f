"""Which function and which queue a mapping is about."""

from __future__ import annotations

import re

import msgspec

from noria.context import RequestContext
from noria.errors import AwsError, not_implemented
from noria.services.triggers import errors

LATEST = "$LATEST"

# A name, `account:function:name` or an ARN, each with a qualifier or without: the model's own pattern.
FUNCTION = re.compile(
    r"(?:arn:aws[a-zA-Z-]*:lambda:)?(?:(?P<region>[a-z]{2}(?:-[a-z]+)+-\d):)?(?:(?P<account>\d{12}):)?"
    r"(?:function:)?(?P<name>[a-zA-Z0-9-_.]+)(?::(?P<qualifier>\$LATEST(?:\.PUBLISHED)?|[a-zA-Z0-9-_]+))?"
)
QUEUE = re.compile(
    r"arn:aws:sqs:(?P<region>[a-z0-9-]+):(?P<account>\d{12}):(?P<name>[A-Za-z0-9_-]+(?:\.fifo)?)"
)
OTHER_SOURCES = re.compile(r"arn:aws[a-zA-Z-]*:(?P<service>kinesis|dynamodb|kafka|mq|rds):")


class Queue(msgspec.Struct, frozen=True):
    """url: SQS reads account and name from its path, whatever its host."""

    arn: str
    region: str
    account: str
    name: str

    @property
    def url(self) -> str:
        return f"https://sqs.{self.region}.amazonaws.com/{self.account}/{self.name}"

    @property
    def is_fifo(self) -> bool:
        return self.name.endswith(".fifo")


def parse_queue(arn: str | None) -> Queue:
    """Raises AwsError: ``Unrecognized event source.``, or NotImplemented for what AWS would recognise."""
    if arn is None:
        raise errors.invalid_parameter("Unrecognized event source.")
    if (other := OTHER_SOURCES.match(arn)) is not None:
        raise not_implemented(f"An event source of {other['service']}")
    match = QUEUE.fullmatch(arn)
    if match is None:
        raise errors.invalid_parameter("Unrecognized event source.")
    return Queue(arn, match["region"], match["account"], match["name"])


def function_arn(ctx: RequestContext, name: str) -> str:
    """The ARN that a mapping shows: with the qualifier, where the request had one.

    Raises AwsError for a function of another region or account.
    """
    match = FUNCTION.fullmatch(name)
    if match is None:
        raise errors.invalid_parameter(f"Invalid function name: {name}")
    if match["region"] and match["region"] != ctx.region:
        raise AwsError(
            "ResourceNotFoundException",
            f"Functions from '{match['region']}' are not reachable in this region ('{ctx.region}')",
            404,
            members=errors.USER,
        )
    if match["account"] and match["account"] != ctx.account:
        raise errors.no_such_function()
    arn = f"arn:aws:lambda:{ctx.region}:{ctx.account}:function:{match['name']}"
    return f"{arn}:{match['qualifier']}" if match["qualifier"] else arn


def unqualified(arn: str) -> str:
    """Without ``:$LATEST``, as `noria.services.ports.Functions` knows functions. Other qualifiers stay."""
    return arn.removesuffix(f":{LATEST}")


def name_of(arn: str) -> str:
    return arn.split(":function:", 1)[1]
