"""HTTP/1.1 on asyncio: framing, limits and timeouts, one connection a Protocol instance."""

from __future__ import annotations

from noria.http.types import Handler

MAX_CONNECTIONS = 10_000


class HttpServer:
    """Serves `handler`. Its exceptions are bugs: logged, answered with an empty 500."""

    def __init__(
        self, handler: Handler, *, max_body_bytes: int, max_connections: int = MAX_CONNECTIONS
    ) -> None:
        raise NotImplementedError

    async def start(self, host: str, port: int) -> int:
        """Listen; return the port (the one that the system picked, for 0). Raises OSError."""
        raise NotImplementedError

    async def stop(self, grace_s: float) -> None:
        """Stop listening, close idle connections, let running requests finish for `grace_s`, cancel the rest."""
        raise NotImplementedError
