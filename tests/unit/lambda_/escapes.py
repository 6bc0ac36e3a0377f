"""Attempts to get out of an environment: each is code that raises OSError where it is stopped.

``given`` is what an attacker could have learned: paths, process numbers, addresses and system call numbers.
"""

from __future__ import annotations

HANDLER = """
import ctypes, os, select, socket, subprocess, sys

libc = ctypes.CDLL(None, use_errno=True)

def call(number, *arguments):
    wide = [ctypes.c_long(a) if isinstance(a, int) else a for a in arguments]
    if libc.syscall(ctypes.c_long(number), *wide) < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))

def handler(event, context):
    here = {**globals(), "given": event["given"], "calls": event["given"]["calls"]}
    try:
        exec(event["code"], here)
    except OSError as error:
        return f"stopped: {error!r}"
    return f"escaped: {here.get('found', '')!r}"
"""

FILES = {
    "the server's database": "open(given['data_dir'] + '/noria.db', 'rb').read(1)",
    "the data directory's list": "os.listdir(given['data_dir'])",
    "another function's code": "open(given['other_code']).read()",
    "the list of packages": "os.listdir(given['data_dir'] + '/code')",
    "a file in the user's home": "open(given['home'] + '/.aws/credentials').read()",
    "the home's list": "os.listdir(given['home'])",
    "a program in the user's home": "subprocess.run([given['home'] + '/program'])",
    "the password hashes": "open('/etc/shadow').read()",
    "root's home": (
        "found = ['/root/' + name for name in os.listdir('/root')]\n"
        "if all(sys.base_prefix.startswith(path) for path in found): raise OSError('only the interpreter')"
    ),
    "changing its own code": "open(os.environ['LAMBDA_TASK_ROOT'] + '/app.py', 'w')",
    "adding to its own code": "open(os.environ['LAMBDA_TASK_ROOT'] + '/new.py', 'w')",
    "removing its own code": "os.unlink(os.environ['LAMBDA_TASK_ROOT'] + '/app.py')",
    "making its code writable": (
        "os.chmod(os.environ['LAMBDA_TASK_ROOT'], 0o777)\nopen(os.environ['LAMBDA_TASK_ROOT'] + '/a', 'w')"
    ),
    "changing the runtime's libraries": "open(sys.modules['awslambdaric'].__file__, 'a')",
    "changing the interpreter": "open(sys.executable, 'ab')",
    "adding a system program": "open('/usr/local/bin/noria-escape', 'w')",
    "changing /etc": "open('/etc/noria-escape', 'w')",
    "changing /etc/hosts": "open('/etc/hosts', 'a')",
    "a file anywhere else": "open(given['outside'] + '/new', 'w')",
    "removing a file": "os.unlink(given['outside'] + '/file')",
    "cutting a file off": "os.truncate(given['outside'] + '/file', 0)",
    "a symbolic link out": (
        "link = os.environ['TMPDIR'] + '/link'\n"
        "os.symlink(given['outside'] + '/file', link)\n"
        "open(link).read()"
    ),
    "a hard link out": "os.link(given['outside'] + '/file', os.environ['TMPDIR'] + '/hard')",
    "moving a file in": "os.rename(given['outside'] + '/file', os.environ['TMPDIR'] + '/moved')",
    "moving its own file out": (
        "own = os.environ['TMPDIR'] + '/own'\n"
        "open(own, 'w').close()\n"
        "os.rename(own, given['outside'] + '/own')"
    ),
    "climbing up from its code": (
        "fd = os.open(os.environ['LAMBDA_TASK_ROOT'], os.O_RDONLY)\n"
        "os.open('../../../noria.db', os.O_RDONLY, dir_fd=fd)"
    ),
    "a file by its handle": "call(calls['open_by_handle_at'], -100, ctypes.create_string_buffer(64), 0)",
    "the first process's root": "open('/proc/1/root' + given['outside'] + '/file').read()",
    "the server's root": "open(f\"/proc/{given['server']}/root{given['outside']}/file\").read()",
    "the disk": "[open(path, 'rb').read(1) for path in ('/dev/vda', '/dev/sda', '/dev/nvme0n1')]",
    "making a device": (
        "os.mknod(os.environ['TMPDIR'] + '/disk', 0o60600, os.makedev(254, 0))\n"
        "open(os.environ['TMPDIR'] + '/disk', 'rb').read(1)"
    ),
    "the machine's memory": "open('/dev/mem', 'rb').read(1)",
    "the kernel's log": "open('/dev/kmsg', 'rb', buffering=0)",
    "a terminal": "open('/dev/tty', 'wb', buffering=0)",
    "the kernel's settings": "open('/proc/sys/kernel/core_pattern', 'w').write('x')",
    "the kernel's emergency key": "open('/proc/sysrq-trigger', 'w').write('h')",
    "devices' settings": "open('/sys/power/state', 'w').write('x')",
    "control groups": "os.mkdir('/sys/fs/cgroup/noria-escape')",
    "shared memory": "open('/dev/shm/noria-escape', 'w')",
}

NAMESPACES = {
    "mounting": "call(calls['mount'], b'none', b'/tmp', b'tmpfs', 0, None)",
    "unmounting its code": "call(calls['umount2'], os.environ['LAMBDA_TASK_ROOT'].encode(), 2)",
    "mounting the new way": "call(calls['open_tree'], -100, b'/', 1)",
    "a writable root": "call(calls['mount_setattr'], -100, b'/', 0, (ctypes.c_uint64 * 4)(0, 1), 32)",
    "another root": "os.chroot(os.environ['TMPDIR'])",
    "a root turned": "call(calls['pivot_root'], b'/tmp', b'/tmp')",
    "a user namespace": "call(calls['unshare'], 0x10000000)",
    "a child in a user namespace": "call(calls['clone'], 0x10000000 | 17, 0, 0, 0, 0) or os._exit(0)",
    "a child by clone3": "call(calls['clone3'], (ctypes.c_uint64 * 8)(0x10000000, 0, 0, 0, 17), 64)",
    "another namespace": "call(calls['setns'], os.open('/proc/self/ns/mnt', os.O_RDONLY), 0)",
    "being root": "os.setuid(0 if os.getuid() else 1)",
    "capabilities": (
        "header, data = (ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)(*[0xFFFFFFFF] * 6)\n"
        "if libc.capset(header, data) < 0: raise OSError(ctypes.get_errno(), 'capset')"
    ),
    "privileges by a program": (
        "found = [l for l in open('/proc/self/status') if l.startswith(('NoNewPrivs', 'CapEff', 'CapBnd'))]\n"
        "effective, bounding, alone = (line.split()[1].strip('0') for line in found)\n"
        "if not effective and (not bounding or os.getuid()) and alone == '1': raise OSError('none')"
    ),
}

PROCESSES = {
    "a signal to the server": "os.kill(given['server'], 0)",
    "a signal to a process of the user": "os.kill(given['victim'], 15)",
    "a signal to another function": "os.kill(given['other'], 15)",
    "a signal by descriptor": "import signal\nsignal.pidfd_send_signal(os.pidfd_open(given['victim']), 15)",
    "tracing the server": "call(calls['ptrace'], 16, given['server'], 0, 0)",
    "tracing its own child": (
        "pid = os.fork()\nif pid == 0:\n    select.select([], [], [], 1)\n    os._exit(0)\n"
        "call(calls['ptrace'], 16, pid, 0, 0)"
    ),
    "the server's memory": "open(f\"/proc/{given['server']}/mem\", 'rb').read(1)",
    "the server's memory by a call": "call(calls['process_vm_readv'], given['server'], None, 0, None, 0, 0)",
    "the server's variables": "open(f\"/proc/{given['server']}/environ\", 'rb').read()",
    "the server's command line": "open(f\"/proc/{given['server']}/cmdline\", 'rb').read()",
    "the server's open files": "os.listdir(f\"/proc/{given['server']}/fd\")",
    "another function's variables": "open(f\"/proc/{given['other']}/environ\", 'rb').read()",
    "another's open file": "call(calls['pidfd_getfd'], os.pidfd_open(given['victim']), 0, 0)",
    "the list of processes": (
        "found = [pid for pid in os.listdir('/proc') if pid.isdigit() and int(pid) > 100]\n"
        "if not found: raise OSError('only its own')"
    ),
    "another's limits": (
        "import resource\nresource.prlimit(given['victim'], resource.RLIMIT_NOFILE, (8, 8))"
    ),
    "another's priority": "os.setpriority(os.PRIO_PROCESS, given['victim'], 19)",
    "another's processors": "os.sched_setaffinity(given['victim'], {0})",
    "another's input and output": "call(calls['ioprio_set'], 1, given['victim'], 3 << 13)",
    "a file that was left open": (
        "found = [os.readlink(f'/proc/self/fd/{fd}') for fd in os.listdir('/proc/self/fd')]\n"
        "if not any(path.startswith(given['data_dir']) for path in found): raise OSError('none')"
    ),
}

SOCKETS = {
    "an abstract socket": "socket.socket(socket.AF_UNIX).connect('\\0' + given['abstract'])",
    "a socket in a directory": "socket.socket(socket.AF_UNIX).connect(given['outside'] + '/socket')",
    "another function's Runtime API": (
        "s = socket.create_connection(given['other_api'], timeout=5)\n"
        "s.sendall(b'GET /2018-06-01/runtime/invocation/next HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n')\n"
        "if not s.recv(10): raise OSError('closed')"
    ),
    "raw packets": "socket.socket(socket.AF_INET, socket.SOCK_RAW, 1)",
    "frames": "socket.socket(socket.AF_PACKET, socket.SOCK_RAW)",
    "the hypervisor": "socket.socket(40, socket.SOCK_STREAM)",
    "the kernel's ciphers": "socket.socket(38, socket.SOCK_SEQPACKET)",
    "shared memory segments": "call(calls['shmat'], given['segment'], None, 0o10000)",
    "message queues": "call(calls['msgctl'], given['messages'], 2, ctypes.create_string_buffer(256))",
}

KERNEL = {
    "loading a program into the kernel": "call(calls['bpf'], 0, (ctypes.c_uint32 * 18)(2, 4, 4, 1), 72)",
    "watching the machine": "call(calls['perf_event_open'], ctypes.create_string_buffer(128), 0, -1, -1, 0)",
    "handling page faults": "call(calls['userfaultfd'], 1)",
    "the kernel's keys": "call(calls['keyctl'], 0, -3, 1)",
    "adding a key": "call(calls['add_key'], b'user', b'x', b'y', 1, -3)",
    "rings": "call(calls['io_uring_setup'], 1, ctypes.create_string_buffer(120))",
    "a kernel module": "call(calls['init_module'], b'', 0, b'')",
    "another kernel": "call(calls['kexec_load'], 0, 0, None, 0)",
    "restarting the machine": "call(calls['reboot'], 0, 0, 0, None)",
    "swapping": "call(calls['swapon'], b'/tmp/none', 0)",
    "the clock": "call(calls['clock_settime'], 0, (ctypes.c_long * 2)(0, 0))",
    "tuning the clock": "call(calls['adjtimex'], ctypes.create_string_buffer(256))",
    "the machine's name": "socket.sethostname('escaped')",
    "reading the kernel's messages": "call(calls['syslog'], 3, ctypes.create_string_buffer(64), 64)",
    "accounting": "call(calls['acct'], None)",
    "quotas": "call(calls['quotactl'], 0x800003, None, 0, None)",
    "watching files": "call(calls['fanotify_init'], 0, 0)",
    "secret memory": "call(calls['memfd_secret'], 0)",
}

ESCAPES = {**FILES, **NAMESPACES, **PROCESSES, **SOCKETS, **KERNEL}
