"""Options of the command line: validated, each also an environment variable, each a setting."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
import msgspec
import pytest
from click.testing import CliRunner, Result

from noria import __version__
from noria.cli import commands, up
from noria.config import Settings

OPTIONS = {option.name: option for option in commands.up.params if isinstance(option, click.Option)}


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[Settings]:
    """The settings of each server that a command line would have started."""
    settings: list[Settings] = []

    def serve(told: Settings) -> int:
        settings.append(told)
        return 0

    monkeypatch.setattr(up, "serve", serve)
    return settings


def run(*words: str, env: Mapping[str, str] | None = None) -> Result:
    return CliRunner().invoke(commands.cli, list(words), env=env, prog_name="noria")


def test_every_setting_is_an_option_of_up_with_a_variable_of_its_own() -> None:
    assert set(OPTIONS) == {field.name for field in msgspec.structs.fields(Settings)}
    for name, option in OPTIONS.items():
        assert option.envvar == f"NORIA_{name.upper()}"
        assert option.show_envvar


def test_defaults(started: list[Settings], tmp_path: Path) -> None:
    assert run("up", env={"XDG_DATA_HOME": str(tmp_path)}).exit_code == 0
    assert started == [Settings(data_dir=tmp_path / "noria")]


GIVEN = {
    "port": (4567, "4567"),
    "host": ("::1", "::1"),
    "data_dir": (Path("/somewhere"), "/somewhere"),
    "account": ("123456789012", "123456789012"),
    "region": ("us-gov-west-1", "us-gov-west-1"),
    "auth": ("permissive", "permissive"),
    "log_level": ("debug", "debug"),
    "isolation": ("landlock", "landlock"),
    "durability": ("relaxed", "relaxed"),
    "log_storage_mb": (100, "100"),
}
FLAGS = ("ephemeral", "open_metrics", "strict_runtimes")


def test_options_reach_the_server(started: list[Settings]) -> None:
    words = [word for name, (_, text) in GIVEN.items() for word in (f"--{name.replace('_', '-')}", text)]
    assert (
        run(
            "up", *words, "--ephemeral", "--open-metrics", "--strict-runtimes", "--no-eventual-rules"
        ).exit_code
        == 0
    )
    values: dict[str, Any] = {name: value for name, (value, _) in GIVEN.items()}
    values |= dict.fromkeys(FLAGS, True)
    assert started == [Settings(**values, eventual_rules=False)]


def test_variables_reach_the_server(started: list[Settings]) -> None:
    env = {f"NORIA_{name.upper()}": text for name, (_, text) in GIVEN.items()}
    env |= {f"NORIA_{name.upper()}": "1" for name in FLAGS} | {"NORIA_EVENTUAL_RULES": "0"}
    assert run("up", env=env).exit_code == 0
    values: dict[str, Any] = {name: value for name, (value, _) in GIVEN.items()}
    values |= dict.fromkeys(FLAGS, True)
    assert started == [Settings(**values, eventual_rules=False)]


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (("--account", "12345"), "'12345' is not an account: 12 digits"),
        (("--account", "١٢٣٤٥٦٧٨٩٠١٢"), "is not an account: 12 digits"),
        (("--region", "nowhere"), "'nowhere' is not a region, such as us-east-1"),
        (("--port", "65536"), "65536 is not in the range 0<=x<=65535"),
        (("--auth", "maybe"), "'maybe' is not one of 'enforce', 'permissive'"),
        (("--log-level", "loud"), "'loud' is not one of"),
        (("--data-dir", __file__), "is a file"),
        (("--unknown",), "No such option"),
    ],
)
def test_nonsense_is_refused_with_exit_code_2(
    started: list[Settings], words: tuple[str, ...], text: str
) -> None:
    result = run("up", *words)
    assert result.exit_code == 2
    assert text in result.output
    assert started == []


def test_version() -> None:
    assert run("--version").output == f"noria {__version__}\n"


@pytest.mark.parametrize(
    "words", [("env",), ("exec", "--", "true"), ("aws", "sqs", "list-queues"), ("status",), ("reset",)]
)
def test_without_a_server_a_command_says_how_to_start_one(tmp_path: Path, words: tuple[str, ...]) -> None:
    result = run(*words, env={"NORIA_DATA_DIR": str(tmp_path), "PATH": "/usr/bin"})
    if words[0] == "aws" and result.exit_code == commands.COMMAND_NOT_FOUND:
        pytest.skip("needs the aws command")
    assert (result.exit_code, result.output) == (
        1,
        f"Error: no server runs on {tmp_path}. Start one with: noria up\n",
    )


@pytest.mark.parametrize(
    ("host", "loopback"),
    [("127.0.0.1", True), ("127.8.9.1", True), ("::1", True), ("localhost", True),
     ("0.0.0.0", False), ("::", False), ("192.168.1.5", False), ("example.org", False)],
)  # fmt: skip
def test_only_loopback_addresses_are_private(host: str, loopback: bool) -> None:
    assert up.is_loopback(host) is loopback
