"""SQS's limits, in its terms, of the developer guide's page "Quotas" and the API reference.

https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-quotas.html
"""

from __future__ import annotations

MAX_MESSAGE_BYTES = (
    1_048_576  # of a message, and of all messages of a batch together; 1 MiB since August 2025
)
MAX_BATCH_ENTRIES = 10
MAX_BATCH_ID_LENGTH = 80
MAX_RECEIVED_MESSAGES = 10
MAX_WAIT_TIME_S = 20
MAX_DELAY_S = 900
MAX_VISIBILITY_TIMEOUT_S = 43_200  # 12 hours, also in all, from the receive on
MAX_IN_FLIGHT = 120_000  # of a queue of either kind
MAX_ATTRIBUTES = 10  # of a message
MAX_ATTRIBUTE_NAME_BYTES = 256  # also of its type
MAX_LISTED_QUEUES = 1000  # of a ListQueues answer
MAX_TAGS = 50  # of a queue
MAX_TAG_KEY_LENGTH = 128
MAX_TAG_VALUE_LENGTH = 256
PURGE_INTERVAL_MS = 60_000  # one PurgeQueue a minute
DELETED_NAME_MS = 60_000  # how long the name of a deleted queue cannot be used again
MAX_GROUP_ID_LENGTH = 128  # also of deduplication ids and of receive attempts' ids
MAX_MAX_RECEIVE_COUNT = 1000
MAX_ALLOWED_SOURCES = 10  # named by a redrive allow policy
MAX_POLICY_BYTES = 8192
MAX_PERMISSION_LABEL_LENGTH = 80
MAX_PERMISSION_ACTIONS = 7
MAX_MOVED_PER_SECOND = 500  # by a move task that asks for a limit
MAX_LISTED_MOVE_TASKS = 10
MAX_ACTIVE_MOVE_TASKS = 100  # of an account, in a region
MAX_MOVE_TASK_MS = 36 * 3_600_000

# Ours:
MAX_CACHED_QUEUES = 10_000  # lookups remembered; a lookup more starts over
MAX_POLLED_MESSAGES = 100  # of a receive or deletion that Lambda's pollers make: a millisecond of the loop
TIDY_INTERVAL_S = 60  # how often expired messages and those of deleted queues are looked for
