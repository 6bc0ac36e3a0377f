"""The head of a request: names and the address as handlers get them, or the refusal."""

from __future__ import annotations

from functools import lru_cache

from noria.http.render import refusal


class Refused(Exception):
    """Raised inside a parser callback: the request is answered `response`, and nothing after it is read."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.response = refusal(status, reason)


@lru_cache(maxsize=512)  # clients send the same two dozen names all day
def header_name(raw: bytes) -> str:
    return raw.decode("latin-1").lower()


def origin_form(url: bytes) -> bytes:
    """``http://host/path`` (as sent to proxies) → ``/path``; ``*`` as it is."""
    scheme, mark, rest = url.partition(b"://")
    if mark and scheme.lower() in {b"http", b"https"}:
        return b"/" + rest.partition(b"/")[2]
    if url == b"*":
        return url
    raise Refused(400, "The request's address is not a path.")
