"""The one exception that a client sees."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class AwsError(Exception):
    """An error as AWS answers it; the codec of the request's protocol gives it its wire form.

    code: the error shape's name in the service's model, e.g. ``QueueDoesNotExist``.
    message: AWS's text.
    status: HTTP status.
    query_code: the code of the Query protocol where it differs from the shape's name, e.g.
        ``AWS.SimpleQueueService.NonExistentQueue``; JSON answers carry it in ``x-amzn-query-error``.
    members: further members of the error's shape, e.g. Lambda's ``Type``.
    """

    def __init__(
        self,
        code: str,
        message: str,
        status: int = 400,
        *,
        query_code: str | None = None,
        members: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(code, message)
        self.code = code
        self.message = message
        self.status = status
        self.query_code = query_code or code
        self.members = members or {}

    @property
    def fault(self) -> str:
        """``Sender`` or ``Receiver``, the Query protocol's words for who is to blame."""
        return "Sender" if self.status < 500 else "Receiver"

    def __str__(self) -> str:
        return f"{self.code}: {self.message}"


def not_implemented(what: str) -> AwsError:
    """What Noria does not support is refused by name, never accepted and ignored (docs/parity.md)."""
    return AwsError("NotImplemented", f"{what} is not supported by Noria, see docs/parity.md.", 501)
