"""What an environment executes, where it does not go on as its template does."""

from __future__ import annotations

import os

from noria.services.lambda_.interpreters import Interpreter
from noria.services.lambda_.models import Function
from noria.services.lambda_.runtime_table import RUNTIMES
from noria.services.lambda_.sandbox import namespaces

# Of the memory size, as AWS's runtime shares it out: the old generation of V8's heap, and a semi-space.
OLD_SPACE, SEMI_SPACE = 0.9, 0.05
HTTP_HEADER_BYTES = 81920  # likewise


WRAPPER = "AWS_LAMBDA_EXEC_WRAPPER"  # the variable with its path


def programs(
    function: Function, interpreter: Interpreter, task_root: str, layers: str, runtime_dir: str, bin_dir: str
) -> list[list[str]]:
    """Commands, of which the first that there is is executed; none for Python, unless a script of the
    function's wraps its runtime (docs.aws.amazon.com/lambda/latest/dg/runtimes-modify.html)."""
    language = RUNTIMES[function.runtime].language
    if language == "":
        return [[f"{task_root}/bootstrap"], [f"{layers}/bootstrap"]]
    wrapper = _wrapper(function, task_root, layers)
    program = f"{bin_dir}/{os.path.basename(interpreter.executable)}"
    if language == "python":
        return (
            [[*wrapper, program, "-c", _bootstrap(function, interpreter, task_root, layers)]]
            if wrapper
            else []
        )
    options = (
        f"--max-http-header-size={HTTP_HEADER_BYTES}",
        f"--max-old-space-size={int(function.memory_size_mb * OLD_SPACE)}",
        f"--max-semi-space-size={max(1, int(function.memory_size_mb * SEMI_SPACE))}",
    )
    return [[*wrapper, program, *options, f"{runtime_dir}/index.mjs", function.handler]]


def _wrapper(function: Function, task_root: str, layers: str) -> list[str]:
    """Its path, where the function's files are here; [] where there is none."""
    path = (function.environment or {}).get(WRAPPER, "")
    for place, here in ((namespaces.TASK_ROOT, task_root), (namespaces.LAYERS, layers)):
        if path.startswith(f"{place}/"):
            return [here + path.removeprefix(place)]
    return [path] if path else []


def _bootstrap(function: Function, interpreter: Interpreter, task_root: str, layers: str) -> str:
    """What a template does for its environments, as a program: see `template_process.start`."""
    version = "python" + ".".join(map(str, interpreter.version[:2]))
    places = [task_root, f"{layers}/python/lib/{version}/site-packages", f"{layers}/python"]
    return (
        f"import sys; sys.path[:1] = {places!r}; sys.dont_write_bytecode = True; "
        f"from awslambdaric.__main__ import main; main(['bootstrap.py', {function.handler!r}])"
    )


def search_path(runtime: str, task_root: str, layers: str, runtime_dir: str, modules: str) -> dict[str, str]:
    """The variable that says where modules are. modules: those of the runtime."""
    if RUNTIMES[runtime].language != "nodejs":
        return {"PYTHONPATH": runtime_dir}
    major = RUNTIMES[runtime].version[0]
    places = (
        f"{layers}/nodejs/node{major}/node_modules",
        f"{layers}/nodejs/node_modules",
        modules or f"{runtime_dir}/node_modules",
        runtime_dir,
        task_root,
    )
    return {"NODE_PATH": ":".join(places)}
