"""One invocation: what is asked, and how it ended."""

from __future__ import annotations

import json
import signal

import msgspec

from noria.services.lambda_.response_stream import ResponseStream


class Work(msgspec.Struct):
    """What a function is invoked with.

    arn: as the caller named the function, with the qualifier that it gave.
    client_context: a JSON object in one line, or "". trace: the X-Ray header of what led to it, or "".
    tenant: whose environment it is to be, for a function that isolates its tenants.
    stream: takes what a function writes that streams its answer; the outcome's payload is empty then.
    """

    request_id: str
    arn: str
    payload: bytes
    client_context: str = ""
    wants_tail: bool = False
    trace: str = ""
    tenant: str = ""
    stream: ResponseStream | None = None


class Outcome(msgspec.Struct):
    """payload: the handler's answer, or with function_error the error document. tail: of its log.
    duration_ms: as REPORT has it, without the initialisation.
    """

    payload: bytes
    function_error: str = ""
    tail: bytes = b""
    duration_ms: float = 0.0


class Failure(msgspec.Struct, frozen=True):
    """Why an environment could not answer. document: the payload; error_type and status: for REPORT."""

    document: bytes
    error_type: str
    status: str = "error"
    log_text: str = ""


def _document(error_type: str, message: str) -> bytes:
    return json.dumps({"errorType": error_type, "errorMessage": message}, separators=(",", ":")).encode()


def timed_out(request_id: str, timeout_s: int, log_text: str) -> Failure:
    text = f"RequestId: {request_id} Error: Task timed out after {timeout_s}.00 seconds"
    return Failure(_document("Sandbox.Timedout", text), "", "timeout", log_text)


def exited(request_id: str, wait_status: int, out_of_memory: bool) -> Failure:
    """The process ended without an answer. wait_status: as waitpid gives it."""
    if out_of_memory or wait_status & 0x7F:
        number = signal.SIGKILL if out_of_memory else wait_status & 0x7F
        reason = f"with error: signal: {(signal.strsignal(number) or str(number)).lower()}"
    elif wait_status:
        reason = f"with error: exit status {wait_status >> 8}"
    else:
        reason = "without providing a reason"
    text = f"RequestId: {request_id} Error: Runtime exited {reason}"
    error_type = "Runtime.OutOfMemory" if out_of_memory else "Runtime.ExitError"
    return Failure(_document("Runtime.ExitError", text), error_type, log_text=f"{text}\nRuntime.ExitError\n")


def response_too_large(limit_bytes: int) -> bytes:
    text = f"Response payload size exceeded maximum allowed payload size ({limit_bytes} bytes)."
    return _document("Function.ResponseSizeTooLarge", text)


def error_type(document: bytes) -> str:
    """Of an error document that the runtime made; "" where it has none."""
    try:
        return str(json.loads(document)["errorType"])
    except (ValueError, KeyError, TypeError):
        return ""
