"""The system calls that a sandbox is made of, which Python does not offer itself. Each raises OSError."""

from __future__ import annotations

import ctypes
import os
import platform
import sys
from typing import Any

LINUX = sys.platform == "linux"
MACHINE = platform.machine()

CLONE_NEWNS = 0x00020000
CLONE_NEWCGROUP = 0x02000000
CLONE_NEWUTS = 0x04000000
CLONE_NEWIPC = 0x08000000
CLONE_NEWUSER = 0x10000000
CLONE_NEWPID = 0x20000000
CLONE_NEWNET = 0x40000000
CLONE_NEWTIME = 0x00000080
SIGCHLD = 17

MS_REC, MS_BIND, MS_SLAVE = 0x4000, 0x1000, 0x80000
MS_NOSUID, MS_NODEV, MS_NOEXEC = 0x2, 0x4, 0x8
MNT_DETACH = 2
READ_ONLY, NO_SUID, NO_DEVICES = 0x1, 0x2, 0x4  # MOUNT_ATTR_…
AT_FDCWD, AT_RECURSIVE = -100, 0x8000

PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_CAPBSET_DROP = 1, 4, 24
PR_SET_SECCOMP, PR_SET_CHILD_SUBREAPER, PR_SET_NO_NEW_PRIVS = 22, 36, 38
PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL = 47, 4
LAST_CAPABILITY = 63
CAPABILITY_VERSION_3 = 0x20080522

MOUNT_SETATTR, LANDLOCK_CREATE_RULESET, LANDLOCK_ADD_RULE, LANDLOCK_RESTRICT_SELF = 442, 444, 445, 446
CLONE = {"x86_64": 56, "aarch64": 220}
PIVOT_ROOT = {"x86_64": 155, "aarch64": 41}

_libc = ctypes.PyDLL(None, use_errno=True)  # keeps the interpreter's lock, which a fork needs


def _checked(result: int, what: str) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
    return result


def system_call(what: str, number: int, *arguments: Any) -> int:
    """Integers are passed as the kernel's own, 64 bits wide."""
    wide = [ctypes.c_long(each) if isinstance(each, int) else each for each in arguments]
    return _checked(_libc.syscall(ctypes.c_long(number), *wide), what)


def process_control(option: int, value: int = 0, third: int = 0) -> None:
    if LINUX:
        values = [ctypes.c_ulong(each) for each in (value, third, 0, 0)]
        _checked(_libc.prctl(option, *values), f"prctl {option}")


def unshare(flags: int) -> None:
    _checked(_libc.unshare(flags), "unshare")


def fork_into(flags: int) -> int:
    """As os.fork, with the child in new namespaces; one of a new PID namespace is its first process."""
    python: Any = ctypes.pythonapi
    python.PyOS_BeforeFork()
    try:
        pid = system_call("clone", CLONE[MACHINE], flags | SIGCHLD, 0, 0, 0, 0)
    except OSError:
        python.PyOS_AfterFork_Parent()
        raise
    if pid == 0:
        python.PyOS_AfterFork_Child()
    else:
        python.PyOS_AfterFork_Parent()
    return pid


def mount(source: str, target: str, kind: str = "", flags: int = 0, options: str = "") -> None:
    result = _libc.mount(
        source.encode(),
        target.encode(),
        kind.encode() or None,
        ctypes.c_ulong(flags),
        options.encode() or None,
    )
    _checked(result, f"mount {source} at {target}")


def unmount(target: str) -> None:
    _checked(_libc.umount2(target.encode(), MNT_DETACH), f"unmount {target}")


def set_mount_attributes(target: str, attributes: int, recursive: bool = True) -> None:
    """Since Linux 5.12: remounting a bind with all that is mounted below it."""
    value = (ctypes.c_uint64 * 4)(attributes, 0, 0, 0)
    flags = AT_RECURSIVE if recursive else 0
    system_call(
        f"mount_setattr {target}",
        MOUNT_SETATTR,
        AT_FDCWD,
        target.encode(),
        flags,
        value,
        ctypes.sizeof(value),
    )


def bind(source: str, target: str, attributes: int = READ_ONLY | NO_SUID | NO_DEVICES) -> None:
    mount(source, target, flags=MS_BIND | MS_REC)
    if attributes:
        set_mount_attributes(target, attributes)


def pivot_root(new: str, old: str) -> None:
    system_call("pivot_root", PIVOT_ROOT[MACHINE], new.encode(), old.encode())


def set_host_name(name: str) -> None:
    _checked(_libc.sethostname(name.encode(), ctypes.c_size_t(len(name))), "sethostname")


def drop_bounding_set() -> None:
    """What a program that is executed later could gain; as far as this process may."""
    for capability in range(LAST_CAPABILITY + 1):
        try:
            process_control(PR_CAPBSET_DROP, capability)
        except OSError:
            return  # EINVAL: the kernel has no more; EPERM: has none itself, and no_new_privs keeps it so


def drop_capabilities() -> None:
    """All of them, for good."""
    drop_bounding_set()
    process_control(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL)
    header = (ctypes.c_uint32 * 2)(CAPABILITY_VERSION_3, 0)
    _checked(_libc.capset(header, (ctypes.c_uint32 * 6)()), "capset")
    process_control(PR_SET_NO_NEW_PRIVS, 1)
