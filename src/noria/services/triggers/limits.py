"""The bounds of event source mappings for SQS, from Lambda's developer guide (with-sqs.html) and quotas."""

from __future__ import annotations

DEFAULT_BATCH_SIZE = 10
MAX_BATCH_WITHOUT_WINDOW = 10
MAX_RECEIVED_AT_ONCE = 10  # messages of one ReceiveMessage, entries of one DeleteMessageBatch
MAX_PAYLOAD_BYTES = 6 << 20  # of a synchronous invocation
LONG_POLL_S = 20  # the longest that SQS allows
CONCURRENT_BATCHES = 5  # a mapping's, what AWS starts with
SESSION_RENEWAL_MS = 5 * 60_000  # a role's session is renewed this long before it ends
BACKOFF_FIRST_S = 0.5
BACKOFF_MAX_S = 10.0  # a problem that was mended is noticed within this time
RECEIVE_GRACE_S = (
    0.1  # a stop lets a receive that is under way come home; one that still waits after this is idle
)
STOP_GRACE_S = (
    20.0  # a stop waits this long for running batches; their messages return to the queue otherwise
)
DEFAULT_LIST = 100  # mappings in a page, as AWS answers
