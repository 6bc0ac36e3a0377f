"""What Invoke's caller sends, checked as AWS checks it."""

from __future__ import annotations

import base64
import binascii
import json

import msgspec

from noria.errors import AwsError
from noria.services.lambda_ import errors
from noria.services.lambda_.limits import CLIENT_CONTEXT_BYTES, EVENT_PAYLOAD_BYTES, SYNC_PAYLOAD_BYTES

EXPECTED = "(JSON String, Number, Array, Object or token 'null', 'true' or 'false')"
SOURCE = (
    "\n at [Source: REDACTED (`StreamReadFeature.INCLUDE_SOURCE_IN_LOCATION` disabled); line: 1, column: {}]"
)

_decode = msgspec.json.Decoder(msgspec.Raw).decode


def check_payload(payload: bytes, *, is_event: bool) -> None:
    """Raises what AWS answers to a payload that is too large or not JSON; an empty one is fine."""
    if len(payload) > SYNC_PAYLOAD_BYTES:
        raise errors.request_too_large(SYNC_PAYLOAD_BYTES)
    if is_event and len(payload) > EVENT_PAYLOAD_BYTES:
        raise errors.event_too_large(len(payload), EVENT_PAYLOAD_BYTES)
    if not payload:
        return
    try:
        payload.decode()
        _decode(payload)
    except RecursionError:
        raise errors.bad_payload("Document nesting depth exceeds the maximum allowed (1000)") from None
    except (UnicodeDecodeError, msgspec.DecodeError):
        raise _not_json(payload) from None


def _not_json(payload: bytes) -> AwsError:
    """The text is that of AWS's parser (Jackson), for the first thing that it stumbles over."""
    first = payload.lstrip(b" \t\r\n")[:1]
    if first and first[0] >= 0x80:
        text = f"Unexpected character ((CTRL-CHAR, code {first[0]})): expected a valid value {EXPECTED}"
        return errors.bad_payload(text + SOURCE.format(payload.index(first) + 1))
    try:
        json.loads(payload.decode())
    except UnicodeDecodeError as error:
        text = f"Invalid UTF-8 start byte 0x{payload[error.start]:x}"
        return errors.bad_payload(text + SOURCE.format(error.start + 2))
    except json.JSONDecodeError as error:
        found = payload.decode()[error.pos : error.pos + 1]
        if not found:
            return errors.bad_payload("Unexpected end-of-input" + SOURCE.format(error.colno + 1))
        if found.isalpha():
            token = _token(payload.decode()[error.pos :])
            text = f"Unrecognized token '{token}': was expecting {EXPECTED}"
            return errors.bad_payload(text + SOURCE.format(error.colno + len(token)))
        text = f"Unexpected character ('{found}' (code {ord(found)})): expected a valid value {EXPECTED}"
        return errors.bad_payload(text + SOURCE.format(error.colno))
    return errors.bad_payload("Non-standard token 'NaN' or 'Infinity'" + SOURCE.format(1))


def _token(text: str) -> str:
    length = next((i for i, c in enumerate(text) if not (c.isalnum() or c == "_")), len(text))
    return text[: min(length, 256)]


def parse_client_context(encoded: str | None) -> str:
    """The context as one line of JSON; "" where the request has none."""
    if not encoded:
        return ""
    try:
        decoded = base64.b64decode(encoded, validate=True)
        context = json.loads(decoded)
    except (binascii.Error, ValueError, RecursionError):
        context = None
    if not isinstance(context, dict) or len(decoded) > CLIENT_CONTEXT_BYTES:
        raise AwsError(
            "InvalidRequestContentException",
            "Client context must be a valid Base64-encoded JSON object.",
            400,
            members=errors.USER,
        )
    return json.dumps(context)
