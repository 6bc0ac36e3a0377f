"""What services need of each other. `app` wires the implementations; no service imports another."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

import msgspec

from noria.context import Principal, RequestContext
from noria.policy.match import ContextValue
from noria.policy.statement import Policy
from noria.store.metrics import Minute, Series

LAMBDA_SERVICE_PRINCIPAL = "lambda.amazonaws.com"


class RoleSession(msgspec.Struct, frozen=True):
    """Temporary credentials of a role's session, and the principal that they prove."""

    access_key_id: str
    secret_access_key: str
    session_token: str
    expires_at_ms: int
    principal: Principal


class RoleView(msgspec.Struct, frozen=True):
    """A role as those see it who let somebody assume it. role_id: ``AROA…``, another for a role made anew."""

    arn: str
    account: str
    name: str
    role_id: str
    trust: Policy
    max_session_s: int
    tags: Mapping[str, str] = {}


class IdentityProvider(msgspec.Struct, frozen=True):
    """An OpenID Connect provider that an account trusts. See `noria.services.iam.models.OidcProvider`."""

    arn: str
    name: str
    url: str
    client_ids: tuple[str, ...]
    thumbprints: tuple[str, ...]


class RoleDirectory(Protocol):
    """Roles, managed policies and identity providers as STS sees them. Implemented by IAM."""

    async def role(self, role_arn: str) -> RoleView | None: ...

    async def identity_provider(self, account: str, issuer: str) -> IdentityProvider | None:
        """The account's one for tokens that name `issuer` (``https://…``) as theirs."""

    def generation(self) -> int:
        """Grows whenever any role may have changed."""

    async def policy_document(self, policy_arn: str, account: str) -> str | None:
        """The JSON of a managed policy that `account` may use: its own or AWS's."""


class RolePermissions(Protocol):
    """The one evaluator, for STS. Implemented by auth."""

    async def require(
        self,
        ctx: RequestContext,
        action: str,
        resource: str,
        conditions: Mapping[str, ContextValue] | None = None,
    ) -> None:
        """Raise AccessDenied unless ctx.principal may do `action`."""

    async def allows_with_trust(
        self,
        principal: Principal,
        action: str,
        role_arn: str,
        trust: Policy,
        conditions: Mapping[str, ContextValue] | None = None,
        request_id: str = "",
    ) -> bool:
        """Whether the role's trust policy and the principal's own policies together allow it."""


class Roles(Protocol):
    """Roles as a service that assumes them sees them. Implemented over IAM and STS."""

    async def trusts(self, role_arn: str, service_principal: str, source_arn: str) -> bool:
        """Whether the role exists and its trust policy lets the service assume it, for what has `source_arn`
        (``aws:SourceArn``, and its account as ``aws:SourceAccount``)."""

    async def assume(
        self,
        role_arn: str,
        service_principal: str,
        session_name: str,
        source_arn: str,
        conditions: tuple[tuple[str, str], ...] = (),
    ) -> RoleSession | None:
        """A session for a service that acts as the role; None where the role is gone or does not trust it.

        conditions: the condition keys that all of its requests have, and their values.
        """

    async def is_outlived(self, role_arn: str, session: RoleSession) -> bool:
        """Whether another role has taken the name of the one that the session is of. Cheap."""


class Permissions(Protocol):
    """The one evaluator, for checks beside a request's own action (``iam:PassRole``, a poller's rights)."""

    async def require(
        self, ctx: RequestContext, action: str, resource: str, conditions: Mapping[str, str] | None = None
    ) -> None:
        """Raise the calling service's access-denied error unless ctx.principal may do `action`."""

    async def allows(
        self,
        principal: Principal,
        action: str,
        resource: str,
        conditions: Mapping[str, str] | None = None,
    ) -> bool:
        """Whether `principal` may do `action` (``sqs:ReceiveMessage``) on `resource` (an ARN)."""


class Caller(Protocol):
    """Calls another service's operation as a principal: authorized as a client's request is, without HTTP."""

    async def __call__(
        self,
        principal: Principal,
        region: str,
        service: str,
        operation: str,
        params: Mapping[str, Any],
        via_service: str = "",
    ) -> Mapping[str, Any]:
        """`params` are the api method's keyword arguments. Raises AwsError as the client would see it."""


class Invocation(msgspec.Struct, frozen=True):
    """How an invocation ended. payload: the handler's answer or the error document, JSON bytes.

    function_error: "" when it succeeded, else ``Unhandled`` (AWS's word for every failed invocation).
    """

    request_id: str
    payload: bytes
    function_error: str = ""


class Concern(msgspec.Struct, frozen=True):
    """What the linter finds in a policy. where: ``policy NAME``, ``role NAME, policy NAME``; text: what is
    wrong there."""

    account: str
    where: str
    text: str


class Functions(Protocol):
    """Functions as the trigger sees them. Implemented by Lambda."""

    async def exists(self, function_arn: str) -> bool: ...

    async def role_arn(self, function_arn: str) -> str | None:
        """The execution role's ARN; None where there is no such function."""

    async def timeout_s(self, function_arn: str) -> int | None:
        """The timeout, which a queue's visibility timeout must not undercut; None for no such function."""

    def has_room(self) -> bool:
        """Whether there are execution environments to spare for more invocations at once than there are."""

    async def invoke(self, function_arn: str, payload: bytes, trace: str = "") -> Invocation:
        """Invoke synchronously. trace: the X-Ray header that came with the event, "" for none.

        Raises AwsError (ResourceNotFoundException, TooManyRequestsException, …).
        """


TagEdit = Callable[[dict[str, str]], dict[str, str]]


class TaggedResources(Protocol):
    """Resources of one type that Lambda's TagResource, UntagResource and ListTags are about."""

    async def tags(self, arn: str) -> dict[str, str]:
        """Raises ResourceNotFoundException, in the words of the resource's type."""

    async def change_tags(self, arn: str, edit: TagEdit) -> None:
        """Put what `edit` makes of the tags in their place; what it raises changes nothing."""


class LogSink(Protocol):
    """Where a function's output goes. Implemented over CloudWatch Logs, as the function's role."""

    async def open_stream(
        self, principal: Principal, region: str, group: str, stream: str
    ) -> LogStream | None:
        """Create group and stream as `principal`; None where its policies do not allow that."""


class LogStream(Protocol):
    """An open stream; events are (time in ms, text), written in the order given."""

    async def put(self, events: list[tuple[int, str]]) -> None:
        """Append; events are dropped where the role may not write (as AWS does)."""


class MetricSink(Protocol):
    """Where metrics go. Implemented by CloudWatch: kept in memory, aggregated, and in the store within a
    minute. It costs a few microseconds, never waits and never raises; what is too much is dropped and logged.
    """

    def put(
        self,
        account: str,
        region: str,
        namespace: str,
        name: str,
        dimensions: Mapping[str, str],
        value: float,
        unit: str = "None",
        timestamp_s: float | None = None,
        count: float = 1.0,
    ) -> None:
        """The value, `count` times. unit: CloudWatch's word (``Count``). timestamp_s: None for now."""

    def merge(self, series: Series, values: Minute) -> None:
        """Likewise, of values that were aggregated elsewhere."""
