"""What an environment executes, where it does not go on as its template does."""

from __future__ import annotations

import os

from noria.services.lambda_.interpreters import Interpreter
from noria.services.lambda_.models import Function
from noria.services.lambda_.runtime_table import RUNTIMES

# Of the memory size, as AWS's runtime shares it out: the old generation of V8's heap, and a semi-space.
OLD_SPACE, SEMI_SPACE = 0.9, 0.05
HTTP_HEADER_BYTES = 81920  # likewise


def programs(
    function: Function, interpreter: Interpreter, task_root: str, layers: str, runtime_dir: str, bin_dir: str
) -> list[list[str]]:
    """Commands, of which the first that there is is executed; none for Python."""
    language = RUNTIMES[function.runtime].language
    if language == "python":
        return []
    if language == "":
        return [[f"{task_root}/bootstrap"], [f"{layers}/bootstrap"]]
    node = f"{bin_dir}/{os.path.basename(interpreter.executable)}"
    options = (
        f"--max-http-header-size={HTTP_HEADER_BYTES}",
        f"--max-old-space-size={int(function.memory_size_mb * OLD_SPACE)}",
        f"--max-semi-space-size={max(1, int(function.memory_size_mb * SEMI_SPACE))}",
    )
    return [[node, *options, f"{runtime_dir}/index.mjs", function.handler]]


def search_path(runtime: str, task_root: str, layers: str, runtime_dir: str) -> dict[str, str]:
    """The variable that says where modules are."""
    if RUNTIMES[runtime].language != "nodejs":
        return {"PYTHONPATH": runtime_dir}
    major = RUNTIMES[runtime].version[0]
    places = (
        f"{layers}/nodejs/node{major}/node_modules",
        f"{layers}/nodejs/node_modules",
        f"{runtime_dir}/node_modules",
        runtime_dir,
        task_root,
    )
    return {"NODE_PATH": ":".join(places)}
