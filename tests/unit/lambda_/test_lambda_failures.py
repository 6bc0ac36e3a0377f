"""Functions that fail, as AWS says so: payload, FunctionError, log lines, and a fresh start afterwards."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from tests.unit.lambda_.conftest import Lambda, until

from noria.errors import AwsError


async def failed(service: Lambda, event: object = None) -> tuple[dict[str, Any], str]:
    """The error document, and the request's id."""
    ctx = service.ctx()
    answer = await service.api.invoke(ctx, function_name="f", payload=json.dumps(event).encode())
    assert answer["FunctionError"] == "Unhandled"
    assert (answer["StatusCode"], answer["ExecutedVersion"]) == (200, "$LATEST")
    return json.loads(answer["Payload"]), ctx.request_id


async def log_until_report(service: Lambda) -> list[str]:
    await until(lambda: any(t.startswith("REPORT") for t in service.logs.lines("f")), "a REPORT line")
    return service.logs.lines("f")


async def test_an_exception(service: Lambda) -> None:
    await service.create("def handler(e, c):\n    raise KeyError('QUEUE_URL')\n")
    document, request_id = await failed(service)
    trace = document.pop("stackTrace")
    assert document == {"errorMessage": "'QUEUE_URL'", "errorType": "KeyError", "requestId": request_id}
    assert len(trace) == 1
    assert "app.py\", line 2, in handler\n    raise KeyError('QUEUE_URL')\n" in trace[0]
    error = next(line for line in await log_until_report(service) if line.startswith("[ERROR]"))
    assert error.startswith(
        "[ERROR] KeyError: 'QUEUE_URL'\nTraceback (most recent call last):\n\xa0\xa0File "
    )


async def test_an_exception_with_causes_is_its_own(service: Lambda) -> None:
    """The document is the last one's, as AWS's runtime makes it; the log has its trace."""
    await service.create(
        "def handler(e, c):\n"
        "    try:\n"
        "        {}['order']\n"
        "    except KeyError as error:\n"
        "        raise RuntimeError('no order') from error\n"
    )
    document, request_id = await failed(service)
    (frame,) = document.pop("stackTrace")
    assert document == {"errorMessage": "no order", "errorType": "RuntimeError", "requestId": request_id}
    assert "line 5, in handler\n    raise RuntimeError('no order') from error\n" in frame


async def test_after_an_exception_the_environment_is_reused(service: Lambda) -> None:
    await service.create("import os\ndef handler(e, c):\n    raise ValueError(os.getpid())\n")
    first, _ = await failed(service)
    second, _ = await failed(service)
    assert first["errorMessage"] == second["errorMessage"]


async def test_a_module_that_is_not_there(service: Lambda) -> None:
    await service.create("x = 1\n", handler="nosuch.handler")
    document, _ = await failed(service)
    assert document["errorType"] == "Runtime.ImportModuleError"
    assert document["errorMessage"] == "Unable to import module 'nosuch': No module named 'nosuch'"


async def test_a_failed_init_is_run_again_within_the_invocation_and_both_are_reported(
    service: Lambda,
) -> None:
    await service.create("import nosuch\n")
    _, request_id = await failed(service)
    lines = await log_until_report(service)
    kinds = [line.split()[0] for line in lines]
    assert kinds == [
        "INIT_START", "[WARNING]", "[ERROR]", "INIT_REPORT", "[WARNING]", "[ERROR]", "INIT_REPORT", "START",
        "END", "REPORT",
    ]  # fmt: skip
    reports = [line for line in lines if line.startswith("INIT_REPORT")]
    for report, phase in zip(reports, ("init", "invoke"), strict=True):
        assert re.fullmatch(
            rf"INIT_REPORT Init Duration: \d+\.\d\d ms\tPhase: {phase}\tStatus: error\t"
            r"Error Type: Runtime.ImportModuleError\n",
            report,
        )
    assert lines[-1].endswith("\tStatus: error\tError Type: Runtime.ImportModuleError\n")
    assert request_id in lines[-1]


async def test_a_handler_that_is_not_there(service: Lambda) -> None:
    await service.create("x = 1\n", handler="app.nosuch")
    document, _ = await failed(service)
    assert document["errorType"] == "Runtime.HandlerNotFound"
    assert document["errorMessage"] == "Handler 'nosuch' missing on module 'app'"


async def test_a_malformed_handler(service: Lambda) -> None:
    await service.create("x = 1\n", handler="app")
    document, _ = await failed(service)
    assert document["errorType"] == "Runtime.MalformedHandlerName"


async def test_a_syntax_error(service: Lambda) -> None:
    await service.create("def handler(e, c)\n    return 1\n")
    document, _ = await failed(service)
    assert document["errorType"] == "Runtime.UserCodeSyntaxError"
    assert document["errorMessage"] == "Syntax error in module 'app': expected ':' (app.py, line 1)"


async def test_an_exception_at_import(service: Lambda) -> None:
    await service.create("import os\nURL = os.environ['QUEUE_URL']\n")
    document, _ = await failed(service)
    assert (document["errorType"], document["errorMessage"]) == ("KeyError", "'QUEUE_URL'")


async def test_an_answer_that_is_not_json(service: Lambda) -> None:
    await service.create("def handler(e, c):\n    return {1, 2}\n")
    document, _ = await failed(service)
    assert document["errorType"] == "Runtime.MarshalError"
    assert document["errorMessage"] == (
        "Unable to marshal response: Object of type set is not JSON serializable"
    )


async def test_sys_exit(service: Lambda) -> None:
    await service.create("import sys\ndef handler(e, c):\n    sys.exit(e)\n")
    document, request_id = await failed(service, 3)
    text = f"RequestId: {request_id} Error: Runtime exited with error: exit status 3"
    assert document == {"errorType": "Runtime.ExitError", "errorMessage": text}
    lines = await log_until_report(service)
    assert f"{text}\nRuntime.ExitError\n" in lines
    assert lines[-1].endswith("\tStatus: error\tError Type: Runtime.ExitError\n")
    document, request_id = await failed(service, 0)
    assert (
        document["errorMessage"]
        == f"RequestId: {request_id} Error: Runtime exited without providing a reason"
    )


async def test_exit_while_it_is_imported(service: Lambda) -> None:
    await service.create("import sys\nsys.exit(1)\n")
    document, request_id = await failed(service)
    assert (
        document["errorMessage"] == f"RequestId: {request_id} Error: Runtime exited with error: exit status 1"
    )


async def test_a_signal(service: Lambda) -> None:
    await service.create("import os\ndef handler(e, c):\n    os.kill(os.getpid(), e)\n")
    document, request_id = await failed(service, 11)
    text = f"RequestId: {request_id} Error: Runtime exited with error: signal: segmentation fault"
    assert document == {"errorType": "Runtime.ExitError", "errorMessage": text}


async def test_a_timeout(service: Lambda) -> None:
    await service.create(
        "import time\ndef handler(e, c):\n    print('waiting')\n    time.sleep(e)\n", timeout=1
    )
    document, request_id = await failed(service, 30)
    assert document == {
        "errorType": "Sandbox.Timedout",
        "errorMessage": f"RequestId: {request_id} Error: Task timed out after 1.00 seconds",
    }
    lines = await log_until_report(service)
    assert lines[-4] == "waiting\n"
    assert re.fullmatch(rf"[0-9-]+T[0-9:.]+Z {request_id} Task timed out after 1.00 seconds\n\n", lines[-3])
    assert lines[-2] == f"END RequestId: {request_id}\n"
    assert "\tDuration: 1000.00 ms\tBilled Duration: " in lines[-1]
    assert lines[-1].endswith("\tStatus: timeout\n")
    assert await service.call(0) is None


async def test_a_timeout_while_it_is_imported(service: Lambda, monkeypatch: Any) -> None:
    monkeypatch.setattr("noria.services.lambda_.environment.INIT_TIMEOUT_S", 0.3)
    await service.create("import time\ntime.sleep(60)\n", timeout=1)
    document, _ = await failed(service)
    assert document["errorType"] == "Sandbox.Timedout"
    lines = await log_until_report(service)
    assert any(re.search(r"\tPhase: init\tStatus: timeout\n", line) for line in lines)
    assert lines[-1].endswith("\tStatus: timeout\n")


async def test_out_of_memory(service: Lambda) -> None:
    await service.create(
        "def handler(e, c):\n    hog = []\n    while True:\n        hog.append(bytearray(b'x') * 4000000)\n",
        timeout=20,
    )
    document, request_id = await failed(service)
    assert document == {
        "errorType": "Runtime.ExitError",
        "errorMessage": f"RequestId: {request_id} Error: Runtime exited with error: signal: killed",
    }
    report = (await log_until_report(service))[-1]
    assert report.endswith("\tStatus: error\tError Type: Runtime.OutOfMemory\n")
    used = re.search(r"Max Memory Used: (\d+) MB", report)
    assert used is not None
    assert int(used[1]) >= 128


async def test_memory_of_child_processes_counts(service: Lambda) -> None:
    hog = "import time; x = bytearray(b'x') * 300_000_000; time.sleep(30)"
    await service.create(
        f"import subprocess, sys\ndef handler(e, c):\n    subprocess.run([sys.executable, '-c', {hog!r}])\n",
        timeout=20,
    )
    document, _ = await failed(service)
    assert document["errorMessage"].endswith("signal: killed")


async def test_a_response_of_6_mb_passes_and_a_longer_one_does_not(service: Lambda) -> None:
    await service.create("def handler(e, c):\n    return 'x' * e\n", timeout=20)
    answer = await service.invoke(6_291_554)
    assert len(answer["Payload"]) == 6_291_556
    document, _ = await failed(service, 6_291_555)
    assert document == {
        "errorType": "Function.ResponseSizeTooLarge",
        "errorMessage": "Response payload size exceeded maximum allowed payload size (6291556 bytes).",
    }
    assert await service.call(1) == "x"


async def test_a_role_that_is_gone(service: Lambda) -> None:
    await service.create("def handler(e, c):\n    return 1\n")
    service.roles.distrusting.add("arn:aws:iam::111122223333:role/Activity25Role")
    with pytest.raises(AwsError) as caught:
        await service.invoke()
    assert str(caught.value) == (
        "AccessDeniedException: The role defined for the function cannot be assumed by Lambda."
    )
