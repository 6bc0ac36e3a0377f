"""`noria dev`, `noria debug` and `noria logs`, as one uses them while working on a function."""

from __future__ import annotations

import re
import subprocess
import threading
from pathlib import Path

import pytest
from tests.support.aws import BASIC_EXECUTION, Aws, eventually
from tests.support.debugger import Debugger
from tests.support.server import ServerProcess
from tests.support.shell import Shell

from noria.cli import client
from noria.data_dir import running_server

SOURCE = "def handler(event, context):\n    print({answer!r})\n    return {answer!r}\n"
DEPLOYED = SOURCE.format(answer="deployed")
ENDS_WITHIN_S = 20.0


class Running:
    """A command that goes on until it is interrupted."""

    def __init__(self, shell: Shell, command: str) -> None:
        self.process = shell.start(command)
        self._timer = threading.Timer(ENDS_WITHIN_S, self.process.kill)
        self._timer.start()

    def line(self) -> str:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, "it has nothing more to say"
        return line.rstrip("\n")

    def interrupt(self) -> str:
        """Its last words; it ends well."""
        self.process.terminate()
        return self.ended()

    def ended(self) -> str:
        output, errors = self.process.communicate(timeout=ENDS_WITHIN_S)
        assert (self.process.returncode, errors) == (0, "")
        return output

    def kill(self) -> None:
        self._timer.cancel()
        if self.process.poll() is None:
            self.process.kill()
            self.process.communicate()


@pytest.fixture(scope="module")
def role(aws: Aws) -> str:
    return aws.role(BASIC_EXECUTION)


def save(folder: Path, answer: str) -> None:
    folder.mkdir(exist_ok=True)
    (folder / "app.py").write_text(SOURCE.format(answer=answer))


def test_what_is_saved_is_in_force_until_dev_ends(aws: Aws, shell: Shell, role: str, tmp_path: Path) -> None:
    name = aws.function(DEPLOYED, role)
    save(tmp_path / "work", "first")
    dev = Running(shell, f"noria dev work --function {name}")
    try:
        assert dev.line() == f"{name} runs from {tmp_path / 'work'}. Ctrl-C ends it."
        assert aws.invoke(name)[1] == "first"
        assert f"{name} runs from {tmp_path / 'work'}" in shell.output("noria status")
        save(tmp_path / "work", "second")
        assert re.fullmatch(r"\d\d:\d\d:\d\d app\.py: in force", dev.line())
        assert aws.invoke(name)[1] == "second"
        assert dev.interrupt().splitlines()[-1] == f"{name} runs the code that was deployed."
        assert aws.invoke(name)[1] == "deployed"
    finally:
        dev.kill()


def test_dev_of_a_function_that_is_not_there_says_so(shell: Shell) -> None:
    done = shell.run("noria dev . --function nobody")
    assert done.returncode == 1
    assert "Function not found: arn:aws:lambda:us-east-1:000000000000:function:nobody" in done.stderr


def test_the_next_invocation_waits_for_a_debugger(aws: Aws, shell: Shell, role: str) -> None:
    name = aws.function("def handler(event, context):\n    found = event + 1\n    return found\n", role)
    debug = Running(shell, f"noria debug {name} --port 0")
    try:
        said = re.fullmatch(
            rf"The next invocation of {name} waits for a debugger at 127\.0\.0\.1:(\d+)\.", debug.line()
        )
        assert said is not None
        launch = "".join(iter(lambda: debug.line() + "\n", "}\n"))
        root = re.search(r'"remoteRoot": "(.+)"', launch)
        assert root is not None
        (shell.home / "one.json").write_text("1")
        script = f"noria aws lambda invoke --function-name {name} --payload fileb://one.json answer.json"
        invocation = shell.start(script)
        lines = iter(debug.line, f"{name} was invoked and waits.")
        assert list(lines)[-1].startswith("Callers have timeouts of their own")
        debugger = Debugger("127.0.0.1", int(said[1]))
        debugger.attach("/home/me", root[1], "app.py", 3)
        assert debugger.evaluate("found") == "2"
        debugger.go_on()
        invocation.communicate(timeout=ENDS_WITHIN_S)
        assert (shell.home / "answer.json").read_text() == "2"
        debugger.close()
        assert debug.ended().splitlines() == ["The debugger is attached.", "Debugging has ended."]
    finally:
        debug.kill()


def test_an_interrupted_debug_lets_the_invocation_go_on(aws: Aws, shell: Shell, role: str) -> None:
    name = aws.function(DEPLOYED, role)
    debug = Running(shell, f"noria debug {name} --port 0")
    try:
        debug.line()
        assert debug.interrupt().splitlines()[-1] == "Debugging has ended."
        assert aws.invoke(name)[1] == "deployed"
    finally:
        debug.kill()


def test_logs_prints_and_follows(aws: Aws, shell: Shell, role: str) -> None:
    name = aws.function("def handler(event, context):\n    print('said', event)\n", role)
    assert shell.output(f"noria logs {name}") == ""  # nothing was logged yet
    aws.invoke(name, 1)
    aws.log_of(name, 1)
    printed = shell.output(f"noria logs {name}").splitlines()
    assert [line.split(" ")[1] for line in printed] == ["INIT_START", "START", "said", "END", "REPORT"]
    assert re.fullmatch(r"\d\d:\d\d:\d\d\.\d{3} said 1", printed[2])
    logs = Running(shell, f"noria logs {name} --follow")
    try:
        assert [logs.line() for _ in printed] == printed
        aws.invoke(name, 2)
        followed = [logs.line().split(" ", 1)[1] for _ in range(4)]
        assert followed[1] == "said 2"
        logs.interrupt()
    finally:
        logs.kill()


def test_only_the_keys_owner_may_though_the_server_believes_anybody(tmp_path: Path) -> None:
    """A folder of the owner's becomes readable, so `--auth permissive` does not reach as far."""
    with ServerProcess(tmp_path / "data", "--auth", "permissive") as server:
        aws = Aws(server.client)
        name = aws.function(DEPLOYED, aws.role(BASIC_EXECUTION))
        save(tmp_path / "work", "folder")
        asked = f'{{"function": "{name}", "folder": "{tmp_path / "work"}"}}'
        url = f"{server.url}/_noria/development/use-folder"
        curl = ["curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", "--data", asked, url]
        unsigned = subprocess.run(curl, capture_output=True, text=True, check=True)
        forged = subprocess.run(
            [*curl, "--aws-sigv4", "aws:amz:us-east-1:noria", "--user", f"{server.root.access_key_id}:no"],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        assert (unsigned.stdout, forged.stdout) == ("403", "403")
        assert aws.invoke(name)[1] == "deployed"
        running = running_server(server.data_dir)
        assert running is not None
        document = {"function": name, "folder": str(tmp_path / "work")}
        client.call(running, "POST", "/_noria/development/use-folder", document)
        assert eventually(lambda: aws.invoke(name)[1], "an answer") == "folder"
