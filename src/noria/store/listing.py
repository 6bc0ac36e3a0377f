"""All records of a kind, page by page."""

from __future__ import annotations

from collections.abc import AsyncIterator

from noria.store.base import Records

PAGE_RECORDS = 1000


async def every(
    records: Records,
    kind: str,
    account: str,
    region: str,
    *,
    prefix: str = "",
    after: str = "",
    page: int = PAGE_RECORDS,
) -> AsyncIterator[tuple[str, bytes]]:
    """(name, value) of those whose names begin with `prefix` and come after `after`, by name.

    page: how many are in memory at once. What others insert or delete meanwhile may be there or not.
    """
    while rows := await records.list(kind, account, region, prefix=prefix, after=after, limit=page):
        for row in rows:
            yield row
        after = rows[-1][0]
