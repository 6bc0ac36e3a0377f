"""Long polls: receives that wait in memory, oldest first, until there is something to receive.

Nothing polls to wake up: a send wakes the first waiter after its commit, a timer does when the next hidden
message becomes visible, and whoever has looked sees to it that the next waiter looks where there is more.
"""

from __future__ import annotations

import asyncio
from collections import deque

from noria.clock import Clock, Timer

Waiter = asyncio.Future[None]


class _Queue:
    """The long polls of one queue.

    news: grows when there is something to look for and nobody waits to be woken. blocked: a poll waits for
    others to delete, because too many messages are in flight.
    """

    __slots__ = ("blocked", "due_ms", "news", "polls", "timer", "waiters")

    def __init__(self) -> None:
        self.polls = 0
        self.news = 0
        self.waiters: deque[Waiter] = deque()
        self.blocked = False
        self.timer: Timer | None = None
        self.due_ms = 0


class Polls:
    """The long polls of all queues, by the queue's ARN."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._queues: dict[str, _Queue] = {}
        self._closed = False

    def open(self, arn: str) -> Poll:
        """Begin a long poll, before its first look at the queue, so that no news is missed in between."""
        state = self._queues.get(arn)
        if state is None:
            state = self._queues[arn] = _Queue()
        state.polls += 1
        return Poll(self, arn, state)

    def any(self, arn: str) -> bool:
        return arn in self._queues

    def wake_at(self, arn: str, due_ms: int) -> None:
        """A message is or becomes visible then."""
        state = self._queues.get(arn)
        if state is None:
            return
        if due_ms <= self._clock.now_ms():
            _wake_first(state)
            return
        if state.timer is not None and state.due_ms <= due_ms:
            return
        if state.timer is not None:
            state.timer.cancel()
        state.due_ms = due_ms
        delay_s = (due_ms - self._clock.now_ms()) / 1000
        state.timer = self._clock.call_later(delay_s, lambda: self._due(state))

    def freed(self, arn: str) -> None:
        """Messages left flight by deletion."""
        if (state := self._queues.get(arn)) is not None and state.blocked:
            state.blocked = False
            _wake_first(state)

    def changed(self, arn: str) -> None:
        """The queue is another, or gone: all look again."""
        if (state := self._queues.get(arn)) is not None:
            state.news += 1
            for waiter in state.waiters:
                _resolve(waiter)

    def stop(self) -> None:
        """Every poll ends now, empty, and later ones don't wait."""
        self._closed = True
        for arn in self._queues:
            self.changed(arn)

    def _due(self, state: _Queue) -> None:
        state.timer = None
        _wake_first(state)

    def _leave(self, arn: str, state: _Queue) -> None:
        state.polls -= 1
        if not state.polls:
            if state.timer is not None:
                state.timer.cancel()
            del self._queues[arn]


class Poll:
    """One receive's wait."""

    def __init__(self, polls: Polls, arn: str, state: _Queue) -> None:
        self._polls = polls
        self._arn = arn
        self._state = state
        self._seen = state.news

    async def wait(self, deadline_ms: int, *, blocked: bool = False) -> bool:
        """True as soon as there is news since the last look; False at the deadline, or when the server stops.

        blocked: the look failed because too many messages are in flight.
        """
        polls, state = self._polls, self._state
        state.blocked |= blocked
        expired = polls._closed
        if not expired and state.news == self._seen:
            waiter: Waiter = asyncio.get_running_loop().create_future()

            def expire() -> None:
                nonlocal expired
                expired = _resolve(waiter)

            clock = polls._clock
            timer = clock.call_later(max(0, deadline_ms - clock.now_ms()) / 1000, expire)
            state.waiters.append(waiter)
            try:
                await waiter
            except asyncio.CancelledError:
                if not waiter.cancelled():  # woken, and gone before it could look: the next one looks
                    _wake_first(state)
                raise
            finally:
                timer.cancel()
                state.waiters.remove(waiter)
        self._seen = state.news
        return not (expired or polls._closed)

    def close(self) -> None:
        self._polls._leave(self._arn, self._state)


def _wake_first(state: _Queue) -> None:
    for waiter in state.waiters:
        if _resolve(waiter):
            return
    state.news += 1  # whoever looks just now, looks once more before it waits


def _resolve(waiter: Waiter) -> bool:
    if waiter.done():
        return False
    waiter.set_result(None)
    return True
