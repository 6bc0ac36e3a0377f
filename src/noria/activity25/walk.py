"""The eight steps, through the public APIs as any client, and the proof that every message was consumed."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from typing import Any

import boto3
import click
from botocore.exceptions import ClientError

from noria.activity25.logs import ConsumerLog
from noria.activity25.package import PackageError, producer_package, single_file, source
from noria.config import cache_dir

QUEUE = "activity25"
POLICY = "Activity25QueueFullAccess"
ROLE = "Activity25Role"
PRODUCER = "producer"
CONSUMER = "consumer"
BASIC_EXECUTION = "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"

BATCH_SIZE = 10  # the trigger's default
NEWEST_MINOR = 14  # python3.14, the newest runtime name
POLL_EVERY_S = 0.1
SETTLE_WITHIN_S = 60  # for a trigger, a function or a log line
PER_MESSAGE_S = 0.1  # and so much more for each message
DELETED_WAIT_S = 2  # between attempts to use a deleted queue's name again

TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
    ],
}


class WalkError(Exception):
    """A step did not do what it should; the text is for the user."""


class Walk:
    """Runs once. Everything that it makes keeps its name, so that a later walk finds and renews it."""

    def __init__(self, session: boto3.Session, messages: int) -> None:
        """session: its environment says which server.
        messages: how often the producer is invoked in Step 6, and again for the proof."""
        self._messages = messages
        self._sqs, self._iam, self._sts, self._lambda, self._logs = (
            session.client(service) for service in ("sqs", "iam", "sts", "lambda", "logs")
        )
        self._runtime = f"python3.{min(sys.version_info.minor, NEWEST_MINOR)}"
        self._zip = b""
        self._queue_url = ""
        self._queue_arn = ""
        self._policy_arn = ""
        self._role_arn = ""
        self._trigger_uuid = ""

    def run(self) -> None:
        """Raises WalkError or botocore's exceptions."""
        self.step_1_package_the_producer()
        self.step_2_create_a_queue()
        self.step_3_create_a_policy()
        self.step_4_create_a_role()
        self.step_5_create_the_producer()
        self.step_6_test_the_producer()
        self.step_7_create_the_consumer()
        self.step_8_add_an_sqs_trigger()
        self.prove_that_every_message_is_consumed()

    def step_1_package_the_producer(self) -> None:
        _title("Step 1  Package the producer application")
        started_s = time.monotonic()
        try:
            package = producer_package(
                cache_dir(), lambda: _say("installing boto3 into a virtual environment …")
            )
        except PackageError as error:
            raise WalkError(str(error)) from error
        self._zip = package.path.read_bytes()
        how = "kept from an earlier walk" if package.cached else f"{time.monotonic() - started_s:.1f} s"
        _say(f"virtual environment with boto3 {package.boto3_version} → producer.zip,"
             f" {len(self._zip) / 1e6:.1f} MB ({how})")  # fmt: skip

    def step_2_create_a_queue(self) -> None:
        _title("Step 2  Create a message queuing service")
        self._queue_url = self._create_queue()
        self._queue_arn = self._attributes("QueueArn")["QueueArn"]
        _say(self._queue_arn)

    def _create_queue(self) -> str:
        """SQS lets nobody use a deleted queue's name for a minute: also this walk's own, with --cleanup."""
        while True:
            try:
                url: str = self._sqs.create_queue(QueueName=QUEUE)["QueueUrl"]
                return url
            except self._sqs.exceptions.QueueDeletedRecently as error:
                _say(f"{error.response['Error']['Message']} Waiting …")
                time.sleep(DELETED_WAIT_S)

    def step_3_create_a_policy(self) -> None:
        _title("Step 3  Create a policy")
        statement = {
            "Sid": "VisualEditor0",
            "Effect": "Allow",
            "Action": "sqs:*",
            "Resource": self._queue_arn,
        }
        account = self._sts.get_caller_identity()["Account"]
        self._policy_arn = f"arn:aws:iam::{account}:policy/{POLICY}"
        self._delete_policy()  # an earlier walk's may name a queue in another region
        document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        self._iam.create_policy(PolicyName=POLICY, PolicyDocument=document)
        _say(f"{self._policy_arn}: sqs:* on the queue")

    def step_4_create_a_role(self) -> None:
        _title("Step 4  Create a role")
        try:
            role = self._iam.create_role(RoleName=ROLE, AssumeRolePolicyDocument=json.dumps(TRUST))
        except self._iam.exceptions.EntityAlreadyExistsException:
            role = self._iam.get_role(RoleName=ROLE)
        self._role_arn = role["Role"]["Arn"]
        for policy_arn in (self._policy_arn, BASIC_EXECUTION):
            self._iam.attach_role_policy(RoleName=ROLE, PolicyArn=policy_arn)
        _say(f"{self._role_arn} with {POLICY} and AWSLambdaBasicExecutionRole")

    def step_5_create_the_producer(self) -> None:
        _title("Step 5  Create the producer Lambda function")
        environment = {"Variables": {"QUEUE_URL": self._queue_url}}
        self._put_function(PRODUCER, self._zip, "producer.lambda_handler", environment)
        _say(f"{PRODUCER}: {self._runtime}, handler producer.lambda_handler, QUEUE_URL={self._queue_url}")

    def step_6_test_the_producer(self) -> None:
        _title(f"Step 6  Test the producer: {self._messages} invocations")
        self._delete_triggers()  # an earlier walk's: messages are to wait for Step 8
        self._produce()
        _say(f"the queue: {self._depth()}")

    def step_7_create_the_consumer(self) -> None:
        _title("Step 7  Create the consumer Lambda function")
        code = single_file("lambda_function.py", source("consumer"))
        self._put_function(CONSUMER, code, "lambda_function.lambda_handler", {"Variables": {}})
        _say(f"{CONSUMER}: the code of the exercise, as written")

    def step_8_add_an_sqs_trigger(self) -> None:
        _title("Step 8  Add an SQS trigger")
        _say(f"the queue before: {self._depth()}")
        log = ConsumerLog(self._logs, CONSUMER)
        mapping = self._lambda.create_event_source_mapping(
            EventSourceArn=self._queue_arn, FunctionName=CONSUMER
        )
        self._trigger_uuid = mapping["UUID"]
        self._await(lambda: not any(self._counts()), "the trigger did not empty the queue")
        _say(f"the queue after:  {self._depth()}")
        least = -(-self._messages // BATCH_SIZE)
        self._await(lambda: log.read().complete(least), "the consumer's log does not show its invocations")
        _say_lines(log)
        messages, invocations = _count(self._messages, "message"), _count(log.invocations, "invocation")
        _say(f"{messages} in {invocations}. A batch holds up to {BATCH_SIZE}.")
        _say("The consumer returns inside its loop, so it sees a batch's first record only; as it")
        _say("succeeded, the whole batch is deleted. AWS does the same.")

    def prove_that_every_message_is_consumed(self) -> None:
        """The consumer as written leaves no trace of what it saw; one that prints it gets as many again."""
        _title("Proof   The consumer that handles every record, and reports those that failed")
        code = single_file("lambda_function.py", source("consumer_of_all"))
        self._lambda.update_function_code(FunctionName=CONSUMER, ZipFile=code)
        self._wait("function_updated_v2", CONSUMER)
        self._lambda.update_event_source_mapping(
            UUID=self._trigger_uuid, FunctionResponseTypes=["ReportBatchItemFailures"]
        )
        self._await(self._trigger_enabled, "the trigger was not enabled again")
        log = ConsumerLog(self._logs, CONSUMER)
        missing = self._produce()

        def all_seen() -> bool:
            missing.difference_update(log.read().consumed)
            return not missing and not any(self._counts())

        deadline = f"not every one of the {self._messages} messages was consumed"
        try:
            self._await(all_seen, deadline)
        except WalkError as error:
            _say_lines(log)
            lost = "".join(f"\n  {task}" for task in sorted(missing)[:10])
            text = f"{error}; the queue: {self._depth()}; missing in the log: {len(missing)}{lost}"
            raise WalkError(text) from error
        _say_lines(log)
        _say(f"the queue: {self._depth()}")
        proof = f"Each of the {self._messages} messages was consumed: the consumer's log shows every one."
        click.secho(proof, fg="green", bold=True)

    def clean_up(self) -> None:
        """Delete what the walk made."""
        _title("Cleanup")
        self._delete_triggers()
        for function in (CONSUMER, PRODUCER):
            self._lambda.delete_function(FunctionName=function)
            _unless_missing(self._logs.delete_log_group, logGroupName=f"/aws/lambda/{function}")
        self._delete_policy()
        self._iam.detach_role_policy(RoleName=ROLE, PolicyArn=BASIC_EXECUTION)
        self._iam.delete_role(RoleName=ROLE)
        self._sqs.delete_queue(QueueUrl=self._queue_url)
        _say("trigger, functions, their logs, role, policy and queue are deleted")

    def _put_function(self, name: str, code: bytes, handler: str, environment: dict[str, Any]) -> None:
        """Create, or bring an existing one to the same."""
        configuration = {
            "Runtime": self._runtime,
            "Role": self._role_arn,
            "Handler": handler,
            "Environment": environment,
        }
        try:
            self._lambda.create_function(FunctionName=name, Code={"ZipFile": code}, **configuration)
        except self._lambda.exceptions.ResourceConflictException:
            self._lambda.update_function_code(FunctionName=name, ZipFile=code)
            self._wait("function_updated_v2", name)
            self._lambda.update_function_configuration(FunctionName=name, **configuration)
            self._wait("function_updated_v2", name)
        else:
            self._wait("function_active_v2", name)

    def _wait(self, until: str, function: str) -> None:
        attempts = {"Delay": POLL_EVERY_S, "MaxAttempts": round(SETTLE_WITHIN_S / POLL_EVERY_S)}
        self._lambda.get_waiter(until).wait(FunctionName=function, WaiterConfig=attempts)

    def _produce(self) -> set[str]:
        """Invoke the producer; the tasks that it says it sent, all different."""
        tasks = set()
        with click.progressbar(range(self._messages), label="        invoking") as invocations:
            for _ in invocations:
                answer = self._lambda.invoke(FunctionName=PRODUCER)
                payload = answer["Payload"].read().decode()
                if "FunctionError" in answer:
                    raise WalkError(f"the producer failed: {payload}")
                tasks.add(json.loads(payload)["task"])
        return tasks

    def _trigger_enabled(self) -> bool:
        return bool(self._lambda.get_event_source_mapping(UUID=self._trigger_uuid)["State"] == "Enabled")

    def _triggers(self) -> list[str]:
        """UUIDs of the mappings from the queue to the consumer."""
        listed = self._lambda.list_event_source_mappings(EventSourceArn=self._queue_arn)[
            "EventSourceMappings"
        ]
        return [mapping["UUID"] for mapping in listed if mapping["FunctionArn"].endswith(f":{CONSUMER}")]

    def _delete_triggers(self) -> None:
        for uuid in self._triggers():
            _unless_missing(self._lambda.delete_event_source_mapping, UUID=uuid)
        self._await(lambda: not self._triggers(), "the earlier trigger was not deleted")

    def _delete_policy(self) -> None:
        _unless_missing(self._iam.detach_role_policy, RoleName=ROLE, PolicyArn=self._policy_arn)
        _unless_missing(self._iam.delete_policy, PolicyArn=self._policy_arn)

    def _attributes(self, *names: str) -> dict[str, str]:
        answer = self._sqs.get_queue_attributes(QueueUrl=self._queue_url, AttributeNames=list(names))
        return dict(answer["Attributes"])

    def _counts(self) -> tuple[int, int]:
        """(visible, in flight)"""
        names = ("ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible")
        attributes = self._attributes(*names)
        return int(attributes[names[0]]), int(attributes[names[1]])

    def _depth(self) -> str:
        visible, in_flight = self._counts()
        return f"{visible} waiting, {in_flight} in flight"

    def _await(self, condition: Callable[[], bool], failure: str) -> None:
        within_s = SETTLE_WITHIN_S + self._messages * PER_MESSAGE_S
        deadline_s = time.monotonic() + within_s
        while not condition():
            if time.monotonic() > deadline_s:
                raise WalkError(f"{failure} within {within_s:.0f} s")
            time.sleep(POLL_EVERY_S)


def _unless_missing(delete: Callable[..., Any], **what: str) -> None:
    try:
        delete(**what)
    except ClientError as error:
        if error.response["Error"]["Code"] not in ("NoSuchEntity", "ResourceNotFoundException"):
            raise


def _count(number: int, what: str) -> str:
    return f"{number} {what}" + ("" if number == 1 else "s")


def _title(text: str) -> None:
    click.secho(text, bold=True)


def _say(text: str) -> None:
    click.echo(f"        {text}")


def _say_lines(log: ConsumerLog) -> None:
    _say(f"the consumer's log, /aws/lambda/{CONSUMER}:")
    for line in log.excerpt():
        click.secho(f"          {line}", dim=True)
