"""Log groups as boto3 sees them: tags, retention, protection, and what is listed of them."""

from __future__ import annotations

import time

import pytest
from tests.support.aws import ACCOUNT, Aws, eventually, unique


def test_a_group_is_tagged_kept_for_a_while_protected_and_listed(aws: Aws) -> None:
    logs, name = aws.logs, unique("/test/groups")
    logs.create_log_group(logGroupName=name, tags={"team": "a"})
    logs.tag_log_group(logGroupName=name, tags={"stage": "test"})
    assert logs.list_tags_log_group(logGroupName=name)["tags"] == {"team": "a", "stage": "test"}
    logs.untag_log_group(logGroupName=name, tags=["team"])
    arn = f"arn:aws:logs:us-east-1:{ACCOUNT}:log-group:{name}"
    assert logs.list_tags_for_resource(resourceArn=arn)["tags"] == {"stage": "test"}

    logs.put_retention_policy(logGroupName=name, retentionInDays=7)
    (group,) = logs.describe_log_groups(logGroupNamePrefix=name)["logGroups"]
    assert (group["retentionInDays"], group["logGroupArn"]) == (7, arn)
    logs.delete_retention_policy(logGroupName=name)
    (group,) = logs.describe_log_groups(logGroupNamePrefix=name)["logGroups"]
    assert "retentionInDays" not in group
    with pytest.raises(logs.exceptions.InvalidParameterException, match="Value '2' at 'retentionInDays'"):
        logs.put_retention_policy(logGroupName=name, retentionInDays=2)

    logs.put_log_group_deletion_protection(logGroupIdentifier=name, deletionProtectionEnabled=True)
    with pytest.raises(logs.exceptions.ClientError, match="Deletion protection is enabled"):
        logs.delete_log_group(logGroupName=name)
    logs.put_log_group_deletion_protection(logGroupIdentifier=name, deletionProtectionEnabled=False)

    listed = logs.list_log_groups(logGroupNamePattern=name.rpartition("/")[2])["logGroups"]
    assert [each["logGroupName"] for each in listed] == [name]
    logs.delete_log_group(logGroupName=name)
    assert logs.describe_log_groups(logGroupNamePrefix=name)["logGroups"] == []


def test_what_a_pattern_matches_and_which_fields_a_group_has(aws: Aws) -> None:
    matches = aws.logs.test_metric_filter(
        filterPattern="[ip, user, status = 4*]", logEventMessages=["127.0.0.1 ann 404", "127.0.0.1 bob 200"]
    )["matches"]
    assert [(match["eventNumber"], match["extractedValues"]["$user"]) for match in matches] == [(1, "ann")]

    name = unique("/test/fields")
    aws.logs.create_log_group(logGroupName=name)
    aws.logs.create_log_stream(logGroupName=name, logStreamName="s")
    event = {"timestamp": int(time.time() * 1000), "message": '{"level": "INFO"}'}
    aws.logs.put_log_events(logGroupName=name, logStreamName="s", logEvents=[event])
    fields = aws.logs.get_log_group_fields(logGroupName=name)["logGroupFields"]
    assert {"name": "level", "percent": 100} in fields
    query = aws.logs.start_query(
        logGroupName=name,
        startTime=int(time.time()) - 60,
        endTime=int(time.time()) + 60,
        queryString="stats count(*)",
    )["queryId"]
    groups = aws.logs.list_log_groups_for_query(queryId=query)["logGroupIdentifiers"]
    assert len(groups) == 1
    assert name in groups[0]
    eventually(lambda: aws.logs.get_query_results(queryId=query)["status"] == "Complete", "the query's end")
