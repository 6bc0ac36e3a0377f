"""The handler of a function that waits for a debugger: ``noria_debug`` in the function's environment.

Run by the runtime's own interpreter: Python 3.9 syntax. The function's module is imported once the debugger
is there, so that breakpoints hold in it from its first line on.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from typing import Any, Optional

_handler: Optional[Callable[[Any, Any], Any]] = None  # noqa: UP045  Python 3.9


def handler(event: Any, context: Any) -> Any:
    global _handler  # noqa: PLW0603  once an environment
    if _handler is None:
        _wait_for_debugger()
        from awslambdaric.bootstrap import _get_handler

        os.environ["_HANDLER"] = os.environ.pop("NORIA_DEBUG_HANDLER")
        _handler = _get_handler(os.environ["_HANDLER"])
    return _handler(event, context)


def _wait_for_debugger() -> None:
    """Two connections: the first tells when to go on, the second, if it says so, is the debugger's."""
    host, _, port = os.environ.pop("NORIA_DEBUG_ADDRESS").rpartition(":")
    with socket.create_connection((host, int(port))) as gate:
        if not gate.recv(1):
            return
    os.environ["PYDEVD_DISABLE_FILE_VALIDATION"] = "1"  # else a warning about the library's frozen modules
    import debugpy

    debugpy.connect((host, int(port)))
