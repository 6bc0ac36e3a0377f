"""Settings of one server: frozen, made by the command line or a test, read everywhere."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

import msgspec

AuthMode = Literal["enforce", "permissive"]
Durability = Literal["full", "relaxed"]
IsolationMode = Literal["auto", "namespaces", "landlock", "none"]

DEFAULT_HOST = "127.0.0.1"  # loopback only: nobody else's machine reaches a server by default
DEFAULT_PORT = 4566  # the port that local AWS tools expect
DEFAULT_ACCOUNT = "000000000000"
DEFAULT_REGION = "us-east-1"
DEFAULT_LOG_STORAGE_MB = 4096  # about a third more on the disk


def default_data_dir() -> Path:
    """$XDG_DATA_HOME/noria, by default ~/.local/share/noria."""
    base = os.environ.get("XDG_DATA_HOME") or "~/.local/share"
    return Path(base).expanduser() / "noria"


def cache_dir() -> Path:
    """Things that can be made again (runtimes' libraries, the exercise's package)."""
    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(base).expanduser() / "noria"


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What `noria up` was told.

    data_dir: holds everything that outlives the server; with `ephemeral` a temporary directory that
        the command line makes and removes.
    ephemeral: keep nothing: the store lives in memory and never syncs.
    durability: full: what is acknowledged is on disk. relaxed: with the system, and on disk within a second.
    account: the 12-digit account of the root credentials.
    strict_runtimes: refuse a function whose exact interpreter is missing, instead of running the nearest.
    eventual_rules: as AWS, make clients wait where it needs time to spread a change: 60 s between two purges
        of a queue, and between deleting a queue and creating one of its name. Tests turn it off.
    isolation: of functions; auto is the strongest that the machine allows.
    open_metrics: anybody may read `/metrics`, unsigned, who reaches the server.
    log_storage_mb: of all log events together, as CloudWatch Logs counts them; what is beyond it is erased,
        the oldest of the largest group first.
    """

    data_dir: Path
    host: str = DEFAULT_HOST
    port: int = DEFAULT_PORT
    ephemeral: bool = False
    durability: Durability = "full"
    account: str = DEFAULT_ACCOUNT
    region: str = DEFAULT_REGION
    auth: AuthMode = "enforce"
    log_level: str = "info"
    strict_runtimes: bool = False
    eventual_rules: bool = True
    open_metrics: bool = False
    isolation: IsolationMode = "auto"
    log_storage_mb: int = DEFAULT_LOG_STORAGE_MB
