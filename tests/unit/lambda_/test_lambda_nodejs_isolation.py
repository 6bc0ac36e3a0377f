"""Functions in JavaScript that try to get out: their sandbox is another's, their way into it not quite."""

from __future__ import annotations

import os
import secrets
import socket
import subprocess
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from tests.unit.lambda_.conftest import ISOLATIONS, Lambda

from noria.clock import SystemClock

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.skipif(len(ISOLATIONS) == 1, reason="this machine isolates nothing"),
]

HANDLER = """
const fs = require("fs"), net = require("net"), child = require("child_process");
const run = (...command) => {
  const done = child.spawnSync(command[0], command.slice(1));
  if (done.error || done.status !== 0) throw done.error ?? new Error(String(done.stderr));
};
const connect = (path) => new Promise((good, bad) => net.connect({ path }, good).on("error", bad));
exports.handler = async ({ code, given }) => {
  try {
    const found = await eval(`(async () => { ${code} })()`);
    return `escaped: ${found}`;
  } catch (error) {
    return `stopped: ${error}`;
  }
};
"""
ESCAPES = {
    "a file in the user's home": "return fs.readFileSync(given.outside + '/file', 'utf8')",
    "the data directory's list": "return fs.readdirSync(given.data_dir)",
    "the server's database": "return fs.readFileSync(given.data_dir + '/noria.db')",
    "a file anywhere else": "fs.writeFileSync(given.outside + '/new', 'x')",
    "changing its own code": "fs.writeFileSync(process.env.LAMBDA_TASK_ROOT + '/app.js', '')",
    "adding to its own code": "fs.writeFileSync(process.env.LAMBDA_TASK_ROOT + '/new.js', '')",
    "changing the runtime": "fs.appendFileSync(process.argv[1], 'x')",
    "changing the interpreter": "fs.appendFileSync(process.execPath, 'x')",
    "adding a system program": "fs.writeFileSync('/usr/local/bin/noria-escape', 'x')",
    "a symbolic link out": (
        "const link = process.env.TMPDIR + '/' + Math.random();"
        " fs.symlinkSync(given.outside + '/file', link);"
        " return fs.readFileSync(link)"
    ),
    "the password hashes": "return fs.readFileSync('/etc/shadow')",
    "a signal to the server": "process.kill(given.server, 0)",
    "a signal to a process of the user": "process.kill(given.victim, 'SIGTERM')",
    "the server's variables": "return fs.readFileSync(`/proc/${given.server}/environ`)",
    "the server's open files": "return fs.readdirSync(`/proc/${given.server}/fd`)",
    "an abstract socket": "await connect('\\0' + given.abstract)",
    "a socket in a directory": "await connect(given.outside + '/socket')",
    "being root": "process.setuid(process.getuid() === 0 ? 1 : 0)",
    "mounting": "run('mount', '-t', 'tmpfs', 'none', process.env.TMPDIR)",
    "a namespace": "run('unshare', '--user', 'true')",
    "privileges": (
        "const found = Object.fromEntries(fs.readFileSync('/proc/self/status', 'utf8').split('\\n')"
        ".map((line) => line.split(/:\\s*/))); if (/^0+$/.test(found.CapEff) && found.NoNewPrivs === '1')"
        " throw new Error('none'); return found.CapEff"
    ),
    "a file that was left open": (
        "const found = fs.readdirSync('/proc/self/fd').map((fd) => { try { return fs.readlinkSync("
        "'/proc/self/fd/' + fd) } catch { return '' } }).filter((path) => path.startsWith(given.data_dir));"
        " if (!found.length) throw new Error('none'); return found"
    ),
}


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=ISOLATIONS[:-1])
async def attacker(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[tuple[Lambda, dict[str, object]]]:
    data_dir, outside = tmp_path_factory.mktemp("data"), tmp_path_factory.mktemp("outside")
    (outside / "file").write_text("secret")
    abstract = f"noria-{secrets.token_hex(8)}"
    service = Lambda(data_dir, SystemClock(), isolation=request.param)
    await service.start()
    await service.create({"app.js": HANDLER}, runtime="nodejs20.x", timeout=10)
    with (
        socket.socket(socket.AF_UNIX) as hidden,
        socket.socket(socket.AF_UNIX) as listening,
        subprocess.Popen(["sleep", "600"]) as victim,  # noqa: ASYNC220  it only starts it
    ):
        hidden.bind("\0" + abstract)
        hidden.listen()
        listening.bind(str(outside / "socket"))
        listening.listen()
        yield service, {
            "data_dir": str(data_dir), "outside": str(outside), "abstract": abstract,
            "server": os.getpid(), "victim": victim.pid,
        }  # fmt: skip
        assert victim.poll() is None, "it was killed"
        victim.kill()
    await service.stop()


@pytest.mark.parametrize("what", ESCAPES)
async def test_nothing_gets_out(attacker: tuple[Lambda, dict[str, object]], what: str) -> None:
    service, given = attacker
    answer = await service.call({"code": ESCAPES[what], "given": given})
    assert answer.startswith("stopped"), answer
