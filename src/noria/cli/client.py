"""How the other commands find a running server and speak to its ``/_noria/`` endpoints."""

from __future__ import annotations

import http.client
import json
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click

from noria.auth.credentials import RootCredentials, load_root_credentials
from noria.data_dir import RunningServer, running_server

TIMEOUT_S = 30  # emptying an account with millions of messages takes a moment


def find_server(data_dir: Path) -> RunningServer:
    """The server that runs on `data_dir` (or that left word there, if ephemeral)."""
    server = running_server(data_dir)
    if server is None:
        raise click.ClickException(f"no server runs on {data_dir}. Start one with: noria up")
    return server


def root_credentials(server: RunningServer) -> RootCredentials:
    credentials = load_root_credentials(Path(server.data_dir))
    if credentials is None:
        raise click.ClickException(f"{server.data_dir} holds no root credentials")
    return credentials


def call(
    server: RunningServer,
    method: str,
    path: str,
    document: dict[str, Any] | None = None,
    region: str | None = None,
) -> dict[str, Any]:
    """A signed request, as root. Raises ClickException with the server's own words where it refuses.

    region: that the request is about, the server's own unless given.
    """
    body = b"" if document is None else json.dumps(document).encode()
    headers = _signed_headers(server, method, path, body, region or server.region)
    address = urlsplit(server.url)
    connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=TIMEOUT_S)
    try:
        connection.request(method, path, body, headers)
        response = connection.getresponse()
        answer = response.read()
    except OSError as error:
        raise click.ClickException(f"the server at {server.url} does not answer: {error}") from error
    finally:
        connection.close()
    if response.status != 200:
        raise click.ClickException(f"{response.status} {response.reason}: {answer.decode(errors='replace')}")
    decoded: dict[str, Any] = json.loads(answer)
    return decoded


def aws_client(server: RunningServer, service: str, region: str | None = None) -> Any:
    """A client of boto3, as root."""
    import boto3
    from botocore.config import Config

    root = root_credentials(server)
    return boto3.session.Session(
        root.access_key_id, root.secret_access_key, region_name=region or server.region
    ).client(service, endpoint_url=server.url, config=Config(proxies={}))


def _signed_headers(
    server: RunningServer, method: str, path: str, body: bytes, region: str
) -> dict[str, str]:
    from botocore.auth import SigV4Auth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials

    root = root_credentials(server)
    request = AWSRequest(method, server.url + path, data=body)
    signer = SigV4Auth(Credentials(root.access_key_id, root.secret_access_key), "noria", region)
    signer.add_auth(request)
    return dict(request.headers.items())
