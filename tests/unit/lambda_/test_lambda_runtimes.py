"""Which interpreter runs which runtime, and how another one is made ready."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from noria.services.lambda_ import runtimes
from noria.services.lambda_.actions import ACTIONS
from noria.services.lambda_.runtimes import InstallError, Interpreter, Runtimes, find_interpreter, install
from noria.services.lambda_.service import APIS

OWN = sys.version_info[:2]


def interpreter(minor: int) -> Interpreter:
    return Interpreter(f"/python3.{minor}", (3, minor, 1), "/libraries")


def script(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine with nothing on its PATH but what a test puts there."""
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path / "pyenv"))
    return tmp_path


async def test_norias_own_interpreter_always_runs_its_runtime() -> None:
    found = Runtimes("none")
    await found.start()
    name = f"python3.{OWN[1]}"
    assert found.is_exact(name)
    assert found.interpreter(name).executable == sys.executable


@pytest.mark.parametrize(
    ("installed", "wanted", "runs"),
    [((9, 11), 9, 9), ((9, 11), 10, 11), ((9, 13), 10, 9), ((9, 13), 12, 13), ((9,), 14, 9)],
)
async def test_the_nearest_runs_where_the_exact_one_is_missing(
    installed: tuple[int, ...], wanted: int, runs: int
) -> None:
    found = Runtimes("none")
    found._interpreters = {(3, minor): interpreter(minor) for minor in installed}
    assert found.interpreter(f"python3.{wanted}") == interpreter(runs)
    assert found.is_exact(f"python3.{wanted}") is (wanted in installed)


def test_an_interpreter_counts_if_it_runs_and_is_of_the_version(machine: Path) -> None:
    assert find_interpreter((3, 12)) is None
    script(machine / "bin" / "python3.12", "exit 127")  # as a shim of pyenv without that version
    assert find_interpreter((3, 12)) is None
    script(machine / "bin" / "python3.12", """echo '["/usr/bin/python3.11", [3, 11, 4]]'""")
    assert find_interpreter((3, 12)) is None
    script(machine / "pyenv/versions/3.12.1/bin/python3.12", """echo '["/real/python3.12", [3, 12, 1]]'""")
    assert find_interpreter((3, 12)) == ("/real/python3.12", (3, 12, 1))


async def test_an_interpreter_without_libraries_runs_nothing(machine: Path, cache: Path) -> None:
    minor = 9 if OWN[1] != 9 else 10
    script(machine / "bin" / f"python3.{minor}", f"""echo '["/real/python", [3, {minor}, 1]]'""")
    before = Runtimes("none")
    await before.start()
    assert not before.is_exact(f"python3.{minor}")
    (cache / "noria" / "runtimes" / f"python3.{minor}" / "awslambdaric").mkdir(parents=True)
    after = Runtimes("none")
    await after.start()
    assert after.is_exact(f"python3.{minor}")
    (row,) = [row for row in after.report() if row.runtime == f"python3.{minor}"]
    assert (row.interpreter, row.executable, row.exact) == (f"3.{minor}.1", "/real/python", True)


def test_install_puts_the_libraries_in_place_whole(machine: Path, cache: Path) -> None:
    python = machine / "bin" / "python3.12"
    script(
        python,
        f"""case "$*" in
*"-m pip install"*awslambdaric*boto3*)
  for last in "$@"; do [ "$previous" = --target ] && break; previous=$last; done
  /bin/mkdir -p "$last/awslambdaric" ;;
*) echo '["{python}", [3, 12, 1]]' ;;
esac""",
    )
    expected = cache / "noria" / "runtimes" / "python3.12"
    assert install("3.12") == expected
    assert install("3.12") == expected  # again, over what is there
    assert [path.name for path in expected.iterdir()] == ["awslambdaric"]
    assert [path.name for path in expected.parent.iterdir()] == ["python3.12"]


def test_install_says_what_is_wrong(machine: Path) -> None:
    with pytest.raises(InstallError, match=r"there is no runtime python2\.7; there are python3\.9, "):
        install("2.7")
    with pytest.raises(InstallError, match=r"no Python 3\.12 on this machine"):
        install("3.12")
    python = machine / "bin" / "python3.12"
    script(
        python,
        f"""case "$*" in *pip*) echo no network >&2; exit 1 ;; *) echo '["{python}", [3, 12, 1]]' ;; esac""",
    )
    with pytest.raises(InstallError, match="pip could not install them:\nno network"):
        install("3.12")
    assert list(runtimes.libraries_dir((3, 12)).parent.iterdir()) == []


def test_every_operation_has_an_action_and_every_action_an_operation() -> None:
    from botocore import xform_name

    public = {name for api in APIS for name in vars(api) if not name.startswith("_")}
    assert {xform_name(operation) for operation in ACTIONS} == public
