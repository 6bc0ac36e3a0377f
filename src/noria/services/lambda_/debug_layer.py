"""What a debugged environment gets beside its code: debugpy, from where Noria is installed, and a handler."""

from __future__ import annotations

import importlib.util
import io
import os
import zipfile
from pathlib import Path

HANDLER = "noria_debug.handler"
SCRIPT = Path(__file__).with_name("debug_handler.py")


def debugger_path() -> Path | None:
    """Where debugpy is installed, if it is."""
    found = importlib.util.find_spec("debugpy")
    return Path(found.origin).parent if found is not None and found.origin else None


def debug_layer(debugpy: Path) -> bytes:
    """A layer with both. Not compressed, which would take longer than all the rest."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_STORED) as archive:
        archive.write(SCRIPT, f"python/{HANDLER.partition('.')[0]}.py")
        for directory, _, files in os.walk(debugpy):
            for name in files:
                path = Path(directory, name)
                if path.suffix != ".pyc":
                    archive.write(path, Path("python", "debugpy", path.relative_to(debugpy)))
    return data.getvalue()
