"""StartLiveTail."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Sequence
from typing import Any

from noria.clock import Clock
from noria.context import RequestContext
from noria.errors import AwsError
from noria.services.logs import errors, models
from noria.services.logs.feed import Feed, GroupName
from noria.services.logs.patterns import compile_pattern
from noria.services.logs.tail.limits import MAX_SESSIONS
from noria.services.logs.tail.session import Selection, Session
from noria.services.ports import Permissions
from noria.store.log_events import LogEvents


class LiveTailApi:
    """See `noria.services.logs.api.LogsApi`."""

    def __init__(self, log_events: LogEvents, feed: Feed, permissions: Permissions, clock: Clock) -> None:
        self._log_events = log_events
        self._feed = feed
        self._permissions = permissions
        self._clock = clock
        self._sessions: dict[Session, tuple[str, str]] = {}  # and the account and region of each

    async def stop(self) -> None:
        """The server ends; clients are told, and may come again."""
        for session in self._sessions:
            session.end("SessionStreamingException", "The server is stopping.")

    async def start_live_tail(
        self,
        ctx: RequestContext,
        *,
        log_group_identifiers: Sequence[str],
        log_stream_names: Sequence[str] | None = None,
        log_stream_name_prefixes: Sequence[str] | None = None,
        log_event_filter_pattern: str | None = None,
    ) -> dict[str, Any]:
        """The groups' ARNs. The gateway has authorized the first, the others are here."""
        groups = [_group(identifier) for identifier in log_group_identifiers]
        pattern = compile_pattern(log_event_filter_pattern or "")
        selection = Selection(
            list(dict.fromkeys(groups)),
            _stream_filter(groups, log_stream_names, log_stream_name_prefixes),
            None if pattern.is_everything else pattern.matches,
            {
                "logGroupIdentifiers": log_group_identifiers,
                "logStreamNames": log_stream_names or [],
                "logStreamNamePrefixes": log_stream_name_prefixes or [],
                "logEventFilterPattern": log_event_filter_pattern or "",
            },
        )
        for identifier in log_group_identifiers[1:]:
            await self._permissions.require(ctx, "logs:StartLiveTail", f"{identifier}:log-stream:")
        for group in selection.groups:
            own = group.account == ctx.account and group.region == ctx.region
            if not own or await self._log_events.group(*group) is None:
                raise errors.no_such_group()
        owner = (ctx.account, ctx.region)
        if list(self._sessions.values()).count(owner) >= MAX_SESSIONS:
            raise AwsError("LimitExceededException", "Resource limit exceeded.")
        session = Session(selection, ctx.request_id, self._clock)
        return {"responseStream": self._events(session, owner)}

    async def _events(self, session: Session, owner: tuple[str, str]) -> AsyncGenerator[dict[str, Any], None]:
        self._sessions[session] = owner
        events = session.events(self._feed)
        try:
            async for event in events:
                yield event
        finally:
            del self._sessions[session]
            await events.aclose()


def _group(identifier: str) -> GroupName:
    """Of a group's ARN. AWS takes no names here."""
    account_and_region = identifier.split(":", 5)
    if len(account_and_region) == 6:
        region, account = account_and_region[3:5]
        prefix = models.group_arn(account, region, "")
        name = identifier.removeprefix(prefix)
        if identifier.startswith(prefix) and name and ":" not in name:
            return GroupName(account, region, name)
    raise errors.invalid_parameter("The specified logGroupIdentifier is not a valid log group ARN.")


def _stream_filter(
    groups: Sequence[GroupName], names: Sequence[str] | None, prefixes: Sequence[str] | None
) -> Callable[[str], bool]:
    if names is not None and prefixes is not None:
        raise errors.invalid_parameter(
            "LogStream names and LogStream name prefixes are mutually exclusive parameters."
        )
    if (names is not None or prefixes is not None) and len(groups) > 1:
        raise errors.invalid_parameter(
            "LogStream names and LogStream name prefixes can be specified for a single log group only."
        )
    if names is not None:
        return frozenset(names).__contains__
    if prefixes is not None:
        return lambda stream: stream.startswith(tuple(prefixes))
    return lambda stream: True
