"""Lambda's limits, with their sources, and the bounds of Noria's own.

AWS's are from "Lambda quotas" (docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html) unless said.
"""

from __future__ import annotations

ZIPPED_BYTES = 52_428_800  # 50 MB, as AWS's error text has it
UNZIPPED_BYTES = 262_144_000  # 250 MB, likewise
CENTRAL_DIRECTORY_BYTES = 8 << 20  # ours: some 80,000 files; more would cost 100 MB of memory to list
ENVIRONMENT_BYTES = 4096  # all variables as JSON
FUNCTION_NAME_LENGTH = 64
MEMORY_MB = range(128, 10_241)
TIMEOUT_S = range(1, 901)
TAGS = 50
POLICY_BYTES = 20_480  # a function's resource-based policy
LAYERS = 5
TOTAL_CODE_BYTES = 80_530_636_800  # 75 GB of functions and layers, as GetAccountSettings has it
EPHEMERAL_STORAGE_MB = range(512, 10_241)

SYNC_PAYLOAD_BYTES = 6_291_456  # 6 MB
EVENT_PAYLOAD_BYTES = 1_048_576  # 1 MB since October 2025
RESPONSE_BYTES = 6_291_556  # recorded: 6 MB and 100 bytes
CLIENT_CONTEXT_BYTES = 3583  # Invoke's API reference, after decoding base64
TAIL_BYTES = 4096  # Invoke's LogType=Tail

INIT_TIMEOUT_S = 10.0  # the init phase, on-demand
ACCOUNT_CONCURRENCY = 1000  # concurrent executions of an account in a region
UNRESERVED_CONCURRENCY = 100  # which at least must be left to functions that reserve none
MACHINE_ENVIRONMENTS = 1000  # ours: processes of one server, whatever the accounts
SNAPSHOTS = 64  # ours: initialised SnapStart versions that are kept, as processes
PREPARED = 16  # ours: environments that wait for a function's first invocation, 5 MB each
FREEZE_DELAY_S = 0.05  # ours: an environment that is used again at once is spared being frozen
IDLE_EXPIRY_S = 420.0  # AWS keeps idle environments for 5 to 15 minutes
CREDENTIALS_MARGIN_S = 60.0 + TIMEOUT_S[-1]  # an environment is retired while an invocation still fits in

LOG_LINE_BYTES = 256 << 10  # the largest event that CloudWatch Logs takes
PENDING_LOG_BYTES = 1 << 20  # ours: beyond it the function's pipe fills up and the function waits
OPEN_FILES = 1024  # recorded: RLIMIT_NOFILE of a function
PROCESSES = 1024  # processes and threads of an environment; recorded RLIMIT_NPROC is of that order
MEMORY_SAMPLE_S = 0.015  # a function fills some 40 MB meanwhile
SHARE_CPU_AFTER = 7  # samples of an invocation, 0.1 s
PROCESS_SAMPLE_EVERY = 4  # samples from one search for child processes to the next
RESERVED_BYTES = (
    2 << 30
)  # RLIMIT_DATA above twice the memory size: thread stacks and arenas are reserved, not used

SHUTDOWN_S = 0.5  # of a runtime with an extension in it; without one AWS grants none
STOP_GRACE_S = 30.0  # ours: how long a server that is told to stop waits for running invocations

EVENT_RETRY_DELAYS_S = (60.0, 120.0)  # asynchronous invocation: retried after one and two minutes
EVENT_RETRIES = 2  # unless the event invoke configuration has fewer
EVENT_AGE_S = 21_600  # six hours, likewise
RECURSIONS = 16  # invocations of a function on one way from event to event, before it is a loop
EVENT_WORKERS = 100  # ours: events handled at once; the others wait in the store
