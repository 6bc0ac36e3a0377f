"""Which socket of this machine a connection of the loopback network is: Linux names it by an inode.

The kernel is asked for the one socket (sock_diag(7)); where it cannot answer that, its table of all of them
is read, which takes a millisecond for a thousand connections.
"""

from __future__ import annotations

import contextlib
import socket
import struct
import sys
from pathlib import Path

TABLE = Path("/proc/net/tcp")
SOCK_DIAG = 4  # a protocol of netlink
SOCK_DIAG_BY_FAMILY, REQUEST = 20, 1
NO_COOKIE = b"\xff" * 8
ALL_STATES = 0xFFFFFFFF
HEADER = struct.Struct("=IHHII")  # nlmsghdr
QUERY = struct.Struct("=BBBxI")  # inet_diag_req_v2, to which a socket's addresses belong
INODE_AT = HEADER.size + 68  # in inet_diag_msg
ANSWER_BYTES = 4096

Address = tuple[str, int]


def socket_inode(local: Address, remote: Address) -> int | None:
    """Of the TCP socket with these ends; None where there is none."""
    try:
        return _ask(local, remote)
    except OSError:
        return _look_up(local, remote)


def _ask(local: Address, remote: Address) -> int | None:
    """Raises OSError where the kernel has no sock_diag."""
    query = QUERY.pack(socket.AF_INET, socket.IPPROTO_TCP, 0, ALL_STATES) + _ends(local, remote)
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, SOCK_DIAG) as kernel:
        kernel.settimeout(1.0)
        kernel.send(HEADER.pack(HEADER.size + len(query), SOCK_DIAG_BY_FAMILY, REQUEST, 1, 0) + query)
        answer = kernel.recv(ANSWER_BYTES)
    if HEADER.unpack_from(answer)[1] == SOCK_DIAG_BY_FAMILY:
        return int.from_bytes(answer[INODE_AT : INODE_AT + 4], sys.byteorder)
    error = -int.from_bytes(answer[HEADER.size : HEADER.size + 4], sys.byteorder, signed=True)
    with contextlib.suppress(FileNotFoundError):
        raise OSError(error, "sock_diag")
    return None


def _ends(local: Address, remote: Address) -> bytes:
    """inet_diag_sockid."""
    ports = struct.pack(">HH", local[1], remote[1])
    addresses = b"".join(socket.inet_aton(host).ljust(16, b"\0") for host, _ in (local, remote))
    return ports + addresses + bytes(4) + NO_COOKIE


def _look_up(local: Address, remote: Address) -> int | None:
    needle = f": {_hex(local)} {_hex(remote)} ".encode()
    table = TABLE.read_bytes()
    at = table.find(needle)
    return None if at < 0 else int(table[at : table.find(b"\n", at)].split()[9])


def _hex(address: Address) -> str:
    """As the table has it: the address as the machine's own 32-bit number."""
    octets = bytes(map(int, address[0].split(".")))
    return f"{int.from_bytes(octets, sys.byteorder):08X}:{address[1]:04X}"
