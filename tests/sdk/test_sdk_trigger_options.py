"""What a trigger can be told, as boto3 tells it: filters, windows, concurrency."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.support.aws import ACCOUNT, QUEUE_EXECUTION, Aws, eventually, refused

CONSUMER = """
import json
def handler(event, context):
    print("batch", json.dumps([record["body"] for record in event["Records"]]))
"""
EMPTY = {"ApproximateNumberOfMessages": "0", "ApproximateNumberOfMessagesNotVisible": "0"}


def batches(aws: Aws, function: str) -> list[list[str]]:
    lines = [line for line in aws.log_lines(function) if line.startswith("batch ")]
    return [json.loads(line.removeprefix("batch ")) for line in lines]


def is_empty(aws: Aws, url: str) -> bool:
    answer = aws.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=list(EMPTY))
    return bool(answer["Attributes"] == EMPTY)


def send(aws: Aws, url: str, bodies: list[str]) -> None:
    for start in range(0, len(bodies), 10):
        entries = [
            {"Id": str(number), "MessageBody": body} for number, body in enumerate(bodies[start : start + 10])
        ]
        assert "Failed" not in aws.sqs.send_message_batch(QueueUrl=url, Entries=entries)


def test_filtered_messages_never_reach_the_function_and_leave_the_queue(aws: Aws) -> None:
    url, arn = aws.queue()
    name = aws.function(CONSUMER, aws.role(QUEUE_EXECUTION))
    criteria = {"Filters": [{"Pattern": json.dumps({"body": {"price": [{"numeric": [">", 100]}]}})}]}
    created = aws.functions.create_event_source_mapping(
        EventSourceArn=arn, FunctionName=name, FilterCriteria=criteria
    )
    assert created["FilterCriteria"] == criteria
    send(aws, url, ['{"price": 99}', '{"price": 101}', "text", '{"price": 100}', '{"price": 5000}'])
    eventually(lambda: is_empty(aws, url), "the queue emptied")
    eventually(lambda: sum(map(len, batches(aws, name))) == 2, "two messages handled")
    handled = [body for batch in batches(aws, name) for body in batch]
    assert sorted(handled) == ['{"price": 101}', '{"price": 5000}']


def test_a_large_batch_comes_in_one_invocation(aws: Aws) -> None:
    url, arn = aws.queue()
    name = aws.function(CONSUMER, aws.role(QUEUE_EXECUTION))
    bodies = [str(number) for number in range(300)]
    send(aws, url, bodies)
    aws.functions.create_event_source_mapping(
        EventSourceArn=arn, FunctionName=name, BatchSize=300, MaximumBatchingWindowInSeconds=20
    )
    eventually(lambda: is_empty(aws, url), "the queue emptied")
    [batch] = eventually(lambda: batches(aws, name), "the batch in the log")
    assert sorted(batch) == sorted(bodies)


@pytest.mark.parametrize(
    ("options", "code", "text"),
    [
        (
            {"FilterCriteria": {"Filters": [{"Pattern": '{"body": {"a": 1}}'}]}},
            "InvalidParameterValueException",
            "Invalid filter pattern definition.",
        ),
        (
            {"ScalingConfig": {"MaximumConcurrency": 1001}},
            "ValidationException",
            "1 validation error detected: Value '1001' at 'scalingConfig.maximumConcurrency' failed to"
            " satisfy constraint: Member must have value less than or equal to 1000",
        ),
    ],
)
def test_options_that_aws_refuses_are_refused(
    aws: Aws, options: dict[str, Any], code: str, text: str
) -> None:
    _, arn = aws.queue()
    name = aws.function(CONSUMER, aws.role(QUEUE_EXECUTION))
    with refused(400, code, text):
        aws.functions.create_event_source_mapping(EventSourceArn=arn, FunctionName=name, **options)


def test_maximum_concurrency_bounds_how_many_run_at_once(aws: Aws) -> None:
    url, arn = aws.queue()
    source = "import time\ndef handler(event, context):\n    print('ran', time.time())\n    time.sleep(0.3)\n"
    name = aws.function(source, aws.role(QUEUE_EXECUTION))
    send(aws, url, [str(number) for number in range(8)])
    aws.functions.create_event_source_mapping(
        EventSourceArn=arn, FunctionName=name, BatchSize=1, ScalingConfig={"MaximumConcurrency": 2}
    )
    eventually(lambda: is_empty(aws, url), "the queue emptied")
    lines = aws.log_of(name, 8)
    began_s = sorted(float(line.split()[1]) for line in lines if line.startswith("ran "))
    assert all(later - earlier >= 0.29 for earlier, later in zip(began_s, began_s[2:], strict=False))


def test_a_mapping_counts_its_events_where_it_is_asked_to(aws: Aws) -> None:
    url, arn = aws.queue()
    name = aws.function(CONSUMER, aws.role(QUEUE_EXECUTION))
    mapping = aws.functions.create_event_source_mapping(
        EventSourceArn=arn, FunctionName=name, MetricsConfig={"Metrics": ["EventCount"]}
    )
    assert mapping["MetricsConfig"] == {"Metrics": ["EventCount"]}
    send(aws, url, ["a", "b", "c"])
    by = [{"Name": "EventSourceMappingUUID", "Value": mapping["UUID"]}]
    now = datetime.now(UTC)

    def counted(metric: str) -> float:
        points = aws.cloudwatch.get_metric_statistics(
            Namespace="AWS/Lambda",
            MetricName=metric,
            Dimensions=by,
            StartTime=now - timedelta(hours=1),
            EndTime=now + timedelta(hours=1),
            Period=7200,
            Statistics=["Sum"],
        )["Datapoints"]
        return float(points[0]["Sum"]) if points else 0.0

    eventually(lambda: counted("DeletedEventCount") == 3.0, "three events are counted as deleted")
    assert (counted("PolledEventCount"), counted("InvokedEventCount")) == (3.0, 3.0)
    listed = aws.cloudwatch.list_metrics(Dimensions=by)["Metrics"]
    assert {metric["MetricName"] for metric in listed} == {
        "PolledEventCount",
        "FilteredOutEventCount",
        "InvokedEventCount",
        "DeletedEventCount",
    }


def test_a_mapping_has_tags_as_recorded_from_aws(aws: Aws) -> None:
    _, arn = aws.queue()
    name = aws.function(CONSUMER, aws.role(QUEUE_EXECUTION))
    mapping = aws.functions.create_event_source_mapping(
        EventSourceArn=arn, FunctionName=name, Tags={"A": "tag-a"}
    )["EventSourceMappingArn"]

    def tags() -> dict[str, str]:
        listed: dict[str, str] = aws.functions.list_tags(Resource=mapping)["Tags"]
        return listed

    assert tags() == {"A": "tag-a"}
    aws.functions.tag_resource(Resource=mapping, Tags={"A": "tag-a", "B": "tag-b", "C": "tag-c"})
    aws.functions.tag_resource(Resource=mapping, Tags={"C": "tag-c-newsuffix", "D": "tag-d"})
    assert tags() == {"A": "tag-a", "B": "tag-b", "C": "tag-c-newsuffix", "D": "tag-d"}
    aws.functions.untag_resource(Resource=mapping, TagKeys=["A"])
    aws.functions.untag_resource(Resource=mapping, TagKeys=["B", "C"])
    aws.functions.untag_resource(Resource=mapping, TagKeys=["F"])
    assert tags() == {"D": "tag-d"}
    aws.functions.untag_resource(Resource=mapping, TagKeys=["D", "F"])
    assert tags() == {}
    unknown = mapping[:-12] + "0" * 12
    with refused(404, "ResourceNotFoundException", f"Event source mapping not found: {unknown}"):
        aws.functions.list_tags(Resource=unknown)


def test_versions_and_aliases_are_targets_as_recorded_from_aws(aws: Aws) -> None:
    url, arn = aws.queue()
    source = "def handler(event, context):\n    print('arn', context.invoked_function_arn)\n"
    name = aws.function(source, aws.role(QUEUE_EXECUTION))
    version = aws.functions.publish_version(FunctionName=name)
    aws.functions.get_waiter("published_version_active").wait(FunctionName=name, Qualifier="1")
    alias = aws.functions.create_alias(FunctionName=name, Name="myalias", FunctionVersion="1")
    for target in (f"{name}:1", version["FunctionArn"], f"{name}:myalias", alias["AliasArn"]):
        created = aws.functions.create_event_source_mapping(EventSourceArn=arn, FunctionName=target)
        assert created["FunctionArn"] == f"{aws_arn(name)}:{target.rpartition(':')[2]}"
        aws.sqs.send_message(QueueUrl=url, MessageBody="x")
        eventually(lambda: is_empty(aws, url), "the queue emptied")
        aws.functions.delete_event_source_mapping(UUID=created["UUID"])
    with refused(400, "InvalidParameterValueException", "Function does not exist"):
        aws.functions.create_event_source_mapping(EventSourceArn=arn, FunctionName=f"{name}:none")


def aws_arn(name: str) -> str:
    return f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:{name}"


def test_reserved_concurrency_makes_batches_wait_and_costs_no_receive(aws: Aws) -> None:
    url, arn = aws.queue()
    source = (
        "import time\n"
        "def handler(event, context):\n"
        "    print('count', event['Records'][0]['attributes']['ApproximateReceiveCount'])\n"
        "    time.sleep(0.1)\n"
    )
    name = aws.function(source, aws.role(QUEUE_EXECUTION))
    aws.functions.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=1)
    send(aws, url, [str(number) for number in range(10)])
    aws.functions.create_event_source_mapping(EventSourceArn=arn, FunctionName=name, BatchSize=1)
    eventually(lambda: is_empty(aws, url), "the queue emptied")
    counts = [line.split()[1] for line in aws.log_of(name, 10) if line.startswith("count ")]
    assert counts == ["1"] * 10


def test_handlers_that_hang_hold_up_no_other_mapping(aws: Aws) -> None:
    stuck_url, stuck_arn = aws.queue()
    url, arn = aws.queue()
    role = aws.role(QUEUE_EXECUTION)
    source = "import time\ndef handler(event, context):\n    time.sleep(6)\n"
    stuck = aws.function(source, role, Timeout=10)
    quick = aws.function(CONSUMER, role)
    send(aws, stuck_url, [str(number) for number in range(60)])
    mapping = aws.functions.create_event_source_mapping(
        EventSourceArn=stuck_arn, FunctionName=stuck, BatchSize=1
    )
    aws.functions.create_event_source_mapping(EventSourceArn=arn, FunctionName=quick)
    for number in range(5):
        began_s = time.monotonic()
        aws.sqs.send_message(QueueUrl=url, MessageBody=str(number))
        eventually(lambda: is_empty(aws, url), "the other queue emptied")
        assert time.monotonic() - began_s < 3
    assert not is_empty(aws, stuck_url)
    aws.functions.delete_event_source_mapping(UUID=mapping["UUID"])
    aws.functions.delete_function(FunctionName=stuck)
