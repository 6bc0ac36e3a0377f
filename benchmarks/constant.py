"""The limit: Noria's HTTP server, answering every request with one constant.

No service over this server can be faster; what a contender takes longer is the work that it does.
`python -m benchmarks.constant PORT` serves until it is stopped.
"""

from __future__ import annotations

import asyncio
import sys

import uvloop

from noria.http.server import HttpServer
from noria.http.types import Request, Response

MAX_BODY_BYTES = 1 << 20

# As long as a SendMessage's answer, headers included.
BODY = (
    b'{"MD5OfMessageBody":"5eb63bbbe01eeed093cb22bb8f5acdc3",'
    b'"MessageId":"5fea7756-0ea4-451a-a703-a558b933e274"}'
)
HEADERS = (
    ("x-amzn-RequestId", "5fea7756-0ea4-451a-a703-a558b933e274"),
    ("Content-Type", "application/x-amz-json-1.0"),
)


async def answer(_request: Request) -> Response:
    return Response(200, BODY, HEADERS)


async def serve(port: int) -> None:
    await HttpServer(answer, max_body_bytes=MAX_BODY_BYTES).start("127.0.0.1", port)
    await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1])))
