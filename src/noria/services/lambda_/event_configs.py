"""What happens to asynchronous invocations: how often and how long they are tried, where their records go."""

from __future__ import annotations

import json
import time
from typing import Any

import msgspec

from noria.services.lambda_.invocation import Outcome
from noria.services.lambda_.limits import EVENT_AGE_S, EVENT_RETRIES

DLQ_MESSAGE_BYTES = 1024  # of the error message, says the developer guide ("Dead-letter queues")


class EventConfig(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """EventInvokeConfig of a function's qualifier. None and "" for what it does not say."""

    retry_attempts: int | None = None
    maximum_age_s: int | None = None
    on_success: str = ""
    on_failure: str = ""
    last_modified_ms: int = 0

    @property
    def retries(self) -> int:
        return EVENT_RETRIES if self.retry_attempts is None else self.retry_attempts

    @property
    def age_ms(self) -> int:
        return (EVENT_AGE_S if self.maximum_age_s is None else self.maximum_age_s) * 1000


DEFAULT = EventConfig()


def event_config(config: EventConfig, arn: str) -> dict[str, Any]:
    """As answers have it. arn: of the function, qualified."""
    return {
        "LastModified": config.last_modified_ms / 1000,
        "FunctionArn": arn,
        "MaximumRetryAttempts": config.retry_attempts,
        "MaximumEventAgeInSeconds": config.maximum_age_s,
        "DestinationConfig": {
            "OnSuccess": {"Destination": config.on_success} if config.on_success else {},
            "OnFailure": {"Destination": config.on_failure} if config.on_failure else {},
        },
    }


class Ended(msgspec.Struct, frozen=True):
    """How an event ended, once and for all.

    condition: ``Success``, ``RetriesExhausted``, ``EventAgeExceeded`` or ``ZeroReservedConcurrency``.
    attempts: that reached the function. outcome: of the last of them; None where none was made.
    """

    condition: str
    attempts: int
    executed_version: str
    outcome: Outcome | None


def invocation_record(now_ms: int, request_id: str, arn: str, payload: bytes, ended: Ended) -> str:
    """What a destination gets (developer guide, "Capturing records of asynchronous invocations")."""
    at = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now_ms // 1000))
    record: dict[str, Any] = {
        "version": "1.0",
        "timestamp": f"{at}.{now_ms % 1000:03d}Z",
        "requestContext": {
            "requestId": request_id,
            "functionArn": arn,
            "condition": ended.condition,
            "approximateInvokeCount": ended.attempts,
        },
        "requestPayload": msgspec.Raw(payload or b"{}"),
    }
    if ended.outcome is not None:
        context = {"statusCode": 200, "executedVersion": ended.executed_version}
        if ended.outcome.function_error:
            context["functionError"] = ended.outcome.function_error
        record["responseContext"] = context
        record["responsePayload"] = msgspec.Raw(ended.outcome.payload or b"null")
    return msgspec.json.encode(record).decode()


def dead_letter_attributes(request_id: str, ended: Ended) -> dict[str, dict[str, str]]:
    """The message attributes of an event in the dead-letter queue, whose body is the event itself."""
    code, text = "429", "Rate Exceeded."
    if ended.outcome is not None:
        code, text = "200", _error_message(ended.outcome.payload)
    attributes = {
        "RequestID": {"DataType": "String", "StringValue": request_id},
        "ErrorCode": {"DataType": "Number", "StringValue": code},
    }
    if text:
        attributes["ErrorMessage"] = {"DataType": "String", "StringValue": text}
    return attributes


def _error_message(document: bytes) -> str:
    """Its first kilobyte, without a character that was cut in two."""
    try:
        text = str(json.loads(document)["errorMessage"])
    except (ValueError, KeyError, TypeError):
        text = document.decode(errors="replace")
    return text.encode()[:DLQ_MESSAGE_BYTES].decode(errors="ignore")
