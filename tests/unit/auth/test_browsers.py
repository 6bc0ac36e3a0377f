"""Without signatures, a web page of another site gets nothing."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest

from noria.auth.authenticate import Authenticator
from noria.auth.browsers import refuse_pages
from noria.clock import ManualClock
from noria.config import AuthMode, Settings
from noria.context import ANONYMOUS
from noria.errors import AwsError
from noria.http.types import Request


def request(**headers: str) -> Request:
    return Request("POST", "/", "", {name.replace("_", "-"): value for name, value in headers.items()}, b"")


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"host": "127.0.0.1:4566"},
        {"host": "[::1]:4566"},
        {"host": "localhost:4566"},
        {"host": "noria:4566"},  # another container's name for this one
        {"host": "sqs.us-east-1.localhost:4566"},
        {"host": "host.docker.internal:4566"},
        {"host": "queue.example.com:4566"},  # what --host says
        {"host": "127.0.0.1:4566", "origin": "http://127.0.0.1:4566", "sec_fetch_site": "same-origin"},
        {"host": "127.0.0.1:4566", "sec_fetch_site": "none"},  # typed into the address bar
    ],
)
def test_clients_of_this_machine_are_served(headers: dict[str, str]) -> None:
    refuse_pages(request(**headers), "queue.example.com")


@pytest.mark.parametrize(
    "headers",
    [
        {"host": "127.0.0.1:4566", "origin": "http://evil.example"},
        {"host": "127.0.0.1:4566", "origin": "null"},  # a sandboxed frame
        {"host": "127.0.0.1:4566", "origin": "http://127.0.0.1:8000"},
        {"host": "127.0.0.1:4566", "sec_fetch_site": "cross-site"},
        {"host": "127.0.0.1:4566", "sec_fetch_site": "same-site"},  # another port of this machine
        {"host": "evil.example:4566", "origin": "http://evil.example:4566", "sec_fetch_site": "same-origin"},
        {"host": "EVIL.example.:4566"},
        {"host": "127.0.0.1.evil.example"},
        {"host": "localhost.evil.example"},
    ],
)
def test_pages_of_other_sites_are_refused(headers: dict[str, str]) -> None:
    with pytest.raises(AwsError) as refused:
        refuse_pages(request(**headers), "127.0.0.1")
    assert (refused.value.code, refused.value.status) == ("AccessDenied", 403)


@pytest.mark.parametrize(("mode", "is_served"), [("enforce", True), ("permissive", False)])
def test_nor_do_they_get_a_session_for_a_token(mode: AuthMode, is_served: bool, tmp_path: Path) -> None:
    """AssumeRoleWithWebIdentity is not signed; with enforce, what a page can do there a token must allow."""
    settings = Settings(data_dir=tmp_path, auth=mode)
    anything: Any = None
    authenticator = Authenticator(settings, ManualClock(), anything, anything)
    of_a_page = request(host="127.0.0.1:4566", origin="http://evil.example")
    refusal = nullcontext() if is_served else pytest.raises(AwsError, match="is not served")
    with refusal:
        ctx = authenticator.unsigned(of_a_page, "r", "sts", "AssumeRoleWithWebIdentity")
        assert ctx.principal == ANONYMOUS
