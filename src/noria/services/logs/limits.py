"""The bounds of CloudWatch Logs, from its API reference and quotas pages."""

from __future__ import annotations

MAX_BATCH_BYTES = 1 << 20  # PutLogEvents: all messages as UTF-8, and the overhead of each
MAX_EVENT_BYTES = 1 << 20  # likewise of one event (256 KB until 2025)
MAX_BATCH_SPAN_MS = 24 * 3_600_000
MAX_EVENT_AGE_MS = 14 * 24 * 3_600_000
MAX_EVENT_LEAD_MS = 2 * 3_600_000
DEFAULT_LIST = 50  # groups or streams in a page; also the most there may be
DEFAULT_PAGE_EVENTS = 10_000
NEWEST_FIRST_SINCE_MS = 1_704_067_200_000  # 2024-01-01: FilterLogEvents goes backward to here only
MAX_TAGS = 50
RETENTION_DAYS = (
    1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653,
)  # fmt: skip
SCAN = 1_000  # groups looked through at once for those that match
MAX_RESOURCE_POLICIES = 10  # of an account, in a region
MAX_METRIC_FILTERS = 100  # of a group
MAX_SUBSCRIPTIONS = 2  # likewise
MAX_REGEX_FILTERS = 5  # metric and subscription filters of a group that have a regular expression
MAX_DIMENSIONS = 3  # of a metric filter
