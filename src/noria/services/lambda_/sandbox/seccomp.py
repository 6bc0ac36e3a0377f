"""The filter of system calls: what no function needs, and what the kernel's holes have been in.

A denied call fails with EPERM, as in a container, so that a program which can do without it goes on. What
takes a pointer to its flags (clone3) or rings (io_uring) cannot be looked into and is said not to exist.
"""

from __future__ import annotations

import ctypes
import errno
import socket
import struct
from collections.abc import Sequence

from noria.services.lambda_.sandbox import kernel

# name: (its number on x86_64, on aarch64)
DENIED = {
    # other processes
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "process_madvise": (440, 440),
    "pidfd_getfd": (438, 438),
    "kcmp": (312, 272),
    # namespaces and mounts
    "unshare": (272, 97),
    "setns": (308, 268),
    "mount": (165, 40),
    "umount2": (166, 39),
    "pivot_root": (155, 41),
    "chroot": (161, 51),
    "open_tree": (428, 428),
    "move_mount": (429, 429),
    "fsopen": (430, 430),
    "fsconfig": (431, 431),
    "fsmount": (432, 432),
    "fspick": (433, 433),
    "mount_setattr": (442, 442),
    "name_to_handle_at": (303, 264),
    "open_by_handle_at": (304, 265),
    # the kernel itself
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
    "keyctl": (250, 219),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "kexec_load": (246, 104),
    "kexec_file_load": (320, 294),
    "init_module": (175, 105),
    "finit_module": (313, 273),
    "delete_module": (176, 106),
    "fanotify_init": (300, 262),
    "memfd_secret": (447, 447),
    "lookup_dcookie": (212, 18),
    "quotactl": (179, 60),
    "quotactl_fd": (443, 443),
    # the machine
    "reboot": (169, 142),
    "swapon": (167, 224),
    "swapoff": (168, 225),
    "acct": (163, 89),
    "settimeofday": (164, 170),
    "clock_settime": (227, 112),
    "adjtimex": (159, 171),
    "clock_adjtime": (305, 266),
    "sethostname": (170, 161),
    "setdomainname": (171, 162),
    "syslog": (103, 116),
    "vhangup": (153, 58),
}
ABSENT = {
    "clone3": (435, 435),
    "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
}
SHARED_MEMORY = {  # and queues and semaphores: the machine's, where there is no namespace for them
    "shmget": (29, 194),
    "shmat": (30, 196),
    "shmctl": (31, 195),
    "semget": (64, 190),
    "semop": (65, 193),
    "semctl": (66, 191),
    "semtimedop": (220, 192),
    "msgget": (68, 186),
    "msgsnd": (69, 189),
    "msgrcv": (70, 188),
    "msgctl": (71, 187),
    "mq_open": (240, 180),
    "mq_unlink": (241, 181),
    "ioprio_set": (251, 30),
}
# What a user may do to all of his processes: the number of the argument that must be 0, "this one".
OWN_PROCESS_ONLY = {
    "prlimit64": (302, 261, 0),
    "setpriority": (141, 140, 1),
    "sched_setaffinity": (203, 122, 0),
    "sched_setscheduler": (144, 119, 0),
    "sched_setparam": (142, 118, 0),
    "sched_setattr": (314, 274, 0),
    "migrate_pages": (256, 238, 0),
    "move_pages": (279, 239, 0),
}
CLONE = (56, 220)
SOCKET = (41, 198)
NEW_NAMESPACES = (
    kernel.CLONE_NEWNS
    | kernel.CLONE_NEWCGROUP
    | kernel.CLONE_NEWUTS
    | kernel.CLONE_NEWIPC
    | kernel.CLONE_NEWUSER
    | kernel.CLONE_NEWPID
    | kernel.CLONE_NEWNET
)
NETLINK = 16  # getaddrinfo asks it for the machine's addresses

ARCHITECTURES = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}  # column above, AUDIT_ARCH_…
X32_CALLS = 0x40000000

LOAD, JUMP_EQUAL, JUMP_AT_LEAST, JUMP_ANY_BIT, RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
KILL, FAIL, ALLOW = 0x80000000, 0x00050000, 0x7FFF0000
NUMBER_AT, ARCHITECTURE_AT, FIRST_ARGUMENT_AT = 0, 4, 16
FILTER_MODE = 2


def is_supported() -> bool:
    return kernel.MACHINE in ARCHITECTURES


def program(machine: str, families: Sequence[int], alone: bool) -> bytes:
    """The filter in the kernel's classic BPF.

    families: of sockets that may be opened. alone: whether no other processes are to be seen anyhow.
    """
    column, architecture = ARCHITECTURES[machine]
    denied = _fail(errno.EPERM)
    code = [
        _do(LOAD, ARCHITECTURE_AT),
        _do(JUMP_EQUAL, architecture, 1, 0),
        _do(RETURN, KILL),
        _do(LOAD, NUMBER_AT),
    ]
    if machine == "x86_64":
        code += [_do(JUMP_AT_LEAST, X32_CALLS, 0, 1), denied]
    for numbers in (DENIED if alone else {**DENIED, **SHARED_MEMORY}).values():
        code += [_do(JUMP_EQUAL, numbers[column], 0, 1), denied]
    for numbers in ABSENT.values():
        code += [_do(JUMP_EQUAL, numbers[column], 0, 1), _fail(errno.ENOSYS)]
    for *both, argument in () if alone else OWN_PROCESS_ONLY.values():
        code += [
            _do(JUMP_EQUAL, both[column], 0, 4),
            _do(LOAD, FIRST_ARGUMENT_AT + 8 * argument),
            _do(JUMP_EQUAL, 0, 1, 0),
            denied,
            _do(RETURN, ALLOW),
        ]
    code += [
        _do(JUMP_EQUAL, CLONE[column], 0, 4),
        _do(LOAD, FIRST_ARGUMENT_AT),
        _do(JUMP_ANY_BIT, NEW_NAMESPACES, 0, 1),
        denied,
        _do(RETURN, ALLOW),
        _do(JUMP_EQUAL, SOCKET[column], 0, 2 + len(families)),
        _do(LOAD, FIRST_ARGUMENT_AT),
        *(_do(JUMP_EQUAL, family, len(families) - at, 0) for at, family in enumerate(families)),
        _fail(errno.EAFNOSUPPORT),
        _do(RETURN, ALLOW),
    ]
    return b"".join(code)


def _do(what: int, value: int, then: int = 0, otherwise: int = 0) -> bytes:
    return struct.pack("=HBBI", what, then, otherwise, value)


def _fail(number: int) -> bytes:
    return _do(RETURN, FAIL | number)


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_char_p))


def install(unix_sockets: bool, alone: bool) -> None:
    """For this process and all that come of it; needs no_new_privs. See `program`."""
    families = [socket.AF_INET, socket.AF_INET6, NETLINK]
    if unix_sockets:
        families.append(socket.AF_UNIX)
    code = program(kernel.MACHINE, families, alone)
    filter_program = _Program(len(code) // 8, code)
    kernel.process_control(kernel.PR_SET_SECCOMP, FILTER_MODE, ctypes.addressof(filter_program))
