"""What is reported, and the marks to reach."""

from __future__ import annotations

from typing import Literal

import msgspec

from benchmarks.contenders import EPHEMERAL, FAUXQS, LIMIT, MINISTACK, NORIA


class Mark(msgspec.Struct, frozen=True):
    """What `ours` has to reach: an absolute figure, or how many times better than another contender."""

    figure: float
    than: str | None = None
    ours: str = NORIA.name


class Measure(msgspec.Struct, frozen=True):
    key: str
    title: str
    unit: str
    meaning: str
    better: Literal["lower", "higher"] = "lower"
    marks: tuple[Mark, ...] = ()


QUEUES = (
    Measure(
        "sends_of_few",
        "SendMessage, 32 connections",
        "/s",
        "acknowledged sends of 200 bytes; a single failure fails the run",
        better="higher",
        marks=(Mark(8, MINISTACK.name),),
    ),
    Measure(
        "sends",
        "SendMessage, 64 connections",
        "/s",
        "the same",
        better="higher",
        marks=(
            Mark(2.5, FAUXQS.name),
            Mark(10, MINISTACK.name),
            Mark(3.5, FAUXQS.name, EPHEMERAL.name),
            Mark(0.4, LIMIT.name, EPHEMERAL.name),
        ),
    ),
    Measure(
        "send_cpu",
        "SendMessage, CPU",
        "µs",
        "CPU time of the server's processes for one of them; of all figures the least moved by other load",
    ),
    Measure("send_p50", "SendMessage, p50", "ms", "its latency, of those 64 at once"),
    Measure("send_p99", "SendMessage, p99", "ms", "its latency, of those 64 at once"),
    Measure(
        "half_p99",
        "SendMessage at half load, p99",
        "ms",
        "its latency when half as many are sent as the server had just answered, evenly",
        marks=(Mark(10),),
    ),
    Measure(
        "batch_sends",
        "SendMessageBatch",
        "/s",
        "messages of 200 bytes, acknowledged in tens over 64 connections",
        better="higher",
        marks=(Mark(1.5, FAUXQS.name), Mark(10, MINISTACK.name)),
    ),
    Measure("batch_cpu", "SendMessageBatch, CPU", "µs", "the server's for one message"),
    Measure(
        "consumed",
        "receive and delete, shallow",
        "/s",
        "messages by ReceiveMessage (10) and DeleteMessageBatch, over 64 connections of two client processes,"
        " while a queue of 5,000 (moto: 500) is emptied, again and again",
        better="higher",
        marks=(Mark(2.5, FAUXQS.name), Mark(10, MINISTACK.name)),
    ),
    Measure("consumed_cpu", "receive and delete, CPU", "µs", "the server's for one message"),
    Measure(
        "consumed_deep",
        "receive and delete, deep",
        "/s",
        "the same while between 120,000 and 100,000 messages wait (moto cannot be filled in reasonable time)",
        better="higher",
        marks=(Mark(5, FAUXQS.name), Mark(10, MINISTACK.name)),
    ),
)

ENDURANCE = (
    Measure(
        "idle_polls",
        "1,000 long polls on empty queues, CPU",
        "%",
        "of one core, while a receive waits on each of a thousand queues",
        marks=(Mark(1),),
    ),
    Measure(
        "steady_growth",
        "steady load: memory, growth",
        "MB",
        "from the first minute to the tenth, of 1,000 messages a second sent, received and deleted",
        marks=(Mark(5),),
    ),
    Measure("steady_memory", "steady load: memory", "MB", "the most of those minutes", marks=(Mark(250),)),
)

DEPTH = (
    *(
        Measure(
            f"{case}_{kind}",
            f"{title}: {what}",
            "×",
            f"{meaning}, in the queue with a million messages, of that in the one with a thousand",
            marks=(Mark(1.3),),
        )
        for case, title in (
            ("standard", "standard queue"),
            ("one_group", "FIFO, one group"),
            ("many_groups", "FIFO, 100,000 groups"),
            ("blocked", "FIFO, a blocked group in front"),
        )
        for kind, what, meaning in (
            ("receive", "ReceiveMessage (10)", "its latency (mean of the fastest 95 %)"),
            ("delete", "DeleteMessageBatch", "its latency"),
            ("attributes", "GetQueueAttributes", "its latency"),
            ("cpu", "CPU", "the server's CPU time for these and as many sends"),
        )
    ),
    Measure("deep_start", "start", "s", "ready with a million messages, the slowest", marks=(Mark(1),)),
    Measure(
        "deep_memory",
        "memory",
        "MB",
        "proportional set size after these requests, the largest of the four",
        marks=(Mark(250),),
    ),
)

OTHERS = (
    Measure(
        "ready",
        "start: ready",
        "s",
        "from the process's start to the first 200 of its health path",
        marks=(Mark(0.5),),
    ),
    Measure(
        "first_answer",
        "start: first answer",
        "s",
        "from the process's start until it has answered a CreateQueue that was sent as soon as it was ready"
        " (MiniStack is ready before it has loaded any service)",
    ),
    Measure(
        "idle",
        "memory: idle",
        "MB",
        "proportional set size (PSS) of the server and every process below it, 2 s after its start",
        marks=(Mark(80),),
    ),
    Measure(
        "one_function",
        "memory: one warm function",
        "MB",
        "the same once a queue has a message and one function has run; the function's own process included",
    ),
    Measure(
        "warm_p50",
        "warm invoke, p50",
        "ms",
        "boto3's `invoke` of an echo function that has run",
        marks=(Mark(2.5),),
    ),
    Measure("warm_p99", "warm invoke, p99", "ms", "the same", marks=(Mark(8),)),
    Measure(
        "warm_rate",
        "warm invocations, 16 callers",
        "/s",
        "of an echo function, each of 16 connections sending the next one when the last is answered; a single"
        " failure fails the run",
        better="higher",
        marks=(Mark(1500), Mark(15, MINISTACK.name)),
    ),
    Measure(
        "importing",
        "cold invoke, own boto3",
        "ms",
        "boto3's first `invoke` of a function that imports the boto3 of its own 15 MB package, its modules"
        " compiled",
    ),
    Measure("importing_bare", "that import alone", "ms", "in a bare interpreter, the modules compiled"),
    Measure(
        "importing_over",
        "what it costs beyond 1.1 × that",
        "ms",
        "the cold invoke less 1.1 times the import alone",
        marks=(Mark(20),),
    ),
    Measure(
        "restored",
        "second SnapStart environment",
        "ms",
        "boto3's `invoke` of a SnapStart version whose first environment is busy",
        marks=(Mark(15),),
    ),
    Measure(
        "cold_p50",
        "cold invoke, p50",
        "ms",
        "boto3's first `invoke` of a new echo function that is Active; it says itself that it is cold",
        marks=(
            Mark(25),
            Mark(8, MINISTACK.name),
        ),
    ),
    Measure("cold_max", "cold invoke, slowest", "ms", "the same"),
    Measure(
        "deploy",
        "create a function from 15 MB",
        "ms",
        "from before boto3's `create_function`, with a zip of 2,000 files (a boto3 of its own), until it is"
        " Active",
        marks=(Mark(400),),
    ),
    Measure(
        "crowd",
        "100 environments at once",
        "s",
        "until a hundred simultaneous invocations that take 5 s each are answered, no environment being warm",
    ),
    Measure(
        "environment",
        "memory: an idle environment",
        "MB",
        "proportional set size of one of those hundred, all its processes",
        marks=(Mark(12),),
    ),
    Measure(
        "trigger_p50",
        "send to handler, p50",
        "ms",
        "from before boto3's `send_message` to the first line of the triggered handler, one message at a"
        " time on an idle queue, its environment warm",
        marks=(Mark(5),),
    ),
    Measure("trigger_p99", "send to handler, p99", "ms", "the same", marks=(Mark(20),)),
    Measure(
        "drained",
        "trigger: batches of 10",
        "/s",
        "messages of 100 bytes that wait, through a consumer that only counts them, from the making of the"
        " mapping until the queue is empty; that each was handled once is checked (MiniStack gets a"
        " tenth of the messages)",
        better="higher",
        marks=(
            Mark(8_000),
            Mark(5, MINISTACK.name),
        ),
    ),
    Measure(
        "drained_large",
        "trigger: batches of 1,000",
        "/s",
        "the same with a window of 1 s, which the last batches wait for",
        better="higher",
        marks=(Mark(20_000),),
    ),
    Measure(
        "fifo",
        "trigger: FIFO, 1,000 groups",
        "/s",
        "messages that wait in a FIFO queue, in batches of 10; that each group's were handled in order, once"
        " each, is checked",
        better="higher",
        marks=(Mark(3_000),),
    ),
    Measure(
        "beside_idle",
        "trigger: beside 49 idle ones",
        "%",
        "how fast messages that are sent are handled, with 49 idle mappings beside, of the rate without them",
        better="higher",
        marks=(Mark(95),),
    ),
    Measure(
        "append_p50",
        "logs: append 100 events, p50",
        "ms",
        "PutLogEvents to a group of 1,000,000 events, signed before it is timed; answered once it is on disk",
        marks=(Mark(2),),
    ),
    Measure("append_p99", "logs: append 100 events, p99", "ms", "the same"),
    Measure(
        "page_p50",
        "logs: a filtered page, p50",
        "ms",
        "FilterLogEvents of a rare word in that group: a page looks through 10,000 events",
        marks=(Mark(50),),
    ),
    Measure("page_p99", "logs: a filtered page, p99", "ms", "the same"),
    Measure(
        "tail_p50",
        "logs: a printed line is seen, p50",
        "ms",
        "from a function's `print` into that group until an answer of FilterLogEvents, asked every 5 ms, has"
        " the line; the function still runs",
        marks=(Mark(100),),
    ),
    Measure("tail_p99", "logs: a printed line is seen, p99", "ms", "the same"),
    Measure(
        "query_filter",
        "logs: a query that filters",
        "s",
        "Insights, from StartQuery until the results are there, over those events: a regular expression",
    ),
    Measure(
        "query_stats",
        "logs: a query that counts",
        "s",
        "the same: two fields parsed of each event, counts and a percentile by the minute",
    ),
    Measure(
        "append_beside_query_p50",
        "logs: append beside a query, p50",
        "ms",
        "as `logs: append 100 events`, while such a query runs",
    ),
    Measure("append_beside_query_p99", "logs: append beside a query, p99", "ms", "the same"),
    Measure(
        "evaluations",
        "policy: 1,000,000 decisions",
        "s",
        "decisions of the evaluator about the exercise's role and queue, from its documents, nothing cached",
        marks=(Mark(3),),
    ),
)

TABLES = {
    "Queues": QUEUES,
    "Queues in time": ENDURANCE,
    "Deep queues": DEPTH,
    "Starting, functions, triggers and policies": OTHERS,
}
MEASURES = QUEUES + ENDURANCE + DEPTH + OTHERS
