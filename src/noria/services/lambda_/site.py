"""Where an environment runs, and what its process is to be: variables, directories, limits."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Literal

import msgspec

from noria.services.lambda_.interpreters import Interpreter
from noria.services.lambda_.limits import OPEN_FILES, PROCESSES, RESERVED_BYTES
from noria.services.lambda_.models import Function
from noria.services.lambda_.programs import programs, search_path
from noria.services.lambda_.runtime_api import CREDENTIALS
from noria.services.lambda_.sandbox import namespaces
from noria.services.ports import RoleSession

MIB = 1 << 20
InitializationType = Literal["on-demand", "provisioned-concurrency", "snap-start"]


class Site(msgspec.Struct, frozen=True):
    """Where and as whom an environment runs.

    mode: of isolation. task_root: the unpacked package. layers_root: the unpacked layers. scratch: the
    directory for temporary files, where the mode does not bring one; an environment that is restored shares
    its snapshot's. snapshot_api: the Runtime API of the snapshot.
    """

    function: Function
    interpreter: Interpreter
    session: RoleSession
    endpoint_url: str
    mode: str
    task_root: Path
    layers_root: Path | None
    scratch: Path | None
    log_stream: str
    initialization: InitializationType = "on-demand"
    snapshot_api: str = ""


def process_spec(site: Site, runtime_api: str) -> dict[str, Any]:
    """What the template needs to fork it. The variables are AWS's, and nothing of the server's own."""
    function = site.function
    if site.scratch is None:
        runtime_dir, task_root, temporary = namespaces.RUNTIME_DIR, namespaces.TASK_ROOT, namespaces.TEMPORARY
        layers = namespaces.LAYERS
        bin_dir = namespaces.INTERPRETER_DIR + "/bin"
        modules = namespaces.MODULES
        home = {}
    else:
        runtime_dir, task_root = site.interpreter.libraries, str(site.task_root)
        layers = str(site.layers_root or namespaces.LAYERS)
        temporary, bin_dir = str(site.scratch), os.path.dirname(site.interpreter.executable)
        modules = site.interpreter.modules
        home = {"HOME": temporary}  # not the user's, whose settings an SDK would read or stumble over
    variables = {
        "_HANDLER": function.handler,
        **_credentials(site),
        "AWS_REGION": function.region,
        "AWS_DEFAULT_REGION": function.region,
        "AWS_EXECUTION_ENV": f"AWS_Lambda_{function.runtime}",
        "AWS_LAMBDA_FUNCTION_NAME": function.name,
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function.memory_size_mb),
        "AWS_LAMBDA_FUNCTION_VERSION": function.version,
        "AWS_LAMBDA_INITIALIZATION_TYPE": site.initialization,
        "AWS_LAMBDA_LOG_GROUP_NAME": function.log_group,
        "AWS_LAMBDA_LOG_STREAM_NAME": site.log_stream,
        "AWS_LAMBDA_RUNTIME_API": runtime_api,
        "LAMBDA_TASK_ROOT": task_root,
        "LAMBDA_RUNTIME_DIR": runtime_dir,
    }
    if function.logging.format == "JSON":
        variables["AWS_LAMBDA_LOG_FORMAT"] = "JSON"
        variables["AWS_LAMBDA_LOG_LEVEL"] = function.logging.application_level
    defaults = {  # the function's own variables may take the place of these
        "AWS_ENDPOINT_URL": site.endpoint_url,
        "AWS_DISABLE_HOST_PREFIX_INJECTION": "true",  # it would make ``stream-127.0.0.1`` of the endpoint
        "AWS_XRAY_CONTEXT_MISSING": "LOG_ERROR",
        "PWD": task_root,
        "SHLVL": "0",
        "TMPDIR": temporary,
        **home,
        "LANG": "en_US.UTF-8",
        "LC_CTYPE": "C.UTF-8",
        "TZ": ":UTC",
        "PATH": f"{bin_dir}:/usr/local/bin:/usr/bin/:/bin:{layers}/bin",
        "LD_LIBRARY_PATH": f"{task_root}:{task_root}/lib:{layers}/lib",
        **search_path(function.runtime, task_root, layers, runtime_dir, modules),
    }
    return {
        "task_root": str(site.task_root),
        "layers_root": str(site.layers_root or ""),
        "layers": layers,
        "programs": programs(function, site.interpreter, task_root, layers, runtime_dir, bin_dir),
        "temporary": temporary,
        "temporary_bytes": function.ephemeral_storage_mb * MIB,
        "control": "",
        "open_files": OPEN_FILES,
        "processes": PROCESSES,
        "data_bytes": 2 * function.memory_size_mb * MIB + RESERVED_BYTES,
        "environment": {**defaults, **(function.environment or {}), **variables},
    }


def _credentials(site: Site) -> dict[str, str]:
    """Those of a snapshot would expire: as on AWS, its environments ask for theirs when they need them."""
    if site.snapshot_api:
        url = f"http://{site.snapshot_api}{CREDENTIALS}"
        # No secret: the Runtime API knows by the connection who asks.
        return {"AWS_CONTAINER_CREDENTIALS_FULL_URI": url, "AWS_CONTAINER_AUTHORIZATION_TOKEN": "noria"}
    return {
        "AWS_ACCESS_KEY_ID": site.session.access_key_id,
        "AWS_SECRET_ACCESS_KEY": site.session.secret_access_key,
        "AWS_SESSION_TOKEN": site.session.session_token,
    }
