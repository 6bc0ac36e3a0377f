"""What is measured: each section's contenders, and one round of it on a server that has just started."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable
from typing import Any

import msgspec

from benchmarks import depth, endurance, environments, invocations, logs, queues, triggers
from benchmarks.contenders import (
    EPHEMERAL,
    EVERYBODY,
    FAUXQS,
    LIMIT,
    MINISTACK,
    MOTO,
    NORIA,
    BenchmarkError,
    Contender,
)
from benchmarks.functions import create_function, create_role, create_trigger, wait_until
from benchmarks.load import percentile
from benchmarks.policy import evaluation_s
from benchmarks.processes import pss_mb
from benchmarks.queues import Figures
from benchmarks.servers import Server

SETTLE_S = 2  # after which a server that has nothing to do is idle
WARM_UP_INVOCATIONS = 20
COLD_STARTS = 10
GAP_S = (0.05, 0.25)  # between sends of the trigger's section: random, so that no poller's rhythm is met
LOG_GROUP = "/aws/lambda/consumer"


class Plan(msgspec.Struct, frozen=True):
    """How long a round takes.

    seconds: of load. samples: invocations and sends that are timed one by one. messages: through a trigger.
    depth: messages that wait in a deep queue.
    """

    rounds: int
    seconds: int
    samples: int
    messages: int
    depth: int


class Section(msgspec.Struct, frozen=True):
    """measure: one round; its figures are named as `measures.MEASURES` names them.

    once: one is enough. by_hand: it takes long, and is left out where nobody asks for it.
    """

    contenders: tuple[Contender, ...]
    measure: Callable[[Server, Plan], Figures]
    pinned: bool = False
    once: bool = False
    by_hand: bool = False


def _queues(measure: Callable[[Server, int], Figures], *contenders: Contender) -> Section:
    return Section(contenders, lambda server, plan: measure(server, plan.seconds), pinned=True)


def start(server: Server, _plan: Plan) -> Figures:
    server.post("CreateQueue", b'{"QueueName": "first"}')
    return {"ready": server.ready_s, "first_answer": time.perf_counter() - server.spawned_s}


def memory(server: Server, _plan: Plan) -> Figures:
    time.sleep(SETTLE_S)
    idle = pss_mb(server.process.pid)
    queue_url = server.client("sqs").create_queue(QueueName="benchmark")["QueueUrl"]
    server.client("sqs").send_message(QueueUrl=queue_url, MessageBody="x")
    lambda_client = server.client("lambda")
    create_function(lambda_client, "echo", "echo", create_role(server))
    _invoke(lambda_client, "echo", 0)
    time.sleep(SETTLE_S)
    return {"idle": idle, "one_function": pss_mb(server.process.pid)}


def warm(server: Server, plan: Plan) -> Figures:
    lambda_client = server.client("lambda")
    if server.contender is not LIMIT:
        create_function(lambda_client, "echo", "echo", create_role(server))
    for number in range(WARM_UP_INVOCATIONS):
        _invoke(lambda_client, "echo", number)
    samples_ms = []
    for number in range(plan.samples):
        took_ms, answer = _invoke(lambda_client, "echo", number)
        if server.contender is not LIMIT and answer != {"cold": False, "event": {"number": number}}:
            raise BenchmarkError(f"{server.contender.name}: a warm invoke answered {answer}")
        samples_ms.append(took_ms)
    return {"warm_p50": percentile(samples_ms, 50), "warm_p99": percentile(samples_ms, 99)}


def warm_load(server: Server, plan: Plan) -> Figures:
    done = invocations.warm_load(server, plan.seconds)
    return {"warm_rate": done.requests / done.duration_s}


def importing(server: Server, _plan: Plan) -> Figures:
    cold_ms, bare_ms = invocations.importing(server)
    return {"importing": cold_ms, "importing_bare": bare_ms, "importing_over": cold_ms - 1.1 * bare_ms}


def restored(server: Server, _plan: Plan) -> Figures:
    return {"restored": invocations.restored(server)}


def cold(server: Server, _plan: Plan) -> Figures:
    lambda_client = server.client("lambda")
    role_arn = create_role(server)
    samples_ms = []
    for number in range(COLD_STARTS):
        name = f"echo-{number}"
        create_function(lambda_client, name, "echo", role_arn)
        took_ms, answer = _invoke(lambda_client, name, number)
        if answer != {"cold": True, "event": {"number": number}}:
            raise BenchmarkError(f"{server.contender.name}: a cold invoke answered {answer}")
        lambda_client.delete_function(FunctionName=name)
        samples_ms.append(took_ms)
    return {"cold_p50": percentile(samples_ms, 50), "cold_max": max(samples_ms)}


def deploy(server: Server, _plan: Plan) -> Figures:
    return {"deploy": environments.deploy_ms(server, environments.large_package())}


def crowd(server: Server, _plan: Plan) -> Figures:
    took_s, environment_mb = environments.crowd(server)
    return {"crowd": took_s, "environment": environment_mb}


def _invoke(lambda_client: Any, function: str, number: int) -> tuple[float, Any]:
    payload = json.dumps({"number": number}).encode()
    started_s = time.perf_counter()
    answer = lambda_client.invoke(FunctionName=function, Payload=payload)
    document = answer["Payload"].read()
    took_ms = (time.perf_counter() - started_s) * 1e3
    if "FunctionError" in answer:
        raise BenchmarkError(f"the function failed: {document.decode(errors='replace')}")
    return took_ms, json.loads(document)


def trigger(server: Server, plan: Plan) -> Figures:
    """The handler reads the clock on its first line and prints it; the log is read when all is over."""
    sqs, lambda_client, logs = (server.client(service) for service in ("sqs", "lambda", "logs"))
    create_function(lambda_client, "consumer", "consume", create_role(server))
    queue_url = sqs.create_queue(QueueName="benchmark")["QueueUrl"]
    create_trigger(server, lambda_client, queue_url, "consumer")
    sqs.send_message(QueueUrl=queue_url, MessageBody="warm-up")
    wait_until(lambda: "warm-up" in _handled_at_s(logs), "the trigger's first invocation")
    sent_at_s = {}
    for number in range(plan.samples):
        time.sleep(random.uniform(*GAP_S))
        sent_at_s[str(number)] = time.time()
        sqs.send_message(QueueUrl=queue_url, MessageBody=str(number))
    wait_until(lambda: sent_at_s.keys() <= _handled_at_s(logs).keys(), "the handler to see every message")
    handled_at_s = _handled_at_s(logs)
    samples_ms = [(handled_at_s[number] - sent) * 1e3 for number, sent in sent_at_s.items()]
    return {"trigger_p50": percentile(samples_ms, 50), "trigger_p99": percentile(samples_ms, 99)}


def drain(server: Server, plan: Plan) -> Figures:
    messages = plan.messages if server.contender is NORIA else plan.messages // 10
    return {"drained": triggers.throughput(server, messages)}


def drain_large(server: Server, plan: Plan) -> Figures:
    return {"drained_large": triggers.throughput(server, plan.messages, **triggers.LARGE)}


def fifo(server: Server, plan: Plan) -> Figures:
    return {"fifo": triggers.fifo(server, plan.messages // 5)}


def beside(server: Server, plan: Plan) -> Figures:
    return {"beside_idle": 100 * triggers.beside_idle(server, plan.messages // 2)}


def _handled_at_s(logs: Any) -> dict[str, float]:
    """By message body: when the handler first had it."""
    handled: dict[str, float] = {}
    try:
        for page in logs.get_paginator("filter_log_events").paginate(logGroupName=LOG_GROUP):
            for event in page["events"]:
                words = event["message"].split()
                if len(words) == 3 and words[0] == "handled":
                    handled.setdefault(words[1], float(words[2]))
    except logs.exceptions.ResourceNotFoundException:
        pass  # no group before the first invocation
    return handled


def million(server: Server, plan: Plan) -> Figures:
    return logs.measure(server, plan.samples)


def policy(_server: Server, _plan: Plan) -> Figures:
    return {"evaluations": evaluation_s()}


SECTIONS = {
    "start": Section((NORIA, MINISTACK), start),
    "memory": Section((NORIA, MINISTACK), memory),
    "send": _queues(queues.send, *EVERYBODY),
    "send-batch": _queues(queues.send_batch, *EVERYBODY),
    "receive": _queues(queues.receive, NORIA, EPHEMERAL, FAUXQS, MINISTACK, MOTO),
    "receive-deep": _queues(queues.receive_deep, NORIA, EPHEMERAL, FAUXQS, MINISTACK),
    "idle-polls": Section((NORIA,), lambda server, _plan: endurance.idle_polls(server), once=True),
    "steady": Section((NORIA,), lambda server, _plan: endurance.steady(server), once=True, by_hand=True),
    "depth": Section((NORIA,), lambda _server, plan: depth.measure(plan.depth), once=True),
    "warm": Section((NORIA, MINISTACK, LIMIT), warm),
    "warm-load": Section((NORIA, MINISTACK, LIMIT), warm_load),
    "importing": Section((NORIA,), importing),
    "restored": Section((NORIA,), restored),
    "cold": Section((NORIA, MINISTACK), cold),
    "deploy": Section((NORIA, MINISTACK), deploy),
    "crowd": Section((NORIA,), crowd),
    "trigger": Section((NORIA, MINISTACK), trigger),
    "drain": Section((NORIA, MINISTACK), drain),
    "drain-large": Section((NORIA,), drain_large),
    "fifo": Section((NORIA,), fifo),
    "beside": Section((NORIA,), beside),
    "logs": Section((NORIA,), million),
    "policy": Section((NORIA,), policy),
}
