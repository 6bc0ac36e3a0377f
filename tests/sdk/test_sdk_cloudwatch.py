"""CloudWatch's metrics as boto3 sees them."""

from __future__ import annotations

import json
import urllib.request
from datetime import UTC, datetime, timedelta
from typing import Any

import botocore.parsers
import botocore.serialize
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from tests.support.aws import ACCOUNT, ACCOUNT_TRUST, Aws, refused, unique
from tests.support.server import ServerProcess

NOW = datetime.now(UTC).replace(second=0, microsecond=0)
HOUR = {"StartTime": NOW - timedelta(hours=1), "EndTime": NOW + timedelta(hours=1), "Period": 60}


def put(aws: Aws, namespace: str, *values: float, name: str = "Latency") -> None:
    dimensions = [{"Name": "Page", "Value": "home"}]
    data = [
        {
            "MetricName": name,
            "Dimensions": dimensions,
            "Value": value,
            "Unit": "Milliseconds",
            "Timestamp": NOW + timedelta(seconds=number),
        }
        for number, value in enumerate(values)
    ]
    aws.cloudwatch.put_metric_data(Namespace=namespace, MetricData=data)


def test_metrics_are_put_listed_and_read(aws: Aws) -> None:
    namespace = unique("Test/Space")
    put(aws, namespace, 10, 20, 60)
    dimensions = [{"Name": "Page", "Value": "home"}]
    pages = aws.cloudwatch.get_paginator("list_metrics").paginate(Namespace=namespace)
    assert [metric for page in pages for metric in page["Metrics"]] == [
        {"Namespace": namespace, "MetricName": "Latency", "Dimensions": dimensions}
    ]
    answer = aws.cloudwatch.get_metric_statistics(
        Namespace=namespace,
        MetricName="Latency",
        Dimensions=dimensions,
        Statistics=["Average", "Maximum", "SampleCount"],
        **HOUR,
    )
    assert answer["Label"] == "Latency"
    assert answer["Datapoints"] == [
        {"Timestamp": NOW, "SampleCount": 3.0, "Average": 30.0, "Maximum": 60.0, "Unit": "Milliseconds"}
    ]
    percentiles = aws.cloudwatch.get_metric_statistics(
        Namespace=namespace,
        MetricName="Latency",
        Dimensions=dimensions,
        ExtendedStatistics=["p50", "p99"],
        **HOUR,
    )["Datapoints"][0]["ExtendedStatistics"]
    assert percentiles == {"p50": pytest.approx(20, rel=0.01), "p99": pytest.approx(60, rel=0.01)}
    metric = {"Namespace": namespace, "MetricName": "Latency", "Dimensions": dimensions}
    answer = aws.cloudwatch.get_metric_data(
        MetricDataQueries=[{"Id": "q", "MetricStat": {"Metric": metric, "Period": 60, "Stat": "Sum"}}],
        StartTime=HOUR["StartTime"],
        EndTime=HOUR["EndTime"],
    )
    assert answer["MetricDataResults"] == [
        {"Id": "q", "Label": "Latency", "Timestamps": [NOW], "Values": [90.0], "StatusCode": "Complete"}
    ]


def test_a_large_request_comes_compressed(aws: Aws) -> None:
    namespace = unique("Test/Large")
    data = [{"MetricName": f"metric-{number}", "Values": [1.0] * 150} for number in range(100)]
    aws.cloudwatch.put_metric_data(Namespace=namespace, MetricData=data)
    assert len(aws.cloudwatch.list_metrics(Namespace=namespace)["Metrics"]) == 100


def test_who_may_put_is_decided_by_the_namespace(aws: Aws, server: ServerProcess) -> None:
    statement = {
        "Effect": "Allow",
        "Action": "cloudwatch:PutMetricData",
        "Resource": "*",
        "Condition": {"StringEquals": {"cloudwatch:namespace": "Mine"}},
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    role = aws.role(trusting=ACCOUNT_TRUST, metrics=policy)
    client = server.client("cloudwatch", aws.assume(role, "session"))
    data = [{"MetricName": "m", "Value": 1.0}]
    client.put_metric_data(Namespace="Mine", MetricData=data)
    who = f"arn:aws:sts::{ACCOUNT}:assumed-role/{role.rpartition('/')[2]}/session"
    because = "because no identity-based policy allows the cloudwatch:PutMetricData action"
    text = f"User: {who} is not authorized to perform: cloudwatch:PutMetricData {because}"
    with refused(403, "AccessDenied", text):
        client.put_metric_data(Namespace="Other", MetricData=data)


def test_errors_have_the_codes_that_clients_know(aws: Aws) -> None:
    with refused(400, "InvalidParameterValue", "The value AWS/ for parameter Namespace is invalid."):
        aws.cloudwatch.put_metric_data(Namespace="AWS/X", MetricData=[{"MetricName": "m", "Value": 1.0}])
    with pytest.raises(aws.cloudwatch.exceptions.InvalidParameterCombinationException):
        aws.cloudwatch.get_metric_statistics(Namespace="N", MetricName="m", **HOUR)
    with refused(501, "NotImplemented", "PutMetricAlarm is not supported by Noria, see docs/parity.md."):
        aws.cloudwatch.put_metric_alarm(
            AlarmName="a", ComparisonOperator="LessThanThreshold", EvaluationPeriods=1
        )


@pytest.mark.parametrize("protocol", ["query", "smithy-rpc-v2-cbor"])
def test_sdks_that_speak_another_protocol_are_served_too(
    aws: Aws, server: ServerProcess, protocol: str
) -> None:
    """The JavaScript SDK speaks CBOR, boto3 before 2026 the Query protocol."""
    model = aws.cloudwatch.meta.service_model

    def call(operation: str, **parameters: Any) -> Any:
        made = botocore.serialize.create_serializer(protocol, False).serialize_to_request(
            parameters, model.operation_model(operation)
        )
        url = server.url + made["url_path"]
        request = AWSRequest(made["method"], url, made["headers"], made["body"])
        keys = Credentials(server.root.access_key_id, server.root.secret_access_key)
        SigV4Auth(keys, "monitoring", "us-east-1").add_auth(request)
        ready = request.prepare()
        body = ready.body.encode() if isinstance(ready.body, str) else ready.body
        sent = urllib.request.Request(ready.url, body, dict(ready.headers.items()), method="POST")
        with urllib.request.urlopen(sent) as answer:
            raw = {
                "headers": dict(answer.headers.items()),
                "status_code": answer.status,
                "body": answer.read(),
            }
        parser = botocore.parsers.create_parser(protocol)
        return parser.parse(raw, model.operation_model(operation).output_shape)

    namespace = unique("Test/Wire")
    datum = {"MetricName": "m", "Value": 2.5, "Timestamp": NOW}
    call("PutMetricData", Namespace=namespace, MetricData=[datum, datum])
    answer = call("GetMetricStatistics", Namespace=namespace, MetricName="m", Statistics=["Sum"], **HOUR)
    assert answer["Datapoints"] == [{"Timestamp": NOW, "Sum": 5.0, "Unit": "None"}]


def test_a_queue_is_counted(aws: Aws) -> None:
    url, arn = aws.queue()
    aws.sqs.send_message(QueueUrl=url, MessageBody="hello")
    metrics = aws.cloudwatch.get_metric_data(
        MetricDataQueries=[
            {
                "Id": name.lower(),
                "MetricStat": {
                    "Metric": {
                        "Namespace": "AWS/SQS",
                        "MetricName": name,
                        "Dimensions": [{"Name": "QueueName", "Value": arn.rpartition(":")[2]}],
                    },
                    "Period": 7200,
                    "Stat": "Sum",
                },
            }
            for name in ("NumberOfMessagesSent", "SentMessageSize")
        ],
        StartTime=HOUR["StartTime"],
        EndTime=HOUR["EndTime"],
    )["MetricDataResults"]
    assert {each["Label"]: each["Values"] for each in metrics} == {
        "NumberOfMessagesSent": [1.0],
        "SentMessageSize": [5.0],
    }


def test_metrics_survive_a_killed_server_once_acknowledged(tmp_path: Any) -> None:
    with ServerProcess(tmp_path / "data") as process:
        put(Aws(process.client), "N", 1, 2)
        process.kill()
        process.start()
        metrics = process.client("cloudwatch").list_metrics(Namespace="N")["Metrics"]
        assert [metric["MetricName"] for metric in metrics] == ["Latency"]
