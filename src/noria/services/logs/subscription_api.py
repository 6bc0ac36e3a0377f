"""Subscription filters: log events that are sent on as they come, to functions."""

from __future__ import annotations

import re
from typing import Any

from msgspec.structs import replace

from noria.context import RequestContext
from noria.errors import AwsError, not_implemented
from noria.services.logs import errors, limits, models
from noria.services.logs.core import LogsCore
from noria.services.logs.feed import GroupName
from noria.services.logs.filters import require_few_regexes, with_filter
from noria.services.logs.patterns import compile_pattern
from noria.services.logs.settings import GroupSettings, Subscription

FUNCTION = re.compile(r"arn:aws:lambda:([a-z0-9-]+):(\d{12}):function:[\w-]+(:[\w$-]+)?")
AWS_HAS = {"kinesis": "a Kinesis stream", "firehose": "Firehose", "logs": "a destination of another account"}


class SubscriptionOperations(LogsCore):
    """One method an operation; see `noria.gateway` for how they are called."""

    async def put_subscription_filter(
        self,
        ctx: RequestContext,
        *,
        log_group_name: str,
        filter_name: str,
        filter_pattern: str,
        destination_arn: str,
        role_arn: str | None = None,
        distribution: str = "ByLogStream",
        apply_on_transformed_logs: bool = False,
    ) -> None:
        """The destination is tried out first. distribution: functions get batches of a stream in any case."""
        if apply_on_transformed_logs:
            raise not_implemented("PutSubscriptionFilter's applyOnTransformedLogs true")
        _check_destination(ctx, destination_arn, role_arn)
        pattern = compile_pattern(filter_pattern)
        group = await self._group(ctx, log_group_name)
        now_ms = self._clock.now_ms()
        added = Subscription(filter_name, filter_pattern, now_ms, destination_arn, distribution)

        def put(settings: GroupSettings) -> GroupSettings:
            filters = with_filter(settings.subscriptions, added, limits.MAX_SUBSCRIPTIONS)
            changed = replace(settings, subscriptions=filters)
            require_few_regexes(changed, pattern)
            return changed

        put(await self._settings.get(ctx.account, ctx.region, group))
        try:
            await self._deliveries.try_out(GroupName(ctx.account, ctx.region, group.name), added)
        except AwsError as error:
            raise errors.destination_out_of_reach() from error
        await self._change(ctx, group, put)

    async def describe_subscription_filters(
        self,
        ctx: RequestContext,
        *,
        log_group_name: str,
        filter_name_prefix: str = "",
        next_token: str | None = None,
        limit: int = limits.DEFAULT_LIST,
    ) -> dict[str, Any]:
        after = models.parse_list_token(next_token).name if next_token else ""
        group = await self._group(ctx, log_group_name)
        settings = await self._settings.get(ctx.account, ctx.region, group)
        found = [
            each
            for each in settings.subscriptions
            if each.name > after and each.name.startswith(filter_name_prefix)
        ]
        page = found[:limit]
        return {
            "subscriptionFilters": [models.describe_subscription(group.name, each) for each in page],
            "nextToken": models.list_token(page[-1].name) if len(found) > limit else None,
        }

    async def delete_subscription_filter(
        self, ctx: RequestContext, *, log_group_name: str, filter_name: str
    ) -> None:
        def without(settings: GroupSettings) -> GroupSettings:
            left = [each for each in settings.subscriptions if each.name != filter_name]
            if len(left) == len(settings.subscriptions):
                raise errors.no_such_subscription()
            return replace(settings, subscriptions=left)

        group = await self._group(ctx, log_group_name)
        await self._change(ctx, group, without)
        self._deliveries.forget(ctx.account, ctx.region, group.name, filter_name)


def _check_destination(ctx: RequestContext, arn: str, role_arn: str | None) -> None:
    """Raises AwsError."""
    service = arn.split(":")[2] if arn.count(":") >= 5 else ""
    if service in AWS_HAS:
        raise not_implemented(f"A subscription of {AWS_HAS[service]}")
    match = FUNCTION.fullmatch(arn)
    if match is None:
        raise errors.invalid_parameter("destinationArn is not a valid ARN of a supported destination.")
    if role_arn is not None:
        raise errors.invalid_parameter("destinationArn for vendor lambda cannot be used with roleArn")
    if match[1] != ctx.region or match[2] != ctx.account:
        raise errors.destination_out_of_reach()
