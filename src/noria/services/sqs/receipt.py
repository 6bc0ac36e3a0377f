"""Receipt handles: opaque, of one receive of one message of one queue, and not to be guessed."""

from __future__ import annotations

import struct
from binascii import a2b_base64, b2a_base64  # `base64` does the same, and costs a hot path three calls more

from noria.services.sqs import errors
from noria.services.sqs.queue import Queue
from noria.store.messages import Receipt

LAYOUT = struct.Struct(">8sqq")  # the queue's mark, the message, the receive's random nonce


def render(queue: Queue, receipt: Receipt) -> str:
    return b2a_base64(LAYOUT.pack(queue.mark, *receipt), newline=False).decode()


def parse(queue: Queue, handle: str) -> Receipt:
    """Raises MissingParameter, and ReceiptHandleIsInvalid for garbage and for another queue's handle."""
    if not handle.strip():
        raise errors.missing_parameter("ReceiptHandle")
    try:
        mark, message, nonce = LAYOUT.unpack(a2b_base64(handle, strict_mode=True))
    except (struct.error, ValueError) as error:
        raise errors.receipt_handle_is_invalid(handle) from error
    if mark != queue.mark:
        raise errors.receipt_handle_is_invalid(handle)
    return Receipt(message, nonce)
