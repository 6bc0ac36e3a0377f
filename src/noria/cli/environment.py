"""The variables that make AWS's own tools talk to a Noria server, and how shells set them."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from pathlib import PurePath
from urllib.parse import urlsplit

from noria.auth.credentials import RootCredentials
from noria.data_dir import RunningServer

# They would outrank or contradict what we set: a session's token, a profile, another endpoint.
CONTRADICTIONS = frozenset(
    {
        "AWS_SESSION_TOKEN",
        "AWS_SECURITY_TOKEN",
        "AWS_PROFILE",
        "AWS_DEFAULT_PROFILE",
        "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
    }
)
# Clients put ``stream-`` before the host for StartLiveTail, and no resolver knows ``stream-127.0.0.1``.
NO_HOST_PREFIXES = {"AWS_DISABLE_HOST_PREFIX_INJECTION": "true"}
ENDPOINT_OF_A_SERVICE = "AWS_ENDPOINT_URL_"

# Version 1 of the `aws` command sends sqs elsewhere whatever AWS_ENDPOINT_URL says (aws-cli issue 8737);
# only the option outranks them. Version 2 does not need it, and does not mind.
AWS_FUNCTION = 'aws() { command aws ${AWS_ENDPOINT_URL:+--endpoint-url="$AWS_ENDPOINT_URL"} "$@"; }'
AWS_FUNCTION_FISH = """\
function aws
  set -q AWS_ENDPOINT_URL; and set -l option --endpoint-url=$AWS_ENDPOINT_URL
  command aws $option $argv
end"""


def additions(server: RunningServer, root: RootCredentials, current: Mapping[str, str]) -> dict[str, str]:
    """What to set. current: the environment that it comes on top of (a proxy there must not be asked)."""
    variables = {
        "AWS_ENDPOINT_URL": server.url,
        **NO_HOST_PREFIXES,
        "AWS_ACCESS_KEY_ID": root.access_key_id,
        "AWS_SECRET_ACCESS_KEY": root.secret_access_key,
        "AWS_REGION": server.region,
        "AWS_DEFAULT_REGION": server.region,  # the `aws` command reads only this one
    }
    if any(current.get(name) for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY")):
        exempt = current.get("no_proxy") or current.get("NO_PROXY")
        host = urlsplit(server.url).hostname or ""
        variables["no_proxy"] = variables["NO_PROXY"] = f"{exempt},{host}" if exempt else host
    return variables


def removals(current: Mapping[str, str]) -> list[str]:
    return sorted(
        name for name in current if name in CONTRADICTIONS or name.startswith(ENDPOINT_OF_A_SERVICE)
    )


def applied(variables: Mapping[str, str], current: Mapping[str, str]) -> dict[str, str]:
    """The environment of a command that is run against the server."""
    removed = removals(current)
    return {name: value for name, value in current.items() if name not in removed} | dict(variables)


def with_endpoint(command: tuple[str, ...], server: RunningServer) -> tuple[str, ...]:
    """The command line as it has to be for the server: see AWS_FUNCTION."""
    program, *arguments = command
    if PurePath(program).name == "aws":
        arguments.insert(0, f"--endpoint-url={server.url}")
    return (program, *arguments)


def as_bash(variables: Mapping[str, str], removed: list[str]) -> str:
    lines = [f"export {name}={shlex.quote(value)}" for name, value in variables.items()]
    return "\n".join([*lines, *(f"unset {name}" for name in removed), AWS_FUNCTION])


def as_fish(variables: Mapping[str, str], removed: list[str]) -> str:
    lines = [f"set -gx {name} {_fish_quoted(value)};" for name, value in variables.items()]
    return "\n".join([*lines, *(f"set -e {name};" for name in removed), AWS_FUNCTION_FISH])


def as_json(variables: Mapping[str, str], removed: list[str]) -> str:
    """null: to be unset."""
    return json.dumps({**variables, **dict.fromkeys(removed)}, indent=2)


def _fish_quoted(value: str) -> str:
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"
