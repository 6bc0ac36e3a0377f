"""What the documents say is so: every command runs, every setting is documented, quoted code is the code."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import msgspec
import pytest
from tests.support.server import ServerProcess, wait_gone
from tests.support.shell import Shell

import noria.cli.function_commands  # noqa: F401  its commands become cli's
from noria.activity25.package import source
from noria.cli.commands import cli
from noria.config import Settings

ROOT = Path(__file__).parents[2]

# The tests run in the virtual environment that `make` keeps: it must not be renewed underneath them.
KEEP_VENV = 'make() { command make --old-file=.venv/installed "$@"; }\n'


def blocks(document: str, language: str) -> list[str]:
    text = (ROOT / document).read_text()
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.M | re.S)


def start_server(shell: Shell) -> subprocess.Popen[str]:
    """For a line `noria up`: what a reader runs in another terminal. It is ready when this returns."""
    process = shell.start("noria up", NORIA_PORT="0")
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("  noria activity25"):
            return process
    raise AssertionError("the server did not get ready")


def test_every_command_of_the_readme_works(tmp_path: Path, cache: Path) -> None:
    shell = Shell(tmp_path, tmp_path / "data" / "noria", cache)
    server = None
    script = f"cd '{ROOT}'\nset -x\n" + KEEP_VENV
    try:
        for block in blocks("README.md", "bash"):
            if "noria up\n" in block:
                assert server is None
                server = start_server(shell)
            script += block.replace("noria up\n", "")
        assert server is not None
        output = shell.output(script)
    finally:
        if server is not None:
            server.terminate()
            server.communicate(timeout=30)
            wait_gone({server.pid})
    assert output.count("Each of the 10 messages was consumed") == 1
    assert output.count("Each of the 25 messages was consumed") == 1
    assert '"Body": "two teapots"' in output
    assert "activity25  consumer  Enabled" in output
    assert "REPORT RequestId: " in output


def test_every_command_of_the_exercise_by_hand_works(tmp_path: Path) -> None:
    """The eight steps, verbatim, with the real `aws` command."""
    with ServerProcess(tmp_path / "data") as server:
        shell = Shell(tmp_path, server.data_dir)
        output = shell.output("".join(blocks("docs/activity25.md", "bash")))
    sent = re.findall(r'{"task": "(task [0-9a-f-]{36})", "messageId": "[0-9a-f-]{36}"}', output)
    assert len(set(sent)) == 3
    assert '"ApproximateNumberOfMessages": "3"' in output  # before the trigger
    started, reported = (
        re.findall(rf"\b{word} RequestId: ([0-9a-f-]{{36}})", output) for word in ("START", "REPORT")
    )
    assert 1 <= len(started) <= 3
    assert started == reported


def test_quoted_functions_are_the_ones_that_run() -> None:
    assert blocks("README.md", "python") == [source("consumer_of_all")]
    by_hand = "".join(blocks("docs/activity25.md", "bash"))
    for name in ("producer", "consumer"):
        assert f"<<'PYTHON'\n{source(name)}PYTHON\n" in by_hand


@pytest.mark.parametrize("field", [field.name for field in msgspec.structs.fields(Settings)])
def test_every_setting_is_documented(field: str) -> None:
    text = (ROOT / "docs/commands.md").read_text()
    assert f"| `--{field.replace('_', '-')}` | `NORIA_{field.upper()}` |" in text


@pytest.mark.parametrize("name", sorted(cli.commands))
def test_every_command_is_documented(name: str) -> None:
    text = (ROOT / "docs/commands.md").read_text()
    assert f"## `noria {name}" in text
    for option in cli.commands[name].params:
        for spelling in (word for word in option.opts if word.startswith("--")):
            assert f"`{spelling}" in text


def test_links_between_documents_lead_somewhere() -> None:
    for document in [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]:
        for target in re.findall(r"\]\((?!https?:)([^)#]+)", document.read_text()):
            assert (document.parent / target).exists(), f"{document.name}: {target}"
