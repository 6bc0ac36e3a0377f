"""Landlock: a process gives up, for good, all files but those it names, and signals and sockets of others.

Kernel documentation: userspace-api/landlock. Metadata (stat) is not covered.
"""

from __future__ import annotations

import ctypes
import os
import struct
from collections.abc import Iterable

from noria.services.lambda_.sandbox import kernel

EXECUTE, WRITE_FILE, READ_FILE, READ_DIRECTORY = 1 << 0, 1 << 1, 1 << 2, 1 << 3
REFER, TRUNCATE, DEVICE_CONTROL = 1 << 13, 1 << 14, 1 << 15
FIRST_RIGHTS = (1 << 13) - 1  # of ABI 1: those above, removing, and making anything
SCOPES = 3  # abstract Unix sockets, signals
SCOPES_ABI = 6  # Linux 6.12
GET_VERSION = 1
PATH_BENEATH = 1

READ = EXECUTE | READ_FILE | READ_DIRECTORY
OF_FILES = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE | DEVICE_CONTROL
DEVICES = 1 << 6 | 1 << 11  # making character and block devices


def abi() -> int:
    """The kernel's version of it; 0 where it has none."""
    if not kernel.LINUX:
        return 0
    try:
        return kernel.system_call("landlock", kernel.LANDLOCK_CREATE_RULESET, None, 0, GET_VERSION)
    except OSError:
        return 0


def _rights(version: int) -> int:
    rights = FIRST_RIGHTS
    for since, right in ((2, REFER), (3, TRUNCATE), (5, DEVICE_CONTROL)):
        if version >= since:
            rights |= right
    return rights


def restrict_files(readable: Iterable[str], writable: Iterable[str]) -> None:
    """Leave these files and directories, with all below them, and no others."""
    version = abi()
    rights = _rights(version)
    ruleset = _ruleset(version, rights)
    try:
        for path in readable:
            _allow(ruleset, path, rights & READ)
        for path in writable:
            _allow(ruleset, path, rights & ~DEVICES)
        kernel.system_call("landlock", kernel.LANDLOCK_RESTRICT_SELF, ruleset, 0)
    finally:
        os.close(ruleset)


def restrict_to_own_processes() -> None:
    """No signal to a process, and no abstract socket, that is not of this process or came of it."""
    ruleset = _ruleset(abi(), 0)
    try:
        kernel.system_call("landlock", kernel.LANDLOCK_RESTRICT_SELF, ruleset, 0)
    finally:
        os.close(ruleset)


def _ruleset(version: int, rights: int) -> int:
    attributes = (ctypes.c_uint64 * 3)(rights, 0, SCOPES)
    size = 24 if version >= SCOPES_ABI else 8  # older kernels know fewer members
    return kernel.system_call("landlock", kernel.LANDLOCK_CREATE_RULESET, attributes, size, 0)


def _allow(ruleset: int, path: str, rights: int) -> None:
    try:
        fd = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return
    try:
        if not os.path.isdir(path):
            rights &= OF_FILES
        rule = struct.pack("=Qi", rights, fd)
        kernel.system_call("landlock", kernel.LANDLOCK_ADD_RULE, ruleset, PATH_BENEATH, rule, 0)
    finally:
        os.close(fd)
