"""`fdatasync` of one file beside the event loop: by the kernel where it offers that, else by a thread.

A thread that comes back from a sync fights the loop for the GIL: 45 µs of CPU for one, and as much again for
the loop that was interrupted. Linux does it by itself (io_submit(2), IOCB_CMD_FDSYNC, since 4.18) and says
through an eventfd when it is done: 13 µs.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import platform
import struct
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

Done = Callable[[BaseException | None], None]

_FDSYNC = 3  # IOCB_CMD_FDSYNC
_RESFD = 1  # IOCB_FLAG_RESFD
_IOCB = "=QIIHhIQQqQII"  # data, key, flags, opcode, priority, fd, buffer, bytes, offset, -, flags, eventfd
_EVENT = struct.Struct("=QQqq")  # data, iocb, result, second result
_SYSCALLS = {  # setup, destroy, getevents, submit
    "x86_64": (206, 207, 208, 209),
    "aarch64": (0, 1, 4, 2),
}


class Sync(Protocol):
    """One sync at a time: `begin` may be called again from `done` on."""

    def begin(self) -> None:
        """Make durable what has been written to the file until now; `done` is called on the loop then."""

    def close(self) -> None:
        """While no sync runs."""


def open_sync(fd: int, done: Done) -> Sync:
    """For the running loop. done: called with the error of a sync that failed, else None."""
    try:
        return KernelSync(fd, done)
    except OSError:
        return ThreadSync(fd, done)


class KernelSync:
    """Raises OSError where the system has no such thing, or forbids it."""

    def __init__(self, fd: int, done: Done) -> None:
        numbers = _SYSCALLS.get(platform.machine())
        if sys.platform != "linux" or numbers is None or sys.maxsize < 1 << 32:
            raise OSError("this system's asynchronous I/O is not known here")
        self._done = done
        setup, self._destroy, self._get_events, self._submit = numbers
        self._context = ctypes.c_ulong(0)
        if _syscall(setup, 1, ctypes.addressof(self._context)) < 0:
            raise OSError(ctypes.get_errno(), "io_setup")
        self._eventfd = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        request = struct.pack(_IOCB, 0, 0, 0, _FDSYNC, 0, fd, 0, 0, 0, 0, _RESFD, self._eventfd)
        self._request = ctypes.create_string_buffer(request)
        self._requests = ctypes.c_void_p(ctypes.addressof(self._request))
        self._event = ctypes.create_string_buffer(_EVENT.size)
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._eventfd, self._finished)

    def begin(self) -> None:
        if _syscall(self._submit, self._context.value, 1, ctypes.addressof(self._requests)) != 1:
            error = OSError(ctypes.get_errno(), "io_submit")
            self._loop.call_soon(self._done, error)

    def _finished(self) -> None:
        os.eventfd_read(self._eventfd)
        event = ctypes.addressof(self._event)
        if _syscall(self._get_events, self._context.value, 1, 1, event, 0) != 1:
            self._done(OSError(ctypes.get_errno(), "io_getevents"))
            return
        result = _EVENT.unpack(self._event.raw)[2]
        self._done(OSError(-result, os.strerror(-result)) if result < 0 else None)

    def close(self) -> None:
        self._loop.remove_reader(self._eventfd)
        _syscall(self._destroy, self._context.value)
        os.close(self._eventfd)


class ThreadSync:
    def __init__(self, fd: int, done: Done) -> None:
        self._fd = fd
        self._done = done
        self._loop = asyncio.get_running_loop()
        self._thread = ThreadPoolExecutor(1, "noria-fsync")

    def begin(self) -> None:
        future = self._loop.run_in_executor(self._thread, os.fdatasync, self._fd)
        future.add_done_callback(lambda future: self._done(future.exception()))

    def close(self) -> None:
        self._thread.shutdown()


def _syscall(number: int, *arguments: int) -> int:
    """syscall(2), with the GIL held: none of these takes long. -1 and errno where it fails."""
    result: int = _libc_syscall(number, *[ctypes.c_long(argument) for argument in arguments])
    return result


_libc_syscall = ctypes.PyDLL(None, use_errno=True).syscall
_libc_syscall.restype = ctypes.c_long
