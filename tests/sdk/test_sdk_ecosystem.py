"""What others built on SQS, as it comes, in processes of its own: Celery, Dramatiq, the extended client, the
SDK for JavaScript."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.support.aws import Aws, unique
from tests.support.node import Node
from tests.support.server import ServerProcess

ENDS_WITHIN_S = 60.0

CELERY = """
import json, os, sys
from urllib.parse import quote
from celery import Celery

key, secret = os.environ["AWS_ACCESS_KEY_ID"], quote(os.environ["AWS_SECRET_ACCESS_KEY"], safe="")
address = os.environ["AWS_ENDPOINT_URL"].removeprefix("http://")
app = Celery("app", broker=f"sqs://{key}:{secret}@{address}", backend="file://" + os.environ["RESULTS"])
app.conf.update(
    task_default_queue=os.environ["QUEUE"],
    broker_transport_options={"region": "us-east-1", "is_secure": False, "wait_time_seconds": 5,
                              "polling_interval": 0.1, "visibility_timeout": 30},
    worker_hijack_root_logger=False,
    task_acks_late=True,
)

@app.task
def add(a, b):
    return a + b

@app.task(bind=True, max_retries=2)
def stubborn(self):
    if self.request.retries < 2:
        raise self.retry(countdown=1)
    return self.request.retries

@app.task
def fail():
    raise ValueError("no good")

if sys.argv[1] == "worker":
    app.worker_main(["worker", "--pool=solo", "--without-gossip", "--without-mingle", "--loglevel=WARNING"])
else:
    sums = [add.delay(number, number) for number in range(20)]
    late, tried, failed = add.apply_async((1, 2), countdown=1), stubborn.delay(), fail.delay()
    print(json.dumps({
        "sums": [each.get(timeout=40) for each in sums],
        "late": late.get(timeout=40),
        "retries": tried.get(timeout=40),
        "failed": repr(failed.get(timeout=40, propagate=False)),
    }))
"""

DRAMATIQ = """
import json, os, threading, time
import dramatiq
from dramatiq_sqs import SQSBroker

broker = SQSBroker(namespace=os.environ["QUEUE"], dead_letter=True)
dramatiq.set_broker(broker)
seen, done, failures = [], threading.Event(), []

@dramatiq.actor(max_retries=2, min_backoff=10, max_backoff=20)
def note(number):
    seen.append(number)
    if len(seen) >= 20:
        done.set()

@dramatiq.actor(max_retries=1, min_backoff=10, max_backoff=20)
def fail():
    failures.append(time.time())
    raise ValueError("no good")

worker = dramatiq.Worker(broker, worker_threads=2)
worker.start()
fail.send()
for number in range(20):
    note.send(number) if number % 5 else note.send_with_options(args=(number,), delay=1000)
done.wait(30)
deadline = time.time() + 20
while len(failures) < 2 and time.time() < deadline:
    time.sleep(0.05)
worker.stop()
print(json.dumps({"seen": sorted(seen), "failures": len(failures), "queues": sorted(
    queue.url.rpartition("/")[2].removeprefix(os.environ["QUEUE"])
    for queue in broker.sqs.queues.filter(QueueNamePrefix=os.environ["QUEUE"]))}))
"""

EXTENDED = """
import json, os
import boto3, sqs_extended_client

sqs = boto3.client("sqs")
sqs.large_payload_support = "a-bucket-that-nothing-needs"
url = sqs.create_queue(QueueName=os.environ["QUEUE"])["QueueUrl"]
sqs.send_message(QueueUrl=url, MessageBody="small")
sqs.send_message_batch(QueueUrl=url, Entries=[{"Id": "a", "MessageBody": "batched"}])
found = []
while messages := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
    found += [message["Body"] for message in messages]
    first = {"QueueUrl": url, "ReceiptHandle": messages[0]["ReceiptHandle"]}
    sqs.change_message_visibility(**first, VisibilityTimeout=9)
    sqs.delete_message(**first)
    if messages[1:]:
        sqs.delete_message_batch(QueueUrl=url, Entries=[
            {"Id": str(n), "ReceiptHandle": m["ReceiptHandle"]} for n, m in enumerate(messages[1:])])
left = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
print(json.dumps({"found": sorted(found), "left": left["ApproximateNumberOfMessagesNotVisible"]}))
"""

JAVASCRIPT = """
import {
  SQSClient, CreateQueueCommand, SendMessageCommand, SendMessageBatchCommand, ReceiveMessageCommand,
  ChangeMessageVisibilityCommand, DeleteMessageCommand, DeleteMessageBatchCommand,
  GetQueueAttributesCommand, DeleteQueueCommand, paginateListQueues,
} from "@aws-sdk/client-sqs";

const { QUEUE } = process.env;
const client = new SQSClient({ maxAttempts: 1 });
const found = {};
const { QueueUrl } = await client.send(new CreateQueueCommand({
  QueueName: QUEUE, Attributes: { VisibilityTimeout: "7" },
}));
const waiting = client.send(new ReceiveMessageCommand({
  QueueUrl, WaitTimeSeconds: 20, MaxNumberOfMessages: 1, MessageAttributeNames: ["All"],
}));
await client.send(new SendMessageCommand({
  QueueUrl, MessageBody: "gr\\u00fc\\u00dfe \\ud83d\\ude80",
  MessageAttributes: {
    text: { DataType: "String", StringValue: "t" },
    bytes: { DataType: "Binary", BinaryValue: Uint8Array.from([0, 255]) },
  },
}));
const [message] = (await waiting).Messages;
found.body = message.Body;
found.bytes = Array.from(message.MessageAttributes.bytes.BinaryValue);
await client.send(new ChangeMessageVisibilityCommand({
  QueueUrl, ReceiptHandle: message.ReceiptHandle, VisibilityTimeout: 60,
}));
await client.send(new DeleteMessageCommand({ QueueUrl, ReceiptHandle: message.ReceiptHandle }));
const sent = await client.send(new SendMessageBatchCommand({
  QueueUrl, Entries: [{ Id: "a", MessageBody: "1" }, { Id: "b", MessageBody: "2", DelaySeconds: 901 }],
}));
found.sent = sent.Successful.map((each) => each.Id);
found.failed = sent.Failed.map((each) => [each.Id, each.Code, each.SenderFault]);
const { Messages } = await client.send(new ReceiveMessageCommand({ QueueUrl, MaxNumberOfMessages: 10 }));
await client.send(new DeleteMessageBatchCommand({
  QueueUrl, Entries: Messages.map((each, n) => ({ Id: `${n}`, ReceiptHandle: each.ReceiptHandle })),
}));
const got = await client.send(new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ["All"] }));
const { Attributes } = got;
found.left = [Attributes.ApproximateNumberOfMessages, Attributes.ApproximateNumberOfMessagesNotVisible];
found.listed = 0;
for await (const page of paginateListQueues({ client, pageSize: 1 }, { QueueNamePrefix: QUEUE })) {
  found.listed += page.QueueUrls.length;
}
await client.send(new DeleteQueueCommand({ QueueUrl }));
try {
  await client.send(new SendMessageCommand({ QueueUrl, MessageBody: "x" }));
} catch (error) {
  found.gone = [error.name, error.$metadata.httpStatusCode, error.message];
}
console.log(JSON.stringify(found));
"""


def variables(server: ServerProcess, queue: str) -> dict[str, str]:
    return {
        "AWS_ENDPOINT_URL": server.url,
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": server.root.access_key_id,
        "AWS_SECRET_ACCESS_KEY": server.root.secret_access_key,
        "QUEUE": queue,
    }


def run(script: Path, environment: dict[str, str], *arguments: str) -> Any:
    """What it prints, which is JSON."""
    done = subprocess.run(
        [sys.executable, str(script), *arguments],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=ENDS_WITHIN_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def script(tmp_path: Path, source: str) -> Path:
    path = tmp_path / "script.py"
    path.write_text(source)
    return path


def test_celery_runs_tasks_late_ones_and_retries(server: ServerProcess, aws: Aws, tmp_path: Path) -> None:
    queue = unique("celery")
    results = tmp_path / "results"
    results.mkdir()
    environment = variables(server, queue) | {"RESULTS": str(results)}
    path = script(tmp_path, CELERY)
    with (tmp_path / "worker").open("wb") as output:
        worker = subprocess.Popen(
            [sys.executable, str(path), "worker"], env=os.environ | environment, stdout=output, stderr=output
        )
        try:
            found = run(path, environment, "client")
        finally:
            worker.terminate()
            worker.wait()
    assert found == {
        "sums": [2 * number for number in range(20)],
        "late": 3,
        "retries": 2,
        "failed": "ValueError('no good')",
    }, (tmp_path / "worker").read_text()
    url = aws.sqs.get_queue_url(QueueName=queue)["QueueUrl"]
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    left = aws.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
    assert left == dict.fromkeys(names, "0")


def test_dramatiq_runs_actors_and_keeps_dead_letters(server: ServerProcess, tmp_path: Path) -> None:
    found = run(script(tmp_path, DRAMATIQ), variables(server, unique("dramatiq")))
    assert found == {"seen": list(range(20)), "failures": 2, "queues": ["_default", "_default_dlq"]}


def test_the_extended_client_works_where_it_needs_no_s3(server: ServerProcess, tmp_path: Path) -> None:
    found = run(script(tmp_path, EXTENDED), variables(server, unique("extended")))
    assert found == {"found": ["batched", "small"], "left": "0"}


@pytest.fixture(scope="module")
def node(request: pytest.FixtureRequest) -> Node:
    assert request.config.cache is not None
    return Node(request.config.cache.mkdir("noria-node-sqs"), "@aws-sdk/client-sqs@3")


def test_a_queue_lives_through_the_javascript_sdk(server: ServerProcess, node: Node) -> None:
    assert node.module(JAVASCRIPT, **variables(server, unique("javascript"))) == {
        "body": "grüße 🚀",
        "bytes": [0, 255],
        "sent": ["a"],
        "failed": [["b", "InvalidParameterValue", True]],
        "left": ["0", "0"],
        "listed": 1,
        "gone": ["QueueDoesNotExist", 400, "The specified queue does not exist."],
    }
