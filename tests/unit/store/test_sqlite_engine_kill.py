"""kill -9 at any moment: what was acknowledged is there after reopening."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from noria.store.sqlite.engine import SqliteEngine

SCHEMA = ("CREATE TABLE numbers (n INTEGER PRIMARY KEY, filling BLOB)",)

WRITER = """
import asyncio, sys
from pathlib import Path
from noria.store.sqlite import engine as module
module.WAL_BYTES = 1 << 18  # so that checkpoints and restarts of the WAL are under way all the time
engine = module.SqliteEngine(Path(sys.argv[1]), (sys.argv[2],))

async def writer(first):
    for n in range(first, first + 1_000_000):
        await engine.write(lambda db: db.execute("INSERT INTO numbers VALUES (?, zeroblob(500))", (n,)))
        sys.stdout.write(f"{n}\\n")
        sys.stdout.flush()

async def main():
    await engine.start()
    await asyncio.gather(*(writer(k * 1_000_000) for k in range(16)))

asyncio.run(main())
"""


def write_until_killed(path: Path, kill_after: int) -> set[int]:
    """The acknowledged numbers: `kill_after`, and those on their way when the kill came."""
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path), SCHEMA[0]], stdout=subprocess.PIPE, text=True
    )
    assert writer.stdout is not None
    with writer.stdout:
        acknowledged = {int(writer.stdout.readline()) for _ in range(kill_after)}
        writer.kill()
        acknowledged |= {int(line) for line in writer.stdout if line.endswith("\n")}
    writer.wait()
    return acknowledged


@pytest.mark.parametrize("kill_after", [1, 700, 3000])
async def test_acknowledged_writes_survive_kill_9(tmp_path: Path, kill_after: int) -> None:
    path = tmp_path / "test.db"
    acknowledged = write_until_killed(path, kill_after)
    engine = SqliteEngine(path, SCHEMA)
    await engine.start()
    present = {n for (n,) in engine.read("SELECT n FROM numbers")}
    assert engine.read("PRAGMA integrity_check") == [("ok",)]
    await engine.close()
    assert acknowledged <= present
    assert len(present) <= len(acknowledged) + 16  # each writer had one unacknowledged write at most
