"""The commands beside `up`, as real processes against a real server."""

from __future__ import annotations

import http.client
import json
import sys

import pytest
from tests.support.aws import unique
from tests.support.server import ServerProcess
from tests.support.shell import Shell


def test_env_makes_the_aws_command_talk_to_the_server(server: ServerProcess, shell: Shell) -> None:
    script = 'eval "$(noria env)"; aws sts get-caller-identity; echo "$AWS_REGION $AWS_ENDPOINT_URL"'
    document, _, last = shell.output(script, AWS_SESSION_TOKEN="old").rstrip().rpartition("\n")
    assert json.loads(document)["Arn"] == "arn:aws:iam::000000000000:root"
    assert last == f"us-east-1 {server.url}"


def test_env_as_json(server: ServerProcess, shell: Shell) -> None:
    assert json.loads(shell.output("noria env --format json")) == {
        "AWS_ENDPOINT_URL": server.url,
        "AWS_ACCESS_KEY_ID": server.root.access_key_id,
        "AWS_SECRET_ACCESS_KEY": server.root.secret_access_key,
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_DISABLE_HOST_PREFIX_INJECTION": "true",
    }


@pytest.mark.parametrize("dashes", ["-- ", ""])
def test_exec_passes_arguments_environment_and_exit_code_on(shell: Shell, dashes: str) -> None:
    script = 'echo "$0 $1 $AWS_DEFAULT_REGION${AWS_PROFILE-}"; exit 7'
    done = shell.run(f"noria exec {dashes}bash -c '{script}' --a --help", AWS_PROFILE="work")
    assert (done.returncode, done.stdout, done.stderr) == (7, "--a --help us-east-1\n", "")


def test_exec_of_an_unknown_command_is_one_line_and_127(shell: Shell) -> None:
    done = shell.run("noria exec -- no-such-command --x")
    assert (done.returncode, done.stdout, done.stderr) == (
        127,
        "",
        "noria: no-such-command: command not found\n",
    )


def test_exec_of_what_is_no_program_is_one_line_and_126(shell: Shell) -> None:
    done = shell.run("noria exec -- ./")
    assert (done.returncode, done.stdout, done.stderr) == (126, "", "noria: ./: Permission denied\n")


def test_aws_takes_the_aws_commands_own_options(shell: Shell) -> None:
    name = unique("queue")
    url = shell.output(
        f"noria aws --region eu-west-1 --output text sqs create-queue --queue-name {name} --query QueueUrl"
    ).strip()
    assert url.endswith(f"/000000000000/{name}")
    assert name not in shell.output("noria aws sqs list-queues")
    assert name in shell.output("noria aws sqs list-queues --region eu-west-1")


def test_aws_passes_the_exit_code_on(shell: Shell) -> None:
    done = shell.run("noria aws sqs get-queue-url --queue-name no-such-queue")
    assert done.returncode in (254, 255)
    assert "The specified queue does not exist." in done.stderr


def test_status_shows_queues(server: ServerProcess, shell: Shell) -> None:
    name = unique("depths")
    shell.output(
        f"""
        eval "$(noria env)"
        url=$(aws sqs create-queue --queue-name {name} --query QueueUrl --output text)
        aws sqs send-message --queue-url "$url" --message-body one
        """
    )
    text = shell.output("noria status")
    assert text.startswith(f"Noria 0.1.0 on {server.url}, up for ")
    line = next(line for line in text.splitlines() if name in line)
    assert line.split()[-3:] == ["1", "0", "0"]
    assert "\x1b" not in text  # colours are for terminals
    answer = json.loads(shell.output("noria status --json"))
    assert {"name": name, "visible": 1, "in_flight": 0, "delayed": 0}.items() <= next(
        queue for queue in answer["queues"] if queue["name"] == name
    ).items()


def test_reset_is_refused_for_another_account(shell: Shell) -> None:
    done = shell.run("noria reset --yes --account 999999999999")
    assert done.returncode == 1
    assert done.stderr.startswith("Error: 403 ")


def test_reset_empties_the_account(tmp_path_factory: pytest.TempPathFactory) -> None:
    home = tmp_path_factory.mktemp("reset")
    with ServerProcess(home / "data") as own:
        shell = Shell(home, own.data_dir)
        shell.output("noria aws sqs create-queue --queue-name doomed")
        trust = '{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Principal": {"AWS": "*"}, '
        trust += '"Action": "sts:AssumeRole"}}'
        role = "noria aws iam create-role --role-name Doomed --assume-role-policy-document"
        shell.output(f"{role} '{trust}'")
        assert shell.output("noria reset --yes") == "Account 000000000000 is empty.\n"
        assert shell.output("noria aws sqs list-queues").strip() in ("", "{}")
        assert json.loads(shell.output("noria aws iam list-roles"))["Roles"] == []


def test_the_own_endpoints_are_for_root_only(server: ServerProcess) -> None:
    for method, path in (
        ("GET", "/_noria/status"),
        ("GET", "/_noria/explain"),
        ("GET", "/_noria/suggest-policy/role/R"),
        ("POST", "/_noria/reset"),
    ):
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
        connection.request(method, path)
        assert connection.getresponse().status == 403
        connection.close()


def test_runtimes_list_shows_what_runs_each(shell: Shell) -> None:
    rows = [line.split() for line in shell.output("noria runtimes list").splitlines()[2:]]
    pythons = [f"python3.{minor}" for minor in range(9, 15)]
    nodes = [f"nodejs{major}.x" for major in (20, 22, 24)]
    assert [row[0] for row in rows] == [*pythons, *nodes, "provided.al2023"]
    own = f"python{sys.version_info.major}.{sys.version_info.minor}"
    version = ".".join(map(str, sys.version_info[:3]))
    assert next(row[1] for row in rows if row[0] == own) == version
    assert next(row[3] for row in rows if row[0] == own) == "yes"


def test_runtimes_install_says_what_there_is(shell: Shell) -> None:
    done = shell.run("noria runtimes install 2.7")
    assert done.returncode == 1
    assert done.stderr.startswith("Error: there is no runtime python2.7; there are python3.9, ")
