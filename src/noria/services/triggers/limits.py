"""The bounds of event source mappings for SQS, from Lambda's developer guide (with-sqs.html,
services-sqs-scaling.html) and quotas."""

from __future__ import annotations

DEFAULT_BATCH_SIZE = 10
MAX_BATCH_WITHOUT_WINDOW = 10
MAX_RECEIVED_AT_ONCE = 100  # by one request, or deleted: SQS takes more of pollers than of clients
REQUESTS_AT_ONCE = 2  # receives, or deletes, that a large batch has under way at a time
MAX_PAYLOAD_BYTES = 6 << 20  # of a synchronous invocation
MAX_FILTERS = 5  # of a mapping, unless AWS was asked for more
LONG_POLL_S = 20  # the longest that SQS allows

LEAST_CONCURRENCY = 2  # as few as AWS scales back to
FIRST_CONCURRENCY = 5  # batches at once, to begin with
MAX_CONCURRENCY = 1_250  # where a mapping sets no maximum of its own
GROWTH_INTERVAL_S = 0.2  # one more batch at once, while there is backlog: 300 more a minute
QUICK_BATCH_S = 0.1  # quicker batches are bound by this machine's cores: more at once would only contend
INVOCATIONS_PER_POLLER = 10  # in provisioned mode
DEFAULT_POLLERS = (2, 200)
MAX_POLLERS = (200, 2_000)  # services-sqs-parameters.html: the least, the most
MIN_POLLERS = 2

SESSION_RENEWAL_MS = 5 * 60_000  # a role's session is renewed this long before it ends
BACKOFF_FIRST_S = 0.5
BACKOFF_MAX_S = 10.0  # a problem that was mended is noticed within this time
RECEIVE_GRACE_S = 0.1  # a stop lets a receive come home; one that still waits after this is idle
STOP_GRACE_S = 20.0  # a stop waits this long for running batches; else their messages return to the queue
DEFAULT_LIST = 100  # mappings in a page, as AWS answers
