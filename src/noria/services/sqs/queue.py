"""Queues: what the store keeps of them, and how a request finds its own."""

from __future__ import annotations

import hashlib
import re
import secrets

import msgspec

from noria.context import RequestContext
from noria.services.sqs import errors
from noria.services.sqs.limits import MAX_CACHED_QUEUES
from noria.store.base import Records
from noria.store.cache import GenerationCache
from noria.store.listing import every

KIND = "sqs-queue"
DELETED = "sqs-deleted-queue"  # name → when, in ms
NAME = re.compile(r"[A-Za-z0-9_-]{1,80}")
FIFO_NAME = re.compile(r"[A-Za-z0-9_-]{1,75}\.fifo")
OWNERS = frozenset(
    (
        "AddPermission", "DeleteQueue", "ListQueueTags", "RemovePermission", "SetQueueAttributes", "TagQueue",
        "UntagQueue",
    )
)  # fmt: skip
"""What only a queue's own account may do with it (developer guide, "Limitations of custom policies")."""
ARN = re.compile(r"arn:aws:sqs:([a-z0-9-]+):([0-9]{12}):([A-Za-z0-9_-]{1,80}(?:\.fifo)?)")


class QueueRecord(msgspec.Struct, frozen=True, kw_only=True):
    """What is stored of a queue.

    messages: where its messages are in the store. A purge gives the queue a new place, so that it takes no
        time; the old one is emptied little by little.
    managed_sse, kms_key, kms_reuse_s: reported only, as AWS reports them; see docs/differences.md.
    throughput_limit: reported only; nothing is throttled here.
    dead_letters: the ARN of the dead-letter queue, or "".
    redrive_allow, policy: JSON, or "".
    """

    messages: int
    created_ms: int
    modified_ms: int
    delay_s: int = 0
    maximum_message_bytes: int = 1_048_576
    retention_s: int = 345_600
    wait_time_s: int = 0
    visibility_timeout_s: int = 30
    managed_sse: bool = True
    kms_key: str = ""
    kms_reuse_s: int = 300
    purged_ms: int = 0
    fifo: bool = False
    content_deduplication: bool = False
    deduplication_scope: str = "queue"
    throughput_limit: str = "perQueue"
    dead_letters: str = ""
    max_receives: int = 0
    redrive_allow: str = ""
    policy: str = ""
    tags: dict[str, str] = {}


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(QueueRecord).decode


class Queue(msgspec.Struct, frozen=True):
    """A queue as found. stored: the record's bytes, to compare and swap. mark: 8 bytes of its own."""

    account: str
    region: str
    name: str
    record: QueueRecord
    stored: bytes
    arn: str
    mark: bytes


# Where AWS's own queues are: of another region's host, it says that the address is none of this endpoint's.
AWS_HOST = re.compile(
    r"https?://(?:sqs(?:-fips)?\.([a-z0-9-]+)|([a-z0-9-]+)\.queue)\.amazonaws\.com(?:\.cn)?(?=[:/])"
)


def arn_of(account: str, region: str, name: str) -> str:
    return f"arn:aws:sqs:{region}:{account}:{name}"


def url_of(ctx: RequestContext, account: str, name: str) -> str:
    return f"{ctx.base_url}/{account}/{name}"


def new_messages_id() -> int:
    """A place in the store; 47 bits are stored in 6 bytes and never meet by chance."""
    return secrets.randbits(47)


def split_url(account: str, queue_url: str) -> tuple[str, str]:
    """(account, name): the URL's last two segments, whatever the host; a bare name is the caller's own."""
    head, slash, name = queue_url.rstrip("/").rpartition("/")
    if not slash:
        return account, name
    return head.rpartition("/")[2], name


class Queues:
    """The records of queues, cached until any record changes."""

    def __init__(self, records: Records) -> None:
        self._records = records
        self._found: GenerationCache[tuple[str, str, str], Queue] = GenerationCache(
            records.generation, MAX_CACHED_QUEUES
        )

    async def find(self, ctx: RequestContext, queue_url: str) -> Queue:
        """Raises QueueDoesNotExist, InvalidAddress, MissingParameter, AccessDenied."""
        key = (ctx.account, ctx.region, queue_url)
        queue = self._found.get(key)
        if queue is None:
            generation = self._found.generation
            queue = await self._find(ctx, queue_url)
            self._found.put(key, queue, generation)
        if queue.account != ctx.account and ctx.operation in OWNERS:
            raise errors.foreign_queue(ctx.principal.arn, f"sqs:{ctx.operation}", queue.arn)
        return queue

    def known(self, ctx: RequestContext, queue_url: str) -> Queue | None:
        """What `find` would find, if that needs neither the store nor a closer look."""
        queue = self._found.get((ctx.account, ctx.region, queue_url))
        return queue if queue is not None and queue.account == ctx.account else None

    async def _find(self, ctx: RequestContext, queue_url: str) -> Queue:
        if not queue_url:
            raise errors.missing_parameter("QueueUrl")
        account, name = split_url(ctx.account, queue_url)
        host = AWS_HOST.match(queue_url)
        if host is not None and ctx.region not in host.groups():
            raise errors.invalid_address(queue_url)
        if not (account.isascii() and account.isdigit() and len(account) == 12 and name):
            raise errors.invalid_address(queue_url)
        queue = await self.get(account, ctx.region, name)
        if queue is None:
            raise errors.no_such_queue()
        return queue

    async def get(self, account: str, region: str, name: str) -> Queue | None:
        stored = await self._records.get(KIND, account, region, name)
        return None if stored is None else _queue(account, region, name, stored)

    async def by_arn(self, arn: str) -> Queue | None:
        """Cached as `find` is; None for what is no queue's ARN, too."""
        key = ("", "", arn)
        queue = self._found.get(key)
        if queue is None:
            generation = self._found.generation
            parts = ARN.fullmatch(arn)
            if parts is None:
                return None
            queue = await self.get(parts[2], parts[1], parts[3])
            if queue is not None:
                self._found.put(key, queue, generation)
        return queue

    async def create(self, account: str, region: str, name: str, record: QueueRecord) -> bool:
        return await self._records.insert(KIND, account, region, name, _encode(record))

    async def replace(self, queue: Queue, record: QueueRecord) -> bool:
        """False where the queue has changed since it was found."""
        return await self._records.replace(
            KIND, queue.account, queue.region, queue.name, _encode(record), expected=queue.stored
        )

    async def delete(self, queue: Queue) -> bool:
        return await self._records.delete(KIND, queue.account, queue.region, queue.name)

    async def deleted_ms(self, account: str, region: str, name: str) -> int:
        """When the queue was last deleted; 0 where that is not known."""
        return int(await self._records.get(DELETED, account, region, name) or 0)

    async def remember_deleted(self, queue: Queue, now_ms: int, forgotten_ms: int) -> None:
        """Remember when its name became free, and forget what was deleted before `forgotten_ms`."""
        for name, deleted in await self._records.list(DELETED, queue.account, queue.region):
            if name == queue.name or int(deleted) < forgotten_ms:
                await self._records.delete(DELETED, queue.account, queue.region, name)
        await self._records.insert(DELETED, queue.account, queue.region, queue.name, str(now_ms).encode())

    async def names(self, ctx: RequestContext, *, prefix: str, after: str, limit: int) -> list[str]:
        rows = await self._records.list(
            KIND, ctx.account, ctx.region, prefix=prefix, after=after, limit=limit
        )
        return [name for name, _ in rows]

    async def all(self) -> list[Queue]:
        """Every queue of every account and region."""
        queues = []
        for account, region in await self._records.owners(KIND):
            queues += await self.of(account, region)
        return queues

    async def of(self, account: str, region: str) -> list[Queue]:
        """All the queues of an account and region."""
        rows = every(self._records, KIND, account, region)
        return [_queue(account, region, name, stored) async for name, stored in rows]

    async def sources_of(self, dead_letters: Queue) -> list[Queue]:
        """The queues that have it as their dead-letter queue."""
        queues = await self.of(dead_letters.account, dead_letters.region)
        return [queue for queue in queues if queue.record.dead_letters == dead_letters.arn]


def _queue(account: str, region: str, name: str, stored: bytes) -> Queue:
    record = _decode(stored)
    arn = arn_of(account, region, name)
    mark = hashlib.blake2b(f"{arn} {record.created_ms}".encode(), digest_size=8).digest()
    return Queue(account, region, name, record, stored, arn, mark)
