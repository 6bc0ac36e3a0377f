"""Metric filters: numbers that are read out of log events."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec.structs import replace

from noria.context import RequestContext
from noria.errors import not_implemented
from noria.services.logs import errors, limits, models
from noria.services.logs.core import LogsCore
from noria.services.logs.filters import require_few_regexes, with_filter
from noria.services.logs.patterns import FilterPattern, compile_metric_pattern
from noria.services.logs.patterns.conditions import parse_number
from noria.services.logs.settings import GroupSettings, MetricFilter


class MetricFilterOperations(LogsCore):
    """One method an operation; see `noria.gateway` for how they are called."""

    async def put_metric_filter(
        self,
        ctx: RequestContext,
        *,
        log_group_name: str,
        filter_name: str,
        filter_pattern: str,
        metric_transformations: Sequence[Mapping[str, Any]],
        apply_on_transformed_logs: bool = False,
    ) -> None:
        if apply_on_transformed_logs:
            raise not_implemented("PutMetricFilter's applyOnTransformedLogs true")
        pattern = compile_metric_pattern(filter_pattern)
        [transformation] = metric_transformations
        _check(transformation, pattern)
        added = MetricFilter(
            name=filter_name,
            pattern=filter_pattern,
            created_ms=self._clock.now_ms(),
            namespace=transformation["metricNamespace"],
            metric=transformation["metricName"],
            value=transformation["metricValue"],
            default=transformation.get("defaultValue"),
            dimensions=transformation.get("dimensions") or {},
            unit=transformation.get("unit") or "",
        )

        def put(settings: GroupSettings) -> GroupSettings:
            filters = with_filter(settings.metric_filters, added, limits.MAX_METRIC_FILTERS)
            changed = replace(settings, metric_filters=filters)
            require_few_regexes(changed, pattern)
            return changed

        await self._change(ctx, await self._group(ctx, log_group_name), put)

    async def describe_metric_filters(
        self,
        ctx: RequestContext,
        *,
        log_group_name: str | None = None,
        filter_name_prefix: str = "",
        metric_name: str | None = None,
        metric_namespace: str | None = None,
        next_token: str | None = None,
        limit: int = limits.DEFAULT_LIST,
    ) -> dict[str, Any]:
        """Of a group, or of all of them by group and name."""
        if (metric_name is None) != (metric_namespace is None):
            raise errors.invalid_parameter("metricName and metricNamespace must be specified together.")
        after = models.parse_filter_token(next_token) if next_token else ("", "")
        if log_group_name is not None:
            group = await self._group(ctx, log_group_name)
            groups = [(log_group_name, await self._settings.get(ctx.account, ctx.region, group))]
        else:
            groups = await self._living(ctx)
        found = [
            (name, each)
            for name, settings in groups
            for each in settings.metric_filters
            if (name, each.name) > after
            and each.name.startswith(filter_name_prefix)
            and (metric_name is None or (each.metric, each.namespace) == (metric_name, metric_namespace))
        ]
        page = found[:limit]
        return {
            "metricFilters": [models.describe_metric_filter(name, each) for name, each in page],
            "nextToken": models.filter_token(page[-1][0], page[-1][1].name) if len(found) > limit else None,
        }

    async def delete_metric_filter(
        self, ctx: RequestContext, *, log_group_name: str, filter_name: str
    ) -> None:
        def without(settings: GroupSettings) -> GroupSettings:
            left = [each for each in settings.metric_filters if each.name != filter_name]
            if len(left) == len(settings.metric_filters):
                raise errors.no_such_metric_filter()
            return replace(settings, metric_filters=left)

        await self._change(ctx, await self._group(ctx, log_group_name), without)

    async def test_metric_filter(
        self, ctx: RequestContext, *, filter_pattern: str, log_event_messages: Sequence[str]
    ) -> dict[str, Any]:
        """Which of the messages match, counted from 1, and the fields of those that are space-delimited."""
        pattern = compile_metric_pattern(filter_pattern)
        found = ((message, pattern.values(message)) for message in log_event_messages)
        return {
            "matches": [
                {"eventNumber": number, "eventMessage": message, "extractedValues": values}
                for number, (message, values) in enumerate(found, 1)
                if values is not None
            ]
        }

    async def _living(self, ctx: RequestContext) -> list[tuple[str, GroupSettings]]:
        """The settings of the groups that exist, by name."""
        found = []
        for name, settings in await self._settings.all_of(ctx.account, ctx.region):
            group = await self._log_events.group(ctx.account, ctx.region, name)
            if group is not None and group.id == settings.group_id:
                found.append((name, settings))
        return found


def _check(transformation: Mapping[str, Any], pattern: FilterPattern) -> None:
    """Raises InvalidParameterException."""
    value, dimensions = transformation["metricValue"], transformation.get("dimensions") or {}
    if parse_number(value) is None and not pattern.has(value):
        raise errors.invalid_parameter(
            "Invalid metric transformation: metricValue must be a number or a field of the filter pattern."
        )
    if not dimensions:
        return
    if transformation.get("defaultValue") is not None:
        raise errors.invalid_parameter(
            "Invalid metric transformation: dimensions and default value are mutually exclusive properties."
        )
    if not pattern.has_fields:
        raise errors.invalid_parameter("The specified filter pattern does not support dimensions")
    if len(dimensions) > limits.MAX_DIMENSIONS:
        raise errors.invalid_parameter(
            f"Invalid metric transformation: at most {limits.MAX_DIMENSIONS} dimensions are allowed."
        )
    if unknown := [selector for selector in dimensions.values() if not pattern.has(selector)]:
        raise errors.invalid_parameter(
            f"Invalid metric transformation: {unknown[0]} is no field of the filter pattern."
        )
