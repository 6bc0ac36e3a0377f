"""A user's shell: the real `noria` and `aws` commands, in a home directory of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from noria.data_dir import running_server

COMMANDS = str(Path(sys.executable).parent)
ENDS_WITHIN_S = 180.0  # walks and installations; anything else takes seconds


class Shell:
    """Runs bash scripts. Its `noria` commands look for a server on `data_dir`."""

    def __init__(self, home: Path, data_dir: Path, cache: Path | None = None) -> None:
        """cache: a directory that outlives the test, for what takes long to make."""
        self.home = home
        self.data_dir = data_dir
        inherited = {name: value for name, value in os.environ.items() if _harmless(name)}
        self.environment = inherited | {
            "PATH": f"{COMMANDS}{os.pathsep}{os.environ['PATH']}",
            "HOME": str(home),
            "XDG_DATA_HOME": str(home / "data"),
            "XDG_CACHE_HOME": str(cache or home / "cache"),
            "TMPDIR": str(home),
            "NORIA_DATA_DIR": str(data_dir),
            "AWS_PAGER": "",
        }

    def run(self, script: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Stops at the first command that fails, as ``set -e`` does."""
        return subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script],
            cwd=self.home,
            env=self.environment | variables,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=ENDS_WITHIN_S,
            check=False,
        )

    def output(self, script: str, **variables: str) -> str:
        """Its standard output; it must succeed."""
        done = self.run(script, **variables)
        assert done.returncode == 0, f"{script}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def start(self, script: str, **variables: str) -> subprocess.Popen[str]:
        """In the background; its output can be read from the pipes."""
        return subprocess.Popen(
            ["bash", "-c", f"exec {script}"],
            cwd=self.home,
            env=self.environment | variables,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def server_url(self) -> str:
        server = running_server(self.data_dir)
        assert server is not None, "no server runs"
        return server.url


def _harmless(name: str) -> bool:
    """pip's own configuration stays: a machine may have its index behind a mirror."""
    return not name.startswith(("AWS_", "NORIA_", "XDG_")) and name not in ("PYTHONPATH", "VIRTUAL_ENV")
