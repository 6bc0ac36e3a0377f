"""`noria env` and `noria exec`: what AWS's tools are told, and how shells take it."""

from __future__ import annotations

import json
import shutil
import subprocess

import pytest

from noria.auth.credentials import RootCredentials
from noria.cli import environment
from noria.data_dir import RunningServer

SERVER = RunningServer("http://127.0.0.1:4566", "eu-west-1", 1, "/data")
ROOT = RootCredentials("000000000000", "AKIAEXAMPLE", "se'cr\\et $x", "server-key")
EXPECTED = {
    "AWS_ENDPOINT_URL": "http://127.0.0.1:4566",
    "AWS_DISABLE_HOST_PREFIX_INJECTION": "true",
    "AWS_ACCESS_KEY_ID": "AKIAEXAMPLE",
    "AWS_SECRET_ACCESS_KEY": "se'cr\\et $x",
    "AWS_REGION": "eu-west-1",
    "AWS_DEFAULT_REGION": "eu-west-1",
}


def test_sets_endpoint_keys_and_region() -> None:
    assert environment.additions(SERVER, ROOT, {}) == EXPECTED


def test_takes_away_what_would_lead_clients_elsewhere() -> None:
    current = {
        "AWS_PROFILE": "work",
        "AWS_SESSION_TOKEN": "t",
        "AWS_ENDPOINT_URL_SQS": "https://sqs.example",
        "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true",
        "AWS_PAGER": "",
        "HOME": "/h",
    }
    applied = environment.applied(EXPECTED, current)
    assert applied == {**EXPECTED, "AWS_PAGER": "", "HOME": "/h"}


@pytest.mark.parametrize(
    ("current", "expected"),
    [
        ({"HTTP_PROXY": "http://proxy:3128"}, "127.0.0.1"),
        ({"http_proxy": "http://proxy:3128", "no_proxy": "corp.example"}, "corp.example,127.0.0.1"),
    ],
)
def test_a_proxy_is_not_asked_for_the_server(current: dict[str, str], expected: str) -> None:
    variables = environment.additions(SERVER, ROOT, current)
    assert (variables["no_proxy"], variables["NO_PROXY"]) == (expected, expected)


def test_bash_takes_it_with_any_character_in_a_secret() -> None:
    script = environment.as_bash(EXPECTED, ["AWS_PROFILE"])
    assert _environment_after(["bash", "-c", f"{script}\nenv -0"], AWS_PROFILE="work") == EXPECTED


@pytest.mark.skipif(shutil.which("fish") is None, reason="needs fish")
def test_fish_takes_it_with_any_character_in_a_secret() -> None:
    script = environment.as_fish(EXPECTED, ["AWS_PROFILE"])
    assert _environment_after(["fish", "-c", f"{script}\nenv -0"], AWS_PROFILE="work") == EXPECTED


def test_fish_syntax() -> None:
    lines = environment.as_fish({"AWS_SECRET_ACCESS_KEY": "a'b\\c"}, ["AWS_PROFILE"]).splitlines()[:2]
    assert lines == ["set -gx AWS_SECRET_ACCESS_KEY 'a\\'b\\\\c';", "set -e AWS_PROFILE;"]


def test_the_aws_function_passes_the_endpoint_on_only_while_it_is_set() -> None:
    fake = 'printf "%s|" "$@"; echo'
    script = f"""
        command() {{ shift; {fake}; }}
        {environment.AWS_FUNCTION}
        aws sqs list-queues
        AWS_ENDPOINT_URL=http://127.0.0.1:1
        aws sqs list-queues
    """
    output = subprocess.run(
        ["bash", "-euc", script], env={}, capture_output=True, text=True, check=True
    ).stdout
    assert output == "sqs|list-queues|\n--endpoint-url=http://127.0.0.1:1|sqs|list-queues|\n"


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        (("aws", "sqs"), ("aws", "--endpoint-url=http://127.0.0.1:4566", "sqs")),
        (("/opt/bin/aws",), ("/opt/bin/aws", "--endpoint-url=http://127.0.0.1:4566")),
        (("awslogs", "get"), ("awslogs", "get")),
    ],
)
def test_the_aws_command_is_told_the_endpoint(command: tuple[str, ...], expected: tuple[str, ...]) -> None:
    assert environment.with_endpoint(command, SERVER) == expected


def test_json_says_null_for_what_is_to_be_unset() -> None:
    assert json.loads(environment.as_json(EXPECTED, ["AWS_PROFILE"])) == {**EXPECTED, "AWS_PROFILE": None}


def _environment_after(command: list[str], **before: str) -> dict[str, str]:
    path = {"PATH": "/usr/bin:/bin:/usr/local/bin"}
    output = subprocess.run(command, env=path | before, capture_output=True, text=True, check=True).stdout
    variables = dict(line.split("=", 1) for line in output.split("\0") if line)
    return {name: value for name, value in variables.items() if name.startswith("AWS_")}
