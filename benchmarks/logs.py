"""CloudWatch Logs with a million events in a group: appended to, looked through, followed."""

from __future__ import annotations

import contextlib
import http.client
import json
import time
from typing import Any

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest

from benchmarks.contenders import HOST, BenchmarkError
from benchmarks.functions import create_function, create_role
from benchmarks.load import percentile
from benchmarks.servers import REGION, Server

EVENTS = 1_000_000
FILL_BATCH = 10_000  # PutLogEvents takes no more
BATCH = 100
ERROR_EVERY = 1_000
GROUP, STREAM = "/benchmark/logs", "stream"
SEEN_WITHIN_S = 5
ASK_EVERY_S = 0.005
QUERIES = {
    "filter": "fields @timestamp, @message | filter @message like /ERROR/ | limit 20",
    "stats": 'parse @message "request * took * ms" as number, ms | stats count(*), pct(ms, 99) by bin(1m)',
}
PRINTS_ON_S = 0.25  # `say` goes on for a while after its line


class Client:
    """One connection, and requests that are signed before they are timed: what is measured is the server."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._connection = http.client.HTTPConnection(HOST, server.port, timeout=60)

    def __call__(self, operation: str, **parameters: Any) -> tuple[float, Any]:
        """(milliseconds, the answer)."""
        body = json.dumps(parameters).encode()
        headers = {
            "Content-Type": "application/x-amz-json-1.1",
            "X-Amz-Target": f"Logs_20140328.{operation}",
        }
        request = AWSRequest("POST", self._server.url + "/", data=body, headers=headers)
        SigV4Auth(self._server.credentials, "logs", REGION).add_auth(request)
        signed = dict(request.headers.items())
        started_s = time.perf_counter()
        self._connection.request("POST", "/", body, signed)
        response = self._connection.getresponse()
        answer = response.read()
        took_ms = (time.perf_counter() - started_s) * 1e3
        if response.status != 200:
            raise BenchmarkError(f"{operation} was refused: {answer.decode(errors='replace')}")
        return took_ms, json.loads(answer) if answer else None

    def close(self) -> None:
        self._connection.close()


def measure(server: Server, samples: int) -> dict[str, float]:
    """Of appends, of filtered pages, and from a print until a tail has seen the line, in milliseconds; of
    Insights' queries, in seconds.
    """
    with contextlib.closing(Client(server)) as call:
        call("CreateLogGroup", logGroupName=GROUP)
        call("CreateLogStream", logGroupName=GROUP, logStreamName=STREAM)
        now_ms = int(time.time() * 1000)
        for first in range(0, EVENTS, FILL_BATCH):
            _append(call, now_ms - EVENTS + first, first, FILL_BATCH)
        appends = [_append(call, now_ms, number * BATCH, BATCH) for number in range(samples)]
        measured = {"append": appends, "page": _pages(call, samples), "tail": _tail(server, call, samples)}
        queries = _queries(call, now_ms, measured)
    return queries | {
        f"{what}_p{p}": percentile(took, p) for what, took in measured.items() for p in (50, 99)
    }


def _append(call: Client, time_ms: int, first: int, count: int) -> float:
    events = [
        {
            "timestamp": time_ms + number,
            "message": f"{'INFO' if number % ERROR_EVERY else 'ERROR'} request {first + number} took 12 ms",
        }
        for number in range(count)
    ]
    took_ms, answer = call("PutLogEvents", logGroupName=GROUP, logStreamName=STREAM, logEvents=events)
    if "rejectedLogEventsInfo" in answer:
        raise BenchmarkError(f"events were rejected: {answer}")
    return took_ms


def _pages(call: Client, samples: int) -> list[float]:
    """From the group's beginning, page by page, each of which is as long as a search goes at once."""
    took_ms: list[float] = []
    token: dict[str, str] = {}
    while len(took_ms) < samples:
        took, page = call("FilterLogEvents", logGroupName=GROUP, filterPattern="ERROR", **token)
        took_ms.append(took)
        token = {"nextToken": page["nextToken"]} if "nextToken" in page else {}
    return took_ms


def _queries(call: Client, now_ms: int, measured: dict[str, list[float]]) -> dict[str, float]:
    """From StartQuery until the results are there; measured: gets the appends while a query ran."""
    found = {f"query_{name}": _query(call, now_ms, query)[0] for name, query in QUERIES.items()}
    measured["append_beside_query"] = _query(call, now_ms, QUERIES["stats"], append=True)[1]
    return found


def _query(call: Client, now_ms: int, query: str, *, append: bool = False) -> tuple[float, list[float]]:
    """(seconds, the milliseconds of each append)."""
    started_s = time.perf_counter()
    ends_s = now_ms // 1000 + 3600
    _, started = call("StartQuery", logGroupName=GROUP, startTime=0, endTime=ends_s, queryString=query)
    appends: list[float] = []
    while (answer := call("GetQueryResults", queryId=started["queryId"])[1])["status"] != "Complete":
        if answer["status"] not in ("Scheduled", "Running"):
            raise BenchmarkError(f"{query} is {answer['status']}")
        if append:
            appends.append(_append(call, now_ms, 0, BATCH))
        else:
            time.sleep(ASK_EVERY_S)
    if not answer["results"] or answer["statistics"]["recordsScanned"] < EVENTS:
        raise BenchmarkError(f"{query} found too little: {answer['statistics']}")
    return time.perf_counter() - started_s, appends


def _tail(server: Server, call: Client, samples: int) -> list[float]:
    """A function prints, and goes on; somebody asks again and again, as `aws logs tail --follow` does."""
    functions = server.client("lambda")
    create_function(functions, "sayer", "say", create_role(server))
    functions.update_function_configuration(FunctionName="sayer", LoggingConfig={"LogGroup": GROUP})
    functions.get_waiter("function_updated_v2").wait(FunctionName="sayer")
    seen_ms = []
    for number in range(samples + 1):
        since_ms = int(time.time() * 1000)
        functions.invoke(FunctionName="sayer", InvocationType="Event", Payload=str(number).encode())
        seen_ms.append(_seen_ms(call, f"said {number} ", since_ms))
        time.sleep(PRINTS_ON_S)
    return seen_ms[1:]  # the first one found it cold


def _seen_ms(call: Client, text: str, since_ms: int) -> float:
    """From when the line says that it was printed until an answer has it."""
    deadline_s = time.monotonic() + SEEN_WITHIN_S
    while time.monotonic() < deadline_s:
        _, page = call("FilterLogEvents", logGroupName=GROUP, filterPattern=f'"{text}"', startTime=since_ms)
        if page["events"]:
            return (time.time() - float(page["events"][0]["message"].split()[2])) * 1e3
        time.sleep(ASK_EVERY_S)
    raise BenchmarkError(f"{text!r} was printed and not seen within {SEEN_WITHIN_S} s")
