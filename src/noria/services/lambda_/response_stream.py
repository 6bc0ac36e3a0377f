"""What a function writes as it writes it, on its way to whoever waits for it.

https://docs.aws.amazon.com/lambda/latest/dg/configuration-response-streaming.html
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Callable

HELD_BYTES = 1 << 18  # of a stream: beyond it the function waits for the client to take some
LARGEST_BYTES = 209_715_200  # 200 MB; what comes after it is dropped ("Lambda quotas")


class ResponseStream:
    """One invocation's. The function's side writes, the client's side takes."""

    def __init__(self) -> None:
        self._parts: deque[bytes] = deque()
        self._held_bytes = 0
        self._room = LARGEST_BYTES
        self._changed = asyncio.Event()
        self._resume: Callable[[], None] | None = None
        self._taken = False
        self._ended = False
        self.begun = asyncio.Event()
        self.content_type = ""

    def begin(self, content_type: str) -> None:
        """The function has said that it will stream."""
        self.content_type = content_type
        self.begun.set()

    def write(self, data: bytes, resume: Callable[[], None]) -> bool:
        """False where no more should come until `resume` is called."""
        data = data[: self._room]
        self._room -= len(data)
        if self._taken or not data:
            return True
        self._parts.append(data)
        self._held_bytes += len(data)
        self._changed.set()
        if self._held_bytes < HELD_BYTES:
            return True
        self._resume = resume
        return False

    def end(self) -> None:
        """Nothing more comes."""
        self._ended = True
        self._changed.set()

    async def parts(self) -> AsyncGenerator[bytes, None]:
        """Until the end; a client that goes earlier does not stop the function."""
        try:
            while True:
                while self._parts:
                    data = self._parts.popleft()
                    self._held_bytes -= len(data)
                    self._go_on()
                    yield data
                if self._ended:
                    return
                self._changed.clear()
                await self._changed.wait()
        finally:
            self.drop()

    def drop(self) -> None:
        """Nobody takes what comes."""
        self._taken = True
        self._parts.clear()
        self._held_bytes = 0
        self._go_on()

    def _go_on(self) -> None:
        if self._resume is not None and self._held_bytes < HELD_BYTES:
            resume, self._resume = self._resume, None
            resume()
