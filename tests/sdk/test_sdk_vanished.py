"""A client that goes away in the middle of a request leaves nothing half done."""

from __future__ import annotations

import base64
import json
import socket

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from tests.support.aws import Aws, eventually, package, unique
from tests.support.server import ServerProcess

CREATE = "/2015-03-31/functions"
CLIENTS = 20


def send_and_leave(server: ServerProcess, document: dict[str, object]) -> None:
    """Send CreateFunction, whole and signed, and reset the connection without reading."""
    body = json.dumps(document).encode()
    keys = Credentials(server.root.access_key_id, server.root.secret_access_key)
    request = AWSRequest("POST", server.url + CREATE, data=body)
    SigV4Auth(keys, "lambda", "us-east-1").add_auth(request)
    headers = {**dict(request.headers.items()), "Host": f"127.0.0.1:{server.port}"}
    head = f"POST {CREATE} HTTP/1.1\r\n" + "".join(f"{k}: {v}\r\n" for k, v in headers.items())
    with socket.create_connection(("127.0.0.1", server.port)) as connection:
        connection.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)


def test_functions_whose_creator_left_become_active(server: ServerProcess, aws: Aws) -> None:
    role = aws.role()
    prefix = unique("left")
    names = [f"{prefix}-{number}" for number in range(CLIENTS)]
    code = base64.b64encode(package("def handler(event, context): return 1")).decode()
    for name in names:
        send_and_leave(
            server,
            {
                "FunctionName": name,
                "Role": role,
                "Runtime": "python3.11",
                "Handler": "app.handler",
                "Code": {"ZipFile": code},
            },
        )

    def states() -> list[str]:
        pages = aws.functions.get_paginator("list_functions").paginate()
        created = {function["FunctionName"] for page in pages for function in page["Functions"]}
        return [
            aws.functions.get_function_configuration(FunctionName=name)["State"]
            for name in names
            if name in created
        ]

    eventually(lambda: states() == ["Active"] * CLIENTS, "all were created and became Active")
