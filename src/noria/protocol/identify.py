"""Which service, in which protocol, a request is for."""

from __future__ import annotations

from collections.abc import Iterable

from noria.http.types import Request
from noria.protocol.codec import Codec


class Identifier:
    """Finds a request's codec among the services that are served."""

    def __init__(self, services: Iterable[str]) -> None:
        raise NotImplementedError

    def codec(self, request: Request) -> Codec:
        """Never raises: a request that is for none of the services gets a codec whose `route` refuses it.

        Usage: ``codec = identifier.codec(request)``; then, in one try whose AwsError `codec.encode_error`
        answers: ``route = codec.route(request)``, authenticate, ``codec.decode(...)``, ``validate(...)``.
        """
        raise NotImplementedError
