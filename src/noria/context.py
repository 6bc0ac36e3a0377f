"""Who asks for what: made by the gateway for a request, or by a service that acts as a role."""

from __future__ import annotations

import itertools
import secrets
import uuid
from typing import Literal

import msgspec

PrincipalKind = Literal[
    "root", "user", "assumed-role", "federated-user", "service", "web-identity", "anonymous"
]


class Principal(msgspec.Struct, frozen=True, cache_hash=True):
    """An identity that has been proven.

    arn: ``arn:aws:iam::ACCOUNT:root`` or ``arn:aws:sts::ACCOUNT:assumed-role/ROLE/SESSION``.
    user_id: AWS's unique id (``AROA…:session`` for a role's session, the account for root).
    name: of the user or role whose policies apply, or of a service (``lambda.amazonaws.com``); "" for root.
    session_policies: JSON documents that narrow a session.
    role_arn: of the role (or user) behind a session, with its path.
    session_tags: (key, value) of the tags that a session was given.
    transitive_tags: keys of those that a role's session hands on to the roles that it assumes.
    federating_id: the unique id of the user behind a federated one.
    session_conditions: (condition key, value) that a session has in all of its requests, e.g.
        ``lambda:SourceFunctionArn``; of a service, what it acts for (``aws:SourceArn``).
    federated_provider: ARN of the provider whose token a web identity shows, or showed for this session.
    """

    kind: PrincipalKind
    account: str
    arn: str
    user_id: str
    name: str = ""
    session_policies: tuple[str, ...] = ()
    role_arn: str = ""
    session_tags: tuple[tuple[str, str], ...] = ()
    session_conditions: tuple[tuple[str, str], ...] = ()
    transitive_tags: tuple[str, ...] = ()
    federating_id: str = ""
    federated_provider: str = ""


class RequestContext(msgspec.Struct):
    """One request, from the moment its caller is known.

    base_url: scheme, host and port as the client addressed the server, for URLs in answers.
    trace_header: ``X-Amzn-Trace-Id``, in which a function's SDK sends the way that led to its invocation.
    via_service: the AWS service that acts with the principal's session (``lambda.amazonaws.com`` for
        the trigger's polls and a function's logs), empty for a client's own request.
    """

    request_id: str
    service: str
    operation: str
    account: str
    region: str
    principal: Principal
    now_ms: int
    source_ip: str = "127.0.0.1"
    base_url: str = ""
    access_key_id: str = ""
    via_service: str = ""
    user_agent: str = ""
    trace_header: str = ""


def root_principal(account: str) -> Principal:
    return Principal("root", account, f"arn:aws:iam::{account}:root", account)


ANONYMOUS = Principal("anonymous", "", "", "")


def service_principal(name: str) -> Principal:
    return Principal("service", "", "", "", name)


# An id tells apart, it is no secret: random as far as no two processes may meet, then counted, in steps that
# look random too. `uuid.uuid4`, with its system call, takes ten times as long: two were a fifth of a send.
_ODD, _MASK = 0x9E3779B97F4B, (1 << 48) - 1  # multiplied by an odd number, no two of 2^48 are the same
_PREFIX = str(uuid.uuid4())[:24]
_count = itertools.count(secrets.randbits(48)).__next__


def new_request_id() -> str:
    """A version 4 UUID as text."""
    return f"{_PREFIX}{_count() * _ODD & _MASK:012x}"


def is_request_id(text: str) -> bool:
    try:
        return str(uuid.UUID(text)) == text
    except ValueError:
        return False
