"""What web pages may not do: a page of any site can make a browser send requests to this machine's ports.

A signature is beyond a page. Where none is asked for (`--auth permissive`, `--open-metrics`), its requests
are told by what browsers add to them and pages cannot take away; and by the name that they were sent to,
because a site can let a name of its own lead to 127.0.0.1 (DNS rebinding).
"""

from __future__ import annotations

import ipaddress

from noria.errors import AwsError
from noria.http.types import Request

PRIVATE_SUFFIXES = (".localhost", ".local", ".internal")  # names that no site on the internet can have


def refuse_pages(request: Request, server_host: str) -> None:
    """Raise AccessDenied for a request that another site's page can have sent.

    server_host: what `--host` says, a name of this server.
    """
    headers = request.headers
    host = headers.get("host", "")
    origin = headers.get("origin")
    if origin is not None and origin.partition("://")[2] != host:
        raise _denied(f"a page of {origin!r}")
    if headers.get("sec-fetch-site", "none") not in ("none", "same-origin"):
        raise _denied("a page of another site")
    name = _name(host)
    if name and not _is_private(name) and name != server_host.lower():
        raise _denied(f"a client that calls this server {name!r}")


def _denied(whom: str) -> AwsError:
    return AwsError("AccessDenied", f"Without a signature, {whom} is not served.", 403)


def _name(host: str) -> str:
    """The Host header without its port and an address's brackets."""
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0].lower().rstrip(".")


def _is_private(name: str) -> bool:
    """An address, a name without a domain (``localhost``, a container's), or a private domain's."""
    if "." not in name or name.endswith(PRIVATE_SUFFIXES):
        return True
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
