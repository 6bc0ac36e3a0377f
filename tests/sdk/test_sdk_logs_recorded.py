"""What AWS answered, recorded, call by call: groups, streams, events, filters, policies."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.support.aws import ACCOUNT, BASIC_EXECUTION, Aws, refused, unique

LONG = "X" * 513
NO_GROUP = "The specified log group does not exist."
BAD_TOKEN = "The specified nextToken is invalid."
TOO_LONG = (
    f"1 validation error detected: Value '{LONG}' at 'filterName' failed to satisfy constraint: "
    "Member must have length less than or equal to 512"
)
NAMES_TOO_LONG = "Invalid LogGroup or LogStream, both must have length less than or equal to 512."


@pytest.fixture
def group(aws: Aws) -> str:
    name = unique("/test/recorded")
    aws.logs.create_log_group(logGroupName=name)
    return name


def shown(described: dict[str, Any], *times: str) -> dict[str, Any]:
    """A description without its times, which must be there."""
    assert all(isinstance(described[name], int) for name in times)
    return {name: value for name, value in described.items() if name not in times}


def test_get_log_events_invalid_token(aws: Aws, group: str) -> None:
    aws.logs.create_log_stream(logGroupName=group, logStreamName="s")
    with refused(400, "InvalidParameterException", BAD_TOKEN):
        aws.logs.get_log_events(logGroupName=group, logStreamName="s", nextToken="n")


def test_resource_does_not_exist(aws: Aws, group: str) -> None:
    with refused(400, "ResourceNotFoundException", NO_GROUP):
        aws.logs.get_log_events(logGroupName=f"{group}-other", logStreamName="s")
    with refused(400, "ResourceNotFoundException", "The specified log stream does not exist."):
        aws.logs.get_log_events(logGroupName=group, logStreamName="s")


def test_filter_log_events_limit_validation_and_unknown_token(aws: Aws, group: str) -> None:
    with refused(
        400,
        "InvalidParameterException",
        "1 validation error detected: Value '10001' at 'limit' failed to satisfy constraint: "
        "Member must have value less than or equal to 10000",
    ):
        aws.logs.filter_log_events(logGroupName=group, limit=10001)
    with refused(400, "InvalidParameterException", BAD_TOKEN):
        aws.logs.filter_log_events(logGroupName=group, nextToken="invalid-token")


def test_create_log_group_duplicate_and_too_long(aws: Aws, group: str) -> None:
    with refused(400, "ResourceAlreadyExistsException", "The specified log group already exists"):
        aws.logs.create_log_group(logGroupName=group)
    with refused(400, "InvalidParameterException", NAMES_TOO_LONG):
        aws.logs.create_log_group(logGroupName=LONG)


def test_describe_log_groups_by_pattern(aws: Aws, group: str) -> None:
    with refused(
        400,
        "InvalidParameterException",
        "LogGroup name prefix and LogGroup name pattern are mutually exclusive parameters.",
    ):
        aws.logs.describe_log_groups(logGroupNamePrefix=group, logGroupNamePattern=group)
    [found] = aws.logs.describe_log_groups(logGroupNamePattern=group[3:])["logGroups"]
    arn = f"arn:aws:logs:us-east-1:{ACCOUNT}:log-group:{group}"
    assert shown(found, "creationTime") == {
        "arn": f"{arn}:*",
        "logGroupArn": arn,
        "logGroupClass": "STANDARD",
        "logGroupName": group,
        "metricFilterCount": 0,
    }
    assert aws.logs.describe_log_groups(logGroupNamePattern=f"no{group}")["logGroups"] == []


def test_create_log_group_with_tags(aws: Aws) -> None:
    name = unique("/test/tagged")
    aws.logs.create_log_group(logGroupName=name, tags={"env": "testing"})
    arn = f"arn:aws:logs:us-east-1:{ACCOUNT}:log-group:{name}"
    assert aws.logs.list_tags_for_resource(resourceArn=arn)["tags"] == {"env": "testing"}


def test_metric_filters(aws: Aws, group: str) -> None:
    name, metric, namespace = unique("filter"), unique("metric"), unique("namespace")
    transformation = {"metricName": metric, "metricNamespace": namespace, "metricValue": "1"}

    def put(pattern: str, **more: Any) -> None:
        aws.logs.put_metric_filter(
            logGroupName=group,
            filterName=name,
            filterPattern=pattern,
            metricTransformations=[transformation | more],
        )

    put("pattern")
    described = {
        "applyOnTransformedLogs": False,
        "filterName": name,
        "filterPattern": "pattern",
        "logGroupName": group,
        "metricTransformations": [transformation],
    }
    [by_group] = aws.logs.describe_metric_filters(logGroupName=group)["metricFilters"]
    assert shown(by_group, "creationTime") == described
    by_metric = aws.logs.describe_metric_filters(metricName=metric, metricNamespace=namespace)
    assert [shown(each, "creationTime") for each in by_metric["metricFilters"]] == [described]
    put('{$.message = "test"}', defaultValue=0)
    [changed] = aws.logs.describe_metric_filters(logGroupName=group)["metricFilters"]
    assert shown(changed, "creationTime") == described | {
        "filterPattern": '{$.message = "test"}',
        "metricTransformations": [transformation | {"defaultValue": 0}],
    }


def test_metric_filters_validation(aws: Aws, group: str) -> None:
    with refused(400, "InvalidParameterException", TOO_LONG):
        aws.logs.delete_metric_filter(logGroupName=group, filterName=LONG)
    with refused(400, "InvalidParameterException", NAMES_TOO_LONG):
        aws.logs.delete_metric_filter(logGroupName=LONG, filterName="f")
    with refused(400, "InvalidParameterException", TOO_LONG):
        aws.logs.put_metric_filter(
            logGroupName=group,
            filterName=LONG,
            filterPattern="p",
            metricTransformations=[{"metricName": "m", "metricNamespace": "n", "metricValue": "1"}],
        )


def test_resource_policies(aws: Aws) -> None:
    with refused(400, "ResourceNotFoundException", "Policy with name [non-existent] does not exist."):
        aws.logs.delete_resource_policy(policyName="non-existent")
    name = unique("policy")
    statement: dict[str, Any] = {"Effect": "Allow", "Resource": "*"}
    for action in ("logs:PutLogEvents", "logs:*"):
        statement |= {"Action": action, "Principal": {"Service": "route53.amazonaws.com"}}
        document = json.dumps({"Version": "2008-10-17", "Statement": [statement]})
        aws.logs.put_resource_policy(policyName=name, policyDocument=document)
    policies = aws.logs.describe_resource_policies()["resourcePolicies"]
    [policy] = [each for each in policies if each["policyName"] == name]
    assert shown(policy, "lastUpdatedTime") == {
        "policyDocument": document,
        "policyName": name,
        "policyScope": "ACCOUNT",
    }
    aws.logs.delete_resource_policy(policyName=name)


def test_log_streams(aws: Aws, group: str) -> None:
    for name in ("s-1", "s-2", "s-3", "other"):
        aws.logs.create_log_stream(logGroupName=group, logStreamName=name)
    with refused(400, "ResourceAlreadyExistsException", "The specified log stream already exists"):
        aws.logs.create_log_stream(logGroupName=group, logStreamName="s-1")
    found = aws.logs.describe_log_streams(logGroupName=group, logStreamNamePrefix="s-")["logStreams"]
    arn = f"arn:aws:logs:us-east-1:{ACCOUNT}:log-group:{group}:log-stream"
    assert [shown(stream, "creationTime") for stream in found] == [
        {"arn": f"{arn}:{name}", "logStreamName": name, "storedBytes": 0} for name in ("s-1", "s-2", "s-3")
    ]


def test_subscription_filters(aws: Aws, group: str) -> None:
    assert aws.logs.describe_subscription_filters(logGroupName=group)["subscriptionFilters"] == []
    with refused(400, "ResourceNotFoundException", NO_GROUP):
        aws.logs.describe_subscription_filters(logGroupName=f"{group}-other")
    with refused(400, "ResourceNotFoundException", NO_GROUP):
        aws.logs.delete_subscription_filter(logGroupName=f"{group}-other", filterName="test")
    with refused(400, "ResourceNotFoundException", "The specified subscription filter does not exist."):
        aws.logs.delete_subscription_filter(logGroupName=group, filterName="test")
    function = aws.function("def handler(event, context):\n    pass\n", aws.role(BASIC_EXECUTION))
    arn = f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:{function}"
    aws.functions.add_permission(
        FunctionName=function,
        StatementId="logs",
        Action="lambda:InvokeFunction",
        Principal="logs.us-east-1.amazonaws.com",
    )
    for pattern in ("", "[]"):
        aws.logs.put_subscription_filter(
            logGroupName=group, filterName="test", filterPattern=pattern, destinationArn=arn
        )
    [updated] = aws.logs.describe_subscription_filters(logGroupName=group)["subscriptionFilters"]
    assert shown(updated, "creationTime") == {
        "applyOnTransformedLogs": False,
        "destinationArn": arn,
        "distribution": "ByLogStream",
        "filterName": "test",
        "filterPattern": "[]",
        "logGroupName": group,
    }
    aws.logs.delete_subscription_filter(logGroupName=group, filterName="test")
    assert aws.logs.describe_subscription_filters(logGroupName=group)["subscriptionFilters"] == []
