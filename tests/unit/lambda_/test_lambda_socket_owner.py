"""Which socket a connection is, as the kernel names it."""

from __future__ import annotations

import os
import socket
import sys
import time

import pytest

from noria.services.lambda_ import socket_owner

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="Linux names sockets")


@pytest.mark.parametrize("look_up", [socket_owner.socket_inode, socket_owner._look_up])
def test_the_clients_end_of_a_connection_is_found(look_up: object) -> None:
    assert callable(look_up)
    with socket.create_server(("127.3.2.1", 0)) as server:
        address = server.getsockname()
        with socket.create_connection(address) as client:
            inode = look_up(client.getsockname(), address)
            assert os.readlink(f"/proc/self/fd/{client.fileno()}") == f"socket:[{inode}]"
            assert look_up(client.getsockname(), ("127.3.2.2", address[1])) is None


def test_the_kernel_is_asked_for_one_socket(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not for all: the table is not read (a machine without sock_diag has to)."""
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.create_connection(server.getsockname()) as client,
    ):
        try:
            socket_owner._ask(client.getsockname(), server.getsockname())
        except OSError:
            pytest.skip("no sock_diag here")
        began_s = time.perf_counter()
        for _ in range(10):
            socket_owner.socket_inode(client.getsockname(), server.getsockname())
        assert time.perf_counter() - began_s < 0.1
        monkeypatch.setattr(socket_owner, "_ask", _fails)
        assert socket_owner.socket_inode(client.getsockname(), server.getsockname()) is not None


def _fails(*_: object) -> None:
    raise OSError
