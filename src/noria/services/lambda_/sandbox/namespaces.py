"""Namespaces: a root directory that has nothing of the user's, and processes that see no others.

In two steps. A template enters a `Root` of its own, where the machine's is at ``HOST``. Environments are
forked from it, each with its own mounts (code, temporary files, processes), which give up ``HOST`` before the
function runs, its own user, and no capabilities. Its first process waits for the function's, which is the
second: as the first it could not be killed by its own signals. When the first ends, the kernel ends all
that is left.

Not bubblewrap, which does the same for a program that it executes: an environment is forked, so that it
starts warm.
"""

from __future__ import annotations

import mmap
import os
import sys
from typing import Any, NoReturn

from noria.services.lambda_.sandbox import kernel

HOST = "/noria/host"
RUNTIME_DIR = "/var/runtime"
INTERPRETER_DIR = "/var/lang"
TASK_ROOT = "/var/task"
MODULES = "/var/node_modules"  # where Node.js looks for what a module in the task root imports
LAYERS = "/opt"
TEMPORARY = "/tmp"

SYSTEM = ("usr", "bin", "sbin", "lib", "lib32", "lib64", "libx32", "nix/store")
ETC = (
    "alternatives",
    "ca-certificates",
    "crypto-policies",
    "gai.conf",
    "host.conf",
    "hosts",
    "ld.so.cache",
    "ld.so.conf",
    "ld.so.conf.d",
    "localtime",
    "mime.types",
    "nsswitch.conf",
    "os-release",
    "pki",
    "protocols",
    "services",
    "ssl",
    "static",
)
RESOLVER = "/etc/resolv.conf"  # bound for each environment: a laptop changes its network
DEVICES = ("null", "zero", "full", "random", "urandom")
LINKS = {"fd": "/proc/self/fd", "stdin": "fd/0", "stdout": "fd/1", "stderr": "fd/2"}

USER, GROUP = 993, 990  # a function's on AWS
USERS = f"root:x:0:0:root:/:/sbin/nologin\nsbx_user1051:x:{USER}:{GROUP}::/:/sbin/nologin\n"
GROUPS = f"root:x:0:\nsbx_user1051:x:{GROUP}:\n"
FIRST_USER = 2_000_000_000  # where root starts functions: users that no system gives to anybody

TEMPORARY_FILES = 1 << 18  # inodes, which take memory that the size does not count


class Root:
    """The template's own root, from which environments are forked. Made by entering it, for good."""

    def __init__(self, libraries: str, home: str, modules: str = "") -> None:
        """What becomes ``/var/runtime``, ``/var/lang`` and, if there is such, ``/var/node_modules``."""
        self._resolver = os.path.realpath(RESOLVER)
        etc = {name: os.path.realpath(f"/etc/{name}") for name in ETC if os.path.exists(f"/etc/{name}")}
        prefixes = {sys.base_prefix, sys.base_exec_prefix}
        if os.geteuid() == 0:
            kernel.unshare(kernel.CLONE_NEWNS)
        else:
            _enter_user_namespace(kernel.CLONE_NEWNS)
        kernel.mount("none", "/", flags=kernel.MS_REC | kernel.MS_SLAVE)
        kernel.mount("tmpfs", TEMPORARY, "tmpfs", kernel.MS_NOSUID | kernel.MS_NODEV, "mode=755,size=1m")
        os.makedirs(TEMPORARY + HOST, 0o700)
        kernel.pivot_root(TEMPORARY, TEMPORARY + HOST)
        os.chdir("/")
        _system()
        _bind(libraries, RUNTIME_DIR)
        _bind(home, INTERPRETER_DIR)
        if modules:
            _bind(modules, MODULES)
        for prefix in sorted(prefixes):
            if not os.path.exists(prefix):
                _bind(prefix, prefix)
        for name, path in etc.items():
            _bind(path, f"/etc/{name}")
        for name, text in (("passwd", USERS), ("group", GROUPS), ("resolv.conf", "")):
            _write(f"/etc/{name}", text)
        _devices()
        for directory in (TASK_ROOT, LAYERS, TEMPORARY, "/proc"):
            os.makedirs(directory, exist_ok=True)
        kernel.mount(f"{HOST}/proc", "/proc", flags=kernel.MS_BIND | kernel.MS_REC)
        kernel.set_mount_attributes("/", kernel.READ_ONLY | kernel.NO_SUID, recursive=False)

    def fork(self) -> int:
        """The number of an environment's first process; 0 in it, which is to call `enter` then."""
        return kernel.fork_into(
            kernel.CLONE_NEWPID
            | kernel.CLONE_NEWNS
            | kernel.CLONE_NEWIPC
            | kernel.CLONE_NEWUTS
            | kernel.CLONE_NEWCGROUP
        )

    def enter(self, spec: dict[str, Any], number: int) -> None:
        """Make the environment's mounts, become its user. The capabilities are left to be dropped."""
        by_root = os.geteuid() == 0
        user, group = (FIRST_USER + number, FIRST_USER + number) if by_root else (USER, GROUP)
        size = f"size={spec['temporary_bytes']},nr_inodes={TEMPORARY_FILES}"
        flags = kernel.MS_NOSUID | kernel.MS_NODEV
        kernel.set_host_name("localhost")
        kernel.mount("tmpfs", TEMPORARY, "tmpfs", flags, f"{size},mode=700,uid={user},gid={group}")
        kernel.bind(HOST + spec["task_root"], TASK_ROOT)
        if spec["layers_root"]:
            kernel.bind(HOST + spec["layers_root"], LAYERS)
        if os.path.exists(HOST + self._resolver):
            kernel.bind(HOST + self._resolver, RESOLVER)
        if by_root:
            _names(user, group)
        kernel.unmount("/proc")
        kernel.mount("proc", "/proc", "proc", flags | kernel.MS_NOEXEC)
        kernel.unmount(HOST)
        if by_root:
            kernel.drop_bounding_set()  # as another user it may not
            os.setgroups([])
            os.setresgid(group, group, group)
            os.setresuid(user, user, user)
        else:
            _enter_user_namespace(0)  # in which its processes are counted alone


class Ending:
    """How a function's process ended, as the first process of its environment tells the template."""

    UNTOLD = b"\xff" * 4

    def __init__(self) -> None:
        self._shared = mmap.mmap(-1, mmap.PAGESIZE)
        self._shared[:4] = self.UNTOLD

    def wait_for(self, pid: int) -> NoReturn:
        """The first process's work: take in what lost its parent, until the function's process ends."""
        while True:
            ended, status = os.waitpid(-1, 0)
            if ended == pid:
                self._shared[:4] = status.to_bytes(4, "little")
                os._exit(0)

    def status(self, first: int) -> int:
        """The wait status of the function's process; first: that of the first process."""
        told = self._shared[:4]
        self._shared.close()
        return first if told == self.UNTOLD else int.from_bytes(told, "little")


def interpreter_home() -> str:
    """The directory whose ``bin`` has this interpreter: of its virtual environment, or its prefix."""
    environment = os.path.dirname(os.path.dirname(sys.executable))
    return environment if os.path.exists(os.path.join(environment, "pyvenv.cfg")) else sys.base_prefix


def _names(user: int, group: int) -> None:
    """The function's user and group have the names that they have on AWS, whichever numbers they are."""
    for name, text in (("passwd", USERS), ("group", GROUPS)):
        _write(f"{TEMPORARY}/{name}", text.replace(str(USER), str(user)).replace(str(GROUP), str(group)))
        kernel.bind(f"{TEMPORARY}/{name}", f"/etc/{name}")
        os.unlink(f"{TEMPORARY}/{name}")


def _enter_user_namespace(flags: int) -> None:
    user, group = os.geteuid(), os.getegid()
    kernel.unshare(kernel.CLONE_NEWUSER | flags)
    _write("/proc/self/setgroups", "deny")
    _write("/proc/self/uid_map", f"{USER} {user} 1")
    _write("/proc/self/gid_map", f"{GROUP} {group} 1")


def _write(path: str, text: str) -> None:
    with open(path, "w") as file:
        file.write(text)


def _system() -> None:
    for name in SYSTEM:
        source = f"{HOST}/{name}"
        if os.path.islink(source):
            os.symlink(os.readlink(source), f"/{name}")
        elif os.path.isdir(source):
            _bind(f"/{name}", f"/{name}")


def _bind(path: str, target: str) -> None:
    """A path of the machine, read-only."""
    if os.path.isdir(HOST + path):
        os.makedirs(target, exist_ok=True)
    else:
        os.makedirs(os.path.dirname(target), exist_ok=True)
        _write(target, "")
    kernel.bind(HOST + path, target)


def _devices() -> None:
    os.mkdir("/dev")
    for name in DEVICES:
        _write(f"/dev/{name}", "")
        kernel.bind(f"{HOST}/dev/{name}", f"/dev/{name}", attributes=0)
    for name, target in LINKS.items():
        os.symlink(target, f"/dev/{name}")
