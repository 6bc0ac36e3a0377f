"""`noria up`: starts, says so, is found, stops gracefully; and says in one line why it cannot start."""

from __future__ import annotations

import json
import shlex
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.aws import eventually
from tests.support.server import ServerProcess, wait_gone
from tests.support.shell import Shell

from noria import __version__


class Up:
    """A `noria up` that a test looks at closely."""

    def __init__(self, shell: Shell, options: str) -> None:
        self.process = shell.start(f"noria up --port 0 {options}")
        assert self.process.stdout is not None
        self.said: list[str] = []
        for line in self.process.stdout:  # ends with the last line of the readiness, or with the process
            self.said.append(line.rstrip("\n"))
            if line.startswith("  noria activity25"):
                break

    def end(self, number: signal.Signals = signal.SIGTERM) -> tuple[int, str]:
        """(exit code, standard error)"""
        self.process.send_signal(number)
        _, errors = self.process.communicate(timeout=30)
        return self.process.returncode, errors


@pytest.fixture
def lone_shell(tmp_path: Path) -> Shell:
    """No server runs where it looks."""
    home = tmp_path / "home"
    home.mkdir()
    return Shell(home, tmp_path / "data")


@pytest.fixture
def started(lone_shell: Shell) -> Iterator[list[Up]]:
    """What a test starts is killed at its end, unless it ended."""
    ups: list[Up] = []
    yield ups
    for up in ups:
        if up.process.poll() is None:
            up.process.kill()
        up.process.communicate()


def test_says_where_it_is_and_what_to_do_next(lone_shell: Shell, started: list[Up]) -> None:
    up = Up(lone_shell, "--account 123456789012 --region eu-west-1")
    started.append(up)
    url, data_dir = lone_shell.server_url(), lone_shell.data_dir
    assert up.said[0].startswith(f"Noria {__version__} is ready on {url} (")
    assert up.said[1:] == [
        f"  data     {data_dir}",
        "  account  123456789012, region eu-west-1",
        "  auth     enforce: every signature is verified and every policy evaluated",
        "Next, in another terminal:",
        f'  eval "$(noria env --data-dir {data_dir})"',
        "  aws sqs list-queues",
        f"  noria activity25 --data-dir {data_dir}",
    ]
    identity = json.loads(lone_shell.output("noria aws sts get-caller-identity"))
    assert identity["Account"] == "123456789012"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_stops_gracefully(lone_shell: Shell, started: list[Up], number: signal.Signals) -> None:
    up = Up(lone_shell, "")
    started.append(up)
    code, errors = up.end(number)
    assert code == 0
    assert "Traceback" not in errors
    assert lone_shell.run("noria status").returncode == 1


def test_keeps_data_and_keys_over_a_restart(lone_shell: Shell, started: list[Up]) -> None:
    keys = []
    for _ in range(2):
        started.append(Up(lone_shell, ""))
        lone_shell.output("noria aws sqs create-queue --queue-name kept")
        keys.append(json.loads(lone_shell.output("noria env --format json"))["AWS_ACCESS_KEY_ID"])
        listed = json.loads(lone_shell.output("noria aws sqs list-queues"))["QueueUrls"]
        assert [url.rpartition("/")[2] for url in listed] == ["kept"]
        started[-1].end()
    assert keys[0] == keys[1]
    assert (lone_shell.data_dir / "credentials.json").stat().st_mode & 0o777 == 0o600


def test_an_ephemeral_server_is_found_and_leaves_nothing(lone_shell: Shell, started: list[Up]) -> None:
    up = Up(lone_shell, "--ephemeral")
    started.append(up)
    assert "  data     in memory, gone when the server stops" in up.said
    assert [path.name for path in lone_shell.home.glob("noria-*")] != []  # TMPDIR is the shell's home
    lone_shell.output("noria aws sqs create-queue --queue-name fleeting")
    assert json.loads(lone_shell.output("noria status --json"))["data_dir"] is None
    assert up.end()[0] == 0
    assert list(lone_shell.home.glob("noria-*")) == []
    assert list(lone_shell.data_dir.iterdir()) == []


def test_an_ephemeral_server_beside_another_is_found_by_its_own_directory(
    server: ServerProcess, tmp_path: Path, started: list[Up]
) -> None:
    shell = Shell(tmp_path, server.data_dir)
    up = Up(shell, "--ephemeral")
    started.append(up)
    assert shell.server_url() == server.url
    url = up.said[0].split()[5]
    env = next(line for line in up.said if "noria env" in line)
    assert shell.output(f'{env}; echo "$AWS_ENDPOINT_URL"').strip() == url != server.url
    up.end()
    assert shell.server_url() == server.url


def test_a_second_signal_stops_at_once(lone_shell: Shell, started: list[Up]) -> None:
    up = Up(lone_shell, "--ephemeral")
    started.append(up)
    slow = "import time\ndef handler(event, context):\n    time.sleep(60)\n"
    lone_shell.output(
        f"""
        eval "$(noria env)"
        printf '%s' '{slow}' > app.py
        python -m zipfile -c app.zip app.py
        aws iam create-role --role-name r --assume-role-policy-document '{TRUST}' > role.json
        aws lambda create-function --function-name slow --handler app.handler --runtime python3.11 \
            --timeout 100 --role arn:aws:iam::000000000000:role/r --zip-file fileb://app.zip > function.json
        aws lambda wait function-active-v2 --function-name slow
        """
    )
    invocation = lone_shell.start("noria aws lambda invoke --function-name slow /dev/null")
    eventually(lambda: _environments(lone_shell) or None, "the function runs")
    up.process.send_signal(signal.SIGTERM)
    assert up.process.stderr is not None
    for line in up.process.stderr:
        if line.startswith("Stopping: "):
            break
    up.process.send_signal(signal.SIGTERM)
    assert up.process.wait(10) == 130
    assert list(lone_shell.home.glob("noria-*")) == []
    invocation.kill()
    invocation.communicate()


TRUST = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
        ],
    }
)


def _environments(shell: Shell) -> int:
    functions = json.loads(shell.output("noria status --json"))["functions"]
    return sum(function["environments"] for function in functions)


def test_a_port_in_use_is_one_line_and_exit_code_2(lone_shell: Shell) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        done = lone_shell.run(f"noria up --port {port}")
    assert_refused(done, f"noria: port {port} on 127.0.0.1 is in use; choose another with --port")


def test_an_unwritable_data_directory_is_one_line_and_exit_code_2(lone_shell: Shell) -> None:
    (lone_shell.home / "file").touch()
    path = lone_shell.home / "file" / "data"
    done = lone_shell.run(f"noria up --port 0 --data-dir {path}")
    assert_refused(done, f"noria: cannot write to the data directory {path}: Not a directory")


def test_a_data_directory_in_use_is_one_line_and_exit_code_2(server: ServerProcess, shell: Shell) -> None:
    done = shell.run("noria up --port 0")
    where = f"at {server.url} (process {server.pid})"
    expected = f"noria: the data directory {server.data_dir} is in use by another server {where}"
    assert_refused(done, expected)


def assert_refused(done: subprocess.CompletedProcess[str], line: str) -> None:
    assert (done.returncode, done.stdout, done.stderr) == (2, "", f"{line}\n")


def test_permissive_and_public_servers_warn(lone_shell: Shell, started: list[Up]) -> None:
    up = Up(lone_shell, "--auth permissive --host 0.0.0.0")
    started.append(up)
    assert "  auth     permissive: ANY key is accepted and NO policy is evaluated" in up.said
    assert lone_shell.server_url().startswith("http://127.0.0.1:")
    _, errors = up.end()
    assert (
        "Warning: 0.0.0.0 is not a loopback address: whoever reaches this machine can run code on this"
        in errors
    )
    assert "Warning: --auth permissive: any key is accepted" in errors


def test_permissive_takes_any_key_and_a_key_of_12_digits_as_the_account(
    lone_shell: Shell, started: list[Up]
) -> None:
    started.append(Up(lone_shell, "--auth permissive"))
    anybody = {
        "AWS_ACCESS_KEY_ID": "111122223333",
        "AWS_SECRET_ACCESS_KEY": "any",
        "AWS_DEFAULT_REGION": "eu-central-1",
        "AWS_ENDPOINT_URL": lone_shell.server_url(),
    }
    identity = json.loads(lone_shell.output("aws sts get-caller-identity", **anybody))
    assert identity["Account"] == "111122223333"


def test_a_killed_server_is_not_taken_for_a_running_one(lone_shell: Shell, started: list[Up]) -> None:
    up = Up(lone_shell, "")
    started.append(up)
    up.process.kill()
    wait_gone({up.process.pid})
    up.process.communicate()
    done = lone_shell.run("noria env")
    assert done.returncode == 1
    assert done.stderr.startswith("Error: no server runs on ")


def test_help_is_quick_because_it_imports_little(lone_shell: Shell) -> None:
    """Under 150 ms is the promise; what costs is known, and so the test is exact."""
    script = (
        "import sys\n"
        "from noria.cli.commands import cli\n"
        "try: cli(['--help'])\n"
        "except SystemExit: pass\n"
        "print([m for m in ('asyncio', 'boto3', 'botocore', 'noria.app', 'uvloop') if m in sys.modules])"
    )
    assert lone_shell.output(f"python -c {shlex.quote(script)}").splitlines()[-1] == "[]"
