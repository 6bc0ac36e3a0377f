"""The bounds of CloudWatch Logs, from its API reference and quotas pages."""

from __future__ import annotations

MAX_BATCH_BYTES = 1 << 20  # PutLogEvents: all messages as UTF-8, and the overhead of each
MAX_EVENT_BYTES = 1 << 20  # likewise of one event (256 KB until 2025)
EVENT_OVERHEAD_BYTES = 26
MAX_BATCH_SPAN_MS = 24 * 3_600_000
MAX_EVENT_AGE_MS = 14 * 24 * 3_600_000
MAX_EVENT_LEAD_MS = 2 * 3_600_000
DEFAULT_LIST = 50  # groups or streams in a page; also the most there may be
DEFAULT_PAGE_EVENTS = 10_000
NEWEST_FIRST_SINCE_MS = 1_704_067_200_000  # 2024-01-01: FilterLogEvents goes backward to here only
