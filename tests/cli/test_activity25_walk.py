"""`noria activity25`: the walk, as users start it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from tests.support.server import ServerProcess
from tests.support.shell import Shell

from noria.activity25 import walk
from noria.activity25.package import source


def lines(output: str) -> list[str]:
    return [line.strip() for line in output.splitlines()]


def test_with_a_server_of_its_own_which_is_gone_afterwards(tmp_path: Path, cache: Path) -> None:
    shell = Shell(tmp_path, tmp_path / "data", cache)
    output = shell.output("noria activity25 --messages 12")
    said = lines(output)
    steps = [line for line in said if re.match(r"(Step \d|Proof) ", line)]
    assert [step.split("  ")[0] for step in steps[:8]] == [f"Step {number}" for number in range(1, 9)]
    assert "the queue before: 12 waiting, 0 in flight" in said
    assert "the queue after:  0 waiting, 0 in flight" in said
    assert said[-1] == "Each of the 12 messages was consumed: the consumer's log shows every one."
    invocations = int(re.search(r"12 messages in (\d+) invocation", output).group(1))  # type: ignore[union-attr]
    assert 2 <= invocations <= 12
    assert "\x1b" not in output
    assert list(tmp_path.glob("noria-*")) == []  # TMPDIR is the shell's home
    assert not shell.data_dir.exists()


def test_twice_against_a_running_server_then_clean_up(tmp_path: Path, cache: Path) -> None:
    with ServerProcess(tmp_path / "data") as server:
        shell = Shell(tmp_path, server.data_dir, cache)
        for options in ("", "--cleanup"):
            output = shell.output(f"noria activity25 --messages 3 {options}")
            assert output.startswith(f"Activity 25 on {server.url}\n")
            assert "the queue before: 3 waiting, 0 in flight" in output
            assert "Each of the 3 messages was consumed" in output
            if not options:
                status = shell.output("noria status")
                assert "activity25  consumer  Enabled" in status
                called = "sqs:DeleteMessage, sqs:GetQueueAttributes, sqs:ReceiveMessage, sqs:SendMessage"
                warning = f"policy Activity25QueueFullAccess: allows sqs:*, of which it called {called};"
                assert f"  role Activity25Role, {warning}" in status
                suggested = json.loads(shell.output("noria suggest-policy --role Activity25Role"))
                assert called.split(", ") in [statement["Action"] for statement in suggested["Statement"]]
        status = shell.output("noria status")
        assert [line for line in status.splitlines() if line.endswith(": none")] == [
            "Queues: none",
            "Functions: none",
            "Triggers: none",
        ]
        assert "Activity25" not in shell.output("noria aws iam list-roles; noria aws iam list-policies")
        assert "/aws/lambda/" not in shell.output("noria aws logs describe-log-groups")


def test_it_fails_when_a_message_was_not_consumed(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The proof is one: with a consumer that skips records, the walk does not claim that it saw them."""
    skipping = source("consumer_of_all").replace('in event["Records"]', 'in event["Records"][1:]')
    monkeypatch.setattr(walk, "source", lambda name: skipping if name == "consumer_of_all" else source(name))
    monkeypatch.setattr(walk, "SETTLE_WITHIN_S", 4)
    monkeypatch.setattr(walk, "PER_MESSAGE_S", 0)
    monkeypatch.setattr(walk, "cache_dir", lambda: cache)
    with ServerProcess(tmp_path / "data") as server:
        session = _Session(server)
        with pytest.raises(
            walk.WalkError, match=r"not every one of the 3 messages was consumed.*missing in the log"
        ):
            walk.Walk(session, 3).run()
    assert "was consumed" not in capsys.readouterr().out


class _Session:
    """Stands in for a boto3 session whose environment points at the server."""

    def __init__(self, server: ServerProcess) -> None:
        self.client = server.client


def test_messages_are_limited(tmp_path: Path) -> None:
    done = Shell(tmp_path, tmp_path / "data").run("noria activity25 --messages 0")
    assert done.returncode == 2
    assert "0 is not in the range 1<=x<=10000" in done.stderr


def test_an_aws_error_is_one_line_and_exit_code_1(tmp_path: Path, cache: Path) -> None:
    with ServerProcess(tmp_path / "data") as server:
        shell = Shell(tmp_path, server.data_dir, cache)
        shell.output(
            """
            eval "$(noria env)"
            aws iam create-role --role-name Activity25Role --assume-role-policy-document \
              '{"Version": "2012-10-17", "Statement":
                [{"Effect": "Allow", "Principal": {"AWS": "000000000000"}, "Action": "sts:AssumeRole"}]}'
            """
        )
        done = shell.run("noria activity25")
    assert done.returncode == 1
    assert done.stderr == (
        "Error: An error occurred (InvalidParameterValueException) when calling the CreateFunction "
        "operation: The role defined for the function cannot be assumed by Lambda.\n"
    )
